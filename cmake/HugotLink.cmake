# hugot_link_onnxruntime(<target>): link the target against a system ONNX Runtime if there is one.
#
# The exports of libonnxruntime have the tag VERS_x.y.z, so that a reference to OrtGetApiBase would tie
# the module to one release. The target therefore only depends on the library (DT_NEEDED and a run path)
# and looks up the function at run time, in the library with the SONAME that is compiled in.

function(hugot_link_onnxruntime target)
  if(NOT HUGOT_LINK MATCHES "^(auto|system|runtime)$")
    message(FATAL_ERROR "HUGOT_LINK is '${HUGOT_LINK}'; it can be auto, system or runtime")
  endif()
  # The system folder of Windows contains an old onnxruntime.dll.
  if(HUGOT_LINK STREQUAL "runtime" OR (WIN32 AND HUGOT_LINK STREQUAL "auto"))
    message(STATUS "ONNX Runtime: loaded when hugot runs")
    return()
  endif()

  # The oldest supported version: OLDEST_MINOR in src/hugot/_ort/library.pyx.
  find_package(OnnxRuntime 1.19 QUIET)
  if(NOT OnnxRuntime_FOUND)
    hugot_refuse_missing_library()
    message(STATUS "ONNX Runtime: loaded when hugot runs")
    return()
  endif()

  message(STATUS "ONNX Runtime: linked against ${OnnxRuntime_SONAME} in ${OnnxRuntime_LIBRARY_DIR}")
  target_compile_definitions("${target}" PRIVATE
    "HUGOT_LINKED_SONAME=\"${OnnxRuntime_SONAME}\""
    "HUGOT_LINKED_PATH=\"${OnnxRuntime_LIBRARY_DIR}/${OnnxRuntime_SONAME}\"")
  if(UNIX AND NOT APPLE)
    target_link_options("${target}" PRIVATE "LINKER:--no-as-needed")
    target_link_libraries("${target}" PRIVATE "${OnnxRuntime_LIBRARY}")
    set_target_properties("${target}" PROPERTIES
      BUILD_RPATH "${OnnxRuntime_LIBRARY_DIR}" INSTALL_RPATH "${OnnxRuntime_LIBRARY_DIR}")
  endif()
  if(OnnxRuntime_INCLUDE_DIR AND CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
    hugot_check_abi("${OnnxRuntime_INCLUDE_DIR}")
  endif()
endfunction()

# Fail if a library was requested and none can be used; pip does not show warnings.
function(hugot_refuse_missing_library)
  if(HUGOT_LINK STREQUAL "system")
    message(FATAL_ERROR "HUGOT_LINK=system, but no ONNX Runtime was found. Set OnnxRuntime_ROOT to "
                        "the folder that holds lib/libonnxruntime.so, or use HUGOT_LINK=runtime.")
  endif()
  if(OnnxRuntime_ROOT OR NOT "$ENV{OnnxRuntime_ROOT}" STREQUAL "")
    message(FATAL_ERROR "OnnxRuntime_ROOT names a folder without an ONNX Runtime that can be used "
                        "(see above). Set it to the folder that holds lib/libonnxruntime.so, or "
                        "unset it, or use HUGOT_LINK=runtime.")
  endif()
endfunction()

# Compile the table of slots in ort_abi.h against the real header. A different slot or signature is a
# fatal error.
function(hugot_check_abi include_dir)
  message(CHECK_START "Comparing ort_abi.h with onnxruntime_c_api.h in ${include_dir}")
  try_compile(HUGOT_ABI_AGREES "${CMAKE_CURRENT_BINARY_DIR}/abi_check"
              SOURCES "${CMAKE_CURRENT_SOURCE_DIR}/src/hugot/_ort/abi_check.c"
              CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${include_dir}"
              C_STANDARD 11
              OUTPUT_VARIABLE output)
  if(HUGOT_ABI_AGREES)
    message(CHECK_PASS "they agree")
    return()
  endif()
  message(CHECK_FAIL "they differ")
  string(REGEX MATCHALL "[A-Za-z0-9_]+ has another [a-z]+" differences "${output}")
  list(REMOVE_DUPLICATES differences)
  list(JOIN differences "\n  " differences)
  if(NOT differences)
    set(differences "${output}")
  endif()
  message(FATAL_ERROR "src/hugot/_ort/ort_abi.h does not describe the ONNX Runtime of "
                      "${include_dir}:\n  ${differences}")
endfunction()
