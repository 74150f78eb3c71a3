# hugot_add_modules(<package> <module>...): compile and install src/hugot/<package>/<module>.pyx.
# This file defines Cython's directives and the compiler's flags for all modules.

find_package(Python COMPONENTS Interpreter Development.Module REQUIRED)
find_package(Cython 3.1 MODULE REQUIRED)
include(UseCython)

if(HUGOT_DEBUG OR "$ENV{HUGOT_DEBUG}")
  message(STATUS "Compiled modules: with checks of bounds, None and overflow (HUGOT_DEBUG)")
  set(_hugot_checks True)
else()
  set(_hugot_checks False)
endif()

set(HUGOT_CYTHON_ARGS
    --fast-fail
    -X language_level=3
    -X binding=False
    -X embedsignature=True
    -X freethreading_compatible=True
    -X cdivision=True
    -X wraparound=False
    -X initializedcheck=${_hugot_checks}
    -X boundscheck=${_hugot_checks}
    -X nonecheck=${_hugot_checks}
    -X overflowcheck=${_hugot_checks})

set(HUGOT_C_FLAGS "")
if(NOT MSVC)
  # Without errno and trapping math, the compiler can vectorize loops over floats. Results remain those of
  # IEEE arithmetic: unlike -ffast-math, these flags keep NaN, infinities and the order of operations.
  set(HUGOT_C_FLAGS -fno-math-errno -fno-trapping-math -fvisibility=hidden)
endif()

if(NOT HUGOT_SANITIZE)
  set(HUGOT_SANITIZE "$ENV{HUGOT_SANITIZE}")
endif()
if(HUGOT_SANITIZE)
  message(STATUS "Compiled modules: with -fsanitize=${HUGOT_SANITIZE} (HUGOT_SANITIZE)")
  list(APPEND HUGOT_C_FLAGS -fsanitize=${HUGOT_SANITIZE} -fno-omit-frame-pointer -g -O1)
endif()

if(HUGOT_REFNANNY OR "$ENV{HUGOT_REFNANNY}")
  message(STATUS "Compiled modules: references counted by Cython's refnanny (HUGOT_REFNANNY)")
  list(APPEND HUGOT_C_FLAGS -DCYTHON_REFNANNY=1)
endif()

set(HUGOT_LINK_FLAGS "")
if(HUGOT_COVERAGE OR "$ENV{HUGOT_COVERAGE}")
  message(STATUS "Compiled modules: count the lines that run, for gcov (HUGOT_COVERAGE)")
  list(APPEND HUGOT_C_FLAGS --coverage -O0)
  list(APPEND HUGOT_LINK_FLAGS --coverage)
endif()
if(HUGOT_SANITIZE)
  list(APPEND HUGOT_LINK_FLAGS -fsanitize=${HUGOT_SANITIZE})
endif()

function(hugot_add_modules package)
  foreach(module IN LISTS ARGN)
    set(target "${package}.${module}")
    Cython_transpile("src/hugot/${package}/${module}.pyx"
                     LANGUAGE C
                     MODULE_NAME "hugot.${package}.${module}"
                     INCLUDE_DIRECTORIES src
                     CYTHON_ARGS ${HUGOT_CYTHON_ARGS}
                     OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/${package}/${module}.c"
                     OUTPUT_VARIABLE source)
    python_add_library("${target}" MODULE WITH_SOABI "${source}")
    set_target_properties("${target}" PROPERTIES OUTPUT_NAME "${module}" C_STANDARD 11
                          LIBRARY_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/${package}")
    target_include_directories("${target}" PRIVATE "src/hugot/${package}")
    target_compile_options("${target}" PRIVATE ${HUGOT_C_FLAGS})
    target_link_options("${target}" PRIVATE ${HUGOT_LINK_FLAGS})
    install(TARGETS "${target}" LIBRARY DESTINATION "hugot/${package}")
  endforeach()
endfunction()
