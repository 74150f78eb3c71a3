# Find an installed, shared ONNX Runtime library.
#
# Search: OnnxRuntime_ROOT (variable or environment) and, if it is set, nothing else;
#         pkg-config, CMAKE_PREFIX_PATH and the system's folders;
#         ONNX Runtime's CMake configuration. It is the last because in the archives of ONNX Runtime
#         1.19 to 1.23 it names folders that do not exist, which is a fatal error in CMake.
#
# Sets:   OnnxRuntime_FOUND
#         OnnxRuntime_LIBRARY      path of the library
#         OnnxRuntime_VERSION      its version, empty if it is unknown
#         OnnxRuntime_SONAME       the name by which the loader finds it
#         OnnxRuntime_LIBRARY_DIR  the folder that contains it under this name
#         OnnxRuntime_INCLUDE_DIR  the folder of onnxruntime_c_api.h, false if there is none
#
# None of them is cached, so that an existing build folder follows a changed hint.

set(_ort_root "${OnnxRuntime_ROOT}")
if(NOT _ort_root)
  set(_ort_root "$ENV{OnnxRuntime_ROOT}")
endif()

if(_ort_root)
  get_filename_component(_ort_root "${_ort_root}" ABSOLUTE BASE_DIR "${CMAKE_SOURCE_DIR}")
  message(CHECK_START "Looking for ONNX Runtime in ${_ort_root}")
  set(_ort_search PATHS "${_ort_root}" NO_DEFAULT_PATH)
else()
  message(CHECK_START "Looking for ONNX Runtime on this system")
  set(_ort_pkgconfig "")
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    foreach(_ort_variable IN ITEMS libdir includedir)
      pkg_get_variable(_ort_folder libonnxruntime "${_ort_variable}")
      list(APPEND _ort_pkgconfig "${_ort_folder}")
    endforeach()
  endif()
  set(_ort_search HINTS ${_ort_pkgconfig})
endif()

find_library(OnnxRuntime_LIBRARY NO_CACHE
             NAMES "${CMAKE_SHARED_LIBRARY_PREFIX}onnxruntime${CMAKE_SHARED_LIBRARY_SUFFIX}"
             ${_ort_search} PATH_SUFFIXES lib lib64 "lib/${CMAKE_LIBRARY_ARCHITECTURE}")
find_path(OnnxRuntime_INCLUDE_DIR NO_CACHE NAMES onnxruntime_c_api.h
          ${_ort_search} PATH_SUFFIXES onnxruntime onnxruntime/core/session include
          include/onnxruntime include/onnxruntime/core/session)

if(NOT OnnxRuntime_LIBRARY AND NOT _ort_root)
  find_package(onnxruntime CONFIG QUIET)
  if(TARGET onnxruntime::onnxruntime)
    get_target_property(OnnxRuntime_LIBRARY onnxruntime::onnxruntime LOCATION)
    get_target_property(_ort_headers onnxruntime::onnxruntime INTERFACE_INCLUDE_DIRECTORIES)
    find_path(OnnxRuntime_INCLUDE_DIR NO_CACHE NAMES onnxruntime_c_api.h
              PATHS ${_ort_headers} NO_DEFAULT_PATH)
  endif()
endif()

# The name that the linker writes into the module and that the loader searches for.
set(OnnxRuntime_SONAME "")
set(OnnxRuntime_VERSION "")
set(OnnxRuntime_LIBRARY_DIR "")
if(OnnxRuntime_LIBRARY)
  get_filename_component(_ort_file "${OnnxRuntime_LIBRARY}" REALPATH)
  get_filename_component(OnnxRuntime_SONAME "${OnnxRuntime_LIBRARY}" NAME)
  # The number of digits in the name depends on the distribution (.so.1, .so.1.21): read it from the file.
  execute_process(COMMAND "${CMAKE_OBJDUMP}" -p "${_ort_file}"
                  OUTPUT_VARIABLE _ort_dynamic ERROR_QUIET)
  if(_ort_dynamic MATCHES "SONAME[ \t]+([^ \t\n]+)")
    set(OnnxRuntime_SONAME "${CMAKE_MATCH_1}")
  endif()
  # The functions have the version as a tag. The file name may contain it.
  if(_ort_dynamic MATCHES "VERS_([0-9]+\\.[0-9.]*[0-9])")
    set(OnnxRuntime_VERSION "${CMAKE_MATCH_1}")
  elseif(_ort_file MATCHES "onnxruntime\\.[a-z.]*([0-9]+\\.[0-9.]*[0-9])")
    set(OnnxRuntime_VERSION "${CMAKE_MATCH_1}")
  endif()
  foreach(_ort_alias IN ITEMS "${OnnxRuntime_LIBRARY}" "${_ort_file}")
    get_filename_component(_ort_folder "${_ort_alias}" DIRECTORY)
    if(NOT OnnxRuntime_LIBRARY_DIR AND EXISTS "${_ort_folder}/${OnnxRuntime_SONAME}")
      set(OnnxRuntime_LIBRARY_DIR "${_ort_folder}")
    endif()
  endforeach()
endif()

if(NOT OnnxRuntime_LIBRARY)
  message(CHECK_FAIL "not found")
elseif(NOT OnnxRuntime_LIBRARY_DIR)
  message(CHECK_FAIL "${OnnxRuntime_LIBRARY} has no ${OnnxRuntime_SONAME} beside it, by which "
                     "programs would load it")
elseif(OnnxRuntime_VERSION AND OnnxRuntime_VERSION VERSION_LESS "${OnnxRuntime_FIND_VERSION}")
  message(CHECK_FAIL "${OnnxRuntime_LIBRARY} is version ${OnnxRuntime_VERSION}, older than "
                     "${OnnxRuntime_FIND_VERSION}")
  set(OnnxRuntime_LIBRARY "")
else()
  message(CHECK_PASS "${OnnxRuntime_LIBRARY} ${OnnxRuntime_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
# No VERSION_VAR, which would reject a library of unknown version.
find_package_handle_standard_args(
  OnnxRuntime REQUIRED_VARS OnnxRuntime_LIBRARY OnnxRuntime_LIBRARY_DIR OnnxRuntime_SONAME)
