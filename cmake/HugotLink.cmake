# hugot_link_onnxruntime(<target>): bind the target to a system ONNX Runtime where there is one.
#
# The exports of libonnxruntime carry the tag VERS_x.y.z, so a reference to OrtGetApiBase would tie
# the module to one release. The target therefore only *needs* the library (DT_NEEDED and a run path)
# and looks the function up when it runs; the name to look for, the library's own SONAME, is
# compiled in.

function(hugot_link_onnxruntime target)
  if(NOT HUGOT_LINK MATCHES "^(auto|system|runtime)$")
    message(FATAL_ERROR "HUGOT_LINK is '${HUGOT_LINK}'; it can be auto, system or runtime")
  endif()
  if(HUGOT_LINK STREQUAL "runtime")
    message(STATUS "ONNX Runtime: loaded when hugot runs (HUGOT_LINK=runtime)")
    return()
  endif()

  find_package(OnnxRuntime)
  if(NOT OnnxRuntime_FOUND)
    if(HUGOT_LINK STREQUAL "system")
      message(FATAL_ERROR "HUGOT_LINK=system, but no ONNX Runtime was found. Set OnnxRuntime_ROOT to "
                          "the folder that holds lib/libonnxruntime.so, or use HUGOT_LINK=runtime.")
    endif()
    message(STATUS "ONNX Runtime: none on this system; the library of the onnxruntime package is "
                   "loaded when hugot runs")
    return()
  endif()

  message(STATUS "ONNX Runtime: ${OnnxRuntime_LIBRARY} (loaded as ${OnnxRuntime_SONAME})")
  target_compile_definitions("${target}" PRIVATE
    "HUGOT_LINKED_SONAME=\"${OnnxRuntime_SONAME}\""
    "HUGOT_LINKED_PATH=\"${OnnxRuntime_LIBRARY}\"")
  if(UNIX AND NOT APPLE)
    target_link_options("${target}" PRIVATE "LINKER:--no-as-needed")
    target_link_libraries("${target}" PRIVATE "${OnnxRuntime_LIBRARY}")
    set_target_properties("${target}" PROPERTIES
      BUILD_RPATH "${OnnxRuntime_LIBRARY_DIR}" INSTALL_RPATH "${OnnxRuntime_LIBRARY_DIR}")
  endif()
  if(OnnxRuntime_INCLUDE_DIR)
    hugot_check_abi("${OnnxRuntime_INCLUDE_DIR}")
  endif()
endfunction()

# Compile the table of slots in ort_abi.h against the real header: a slot or a signature that differs
# stops the build.
function(hugot_check_abi include_dir)
  message(CHECK_START "Comparing ort_abi.h with ${include_dir}/onnxruntime_c_api.h")
  try_compile(matches "${CMAKE_CURRENT_BINARY_DIR}/abi_check"
    SOURCES "${CMAKE_CURRENT_SOURCE_DIR}/src/hugot/_ort/abi_check.c"
    CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${include_dir}"
    C_STANDARD 11
    OUTPUT_VARIABLE output)
  if(NOT matches)
    message(CHECK_FAIL "they differ")
    message(FATAL_ERROR "${output}")
  endif()
  message(CHECK_PASS "they agree")
endfunction()
