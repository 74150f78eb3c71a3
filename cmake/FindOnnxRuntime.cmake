# Find an installed ONNX Runtime library.
#
# Hints:  OnnxRuntime_ROOT (variable or environment), CMAKE_PREFIX_PATH
# Search: the hints, the package's own CMake configuration, pkg-config, the system's folders
#
# Sets:   OnnxRuntime_FOUND
#         OnnxRuntime_LIBRARY      the file that was found
#         OnnxRuntime_LIBRARY_DIR  its folder
#         OnnxRuntime_SONAME       the name under which the loader knows it
#         OnnxRuntime_INCLUDE_DIR  the folder of onnxruntime_c_api.h, empty where there is none

set(_ort_suffixes lib lib64 "lib/${CMAKE_LIBRARY_ARCHITECTURE}")
set(_ort_headers include/onnxruntime include/onnxruntime/core/session include)

# A folder that was named comes before anything that is merely installed.
set(_ort_hints "")
foreach(_ort_hint IN ITEMS "${OnnxRuntime_ROOT}" "$ENV{OnnxRuntime_ROOT}")
  if(_ort_hint)
    list(APPEND _ort_hints "${_ort_hint}")
  endif()
endforeach()

if(_ort_hints)
  message(CHECK_START "Looking for ONNX Runtime in ${_ort_hints}")
  find_library(OnnxRuntime_LIBRARY NAMES onnxruntime PATHS ${_ort_hints}
               PATH_SUFFIXES ${_ort_suffixes} NO_DEFAULT_PATH)
  find_path(OnnxRuntime_INCLUDE_DIR NAMES onnxruntime_c_api.h PATHS ${_ort_hints}
            PATH_SUFFIXES ${_ort_headers} NO_DEFAULT_PATH)
  if(OnnxRuntime_LIBRARY)
    message(CHECK_PASS "${OnnxRuntime_LIBRARY}")
  else()
    message(CHECK_FAIL "not there")
  endif()
endif()

if(NOT OnnxRuntime_LIBRARY AND NOT _ort_hints)
  message(CHECK_START "Looking for ONNX Runtime's CMake configuration")
  find_package(onnxruntime CONFIG QUIET)
  if(TARGET onnxruntime::onnxruntime)
    get_target_property(OnnxRuntime_LIBRARY onnxruntime::onnxruntime LOCATION)
    get_target_property(OnnxRuntime_INCLUDE_DIR onnxruntime::onnxruntime
                        INTERFACE_INCLUDE_DIRECTORIES)
    list(GET OnnxRuntime_INCLUDE_DIR 0 OnnxRuntime_INCLUDE_DIR)
    message(CHECK_PASS "${OnnxRuntime_LIBRARY}")
  else()
    message(CHECK_FAIL "none")
  endif()
endif()

if(NOT OnnxRuntime_LIBRARY AND NOT _ort_hints)
  message(CHECK_START "Looking for ONNX Runtime with pkg-config and in the system's folders")
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(PC_OnnxRuntime QUIET libonnxruntime)
  endif()
  find_library(OnnxRuntime_LIBRARY NAMES onnxruntime HINTS ${PC_OnnxRuntime_LIBRARY_DIRS})
  find_path(OnnxRuntime_INCLUDE_DIR NAMES onnxruntime_c_api.h
            HINTS ${PC_OnnxRuntime_INCLUDE_DIRS} PATH_SUFFIXES onnxruntime
                  onnxruntime/core/session)
  if(OnnxRuntime_LIBRARY)
    message(CHECK_PASS "${OnnxRuntime_LIBRARY}")
  else()
    message(CHECK_FAIL "none")
  endif()
endif()

if(NOT OnnxRuntime_INCLUDE_DIR)
  set(OnnxRuntime_INCLUDE_DIR "")
endif()

if(OnnxRuntime_LIBRARY)
  get_filename_component(OnnxRuntime_LIBRARY_DIR "${OnnxRuntime_LIBRARY}" DIRECTORY)
  # Distributions name the library with more or fewer digits (.so.1, .so.1.21): ask the file itself.
  get_filename_component(OnnxRuntime_SONAME "${OnnxRuntime_LIBRARY}" NAME)
  if(UNIX AND NOT APPLE)
    execute_process(COMMAND "${CMAKE_OBJDUMP}" -p "${OnnxRuntime_LIBRARY}"
                    OUTPUT_VARIABLE _ort_dynamic RESULT_VARIABLE _ort_failed ERROR_QUIET)
    if(NOT _ort_failed AND _ort_dynamic MATCHES "SONAME[ \t]+([^ \t\n]+)")
      set(OnnxRuntime_SONAME "${CMAKE_MATCH_1}")
    endif()
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OnnxRuntime REQUIRED_VARS OnnxRuntime_LIBRARY
                                  OnnxRuntime_SONAME)
mark_as_advanced(OnnxRuntime_LIBRARY OnnxRuntime_INCLUDE_DIR)
