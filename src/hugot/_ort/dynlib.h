/* Shared libraries and native paths, on POSIX and on Windows. */
#ifndef HUGOT_DYNLIB_H
#define HUGOT_DYNLIB_H

#include <Python.h>
#include <stdio.h>

#ifdef _WIN32
#include <windows.h>

static void* hugot_dl_open(PyObject* name, int loaded_only) {
  wchar_t* wide = PyUnicode_AsWideCharString(name, NULL);
  if (wide == NULL) return NULL;
  HMODULE module = NULL;
  if (loaded_only) {
    GetModuleHandleExW(0, wide, &module);
  } else {
    /* These flags let Windows search the library's own folder for its dependencies. */
    module = LoadLibraryExW(wide, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
    if (module == NULL) module = LoadLibraryW(wide);
  }
  PyMem_Free(wide);
  return (void*)module;
}

static void* hugot_dl_symbol(void* library, const char* name) {
  return (void*)GetProcAddress((HMODULE)library, name);
}

static PyObject* hugot_dl_error(void) { return PyUnicode_FromFormat("Windows error %lu", GetLastError()); }

static PyObject* hugot_dl_path(void* symbol) {
  HMODULE module = NULL;
  wchar_t path[32768];
  DWORD length;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                     (LPCWSTR)symbol, &module);
  length = GetModuleFileNameW(module, path, 32768);
  return PyUnicode_FromWideChar(path, length);
}

static wchar_t* hugot_native_path(PyObject* path) { return PyUnicode_AsWideCharString(path, NULL); }

#else
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>

static void* hugot_dl_open(PyObject* name, int loaded_only) {
  PyObject* bytes = PyUnicode_EncodeFSDefault(name);
  if (bytes == NULL) return NULL;
  void* library;
  Py_BEGIN_ALLOW_THREADS
  library = dlopen(PyBytes_AS_STRING(bytes), RTLD_NOW | RTLD_LOCAL | (loaded_only ? RTLD_NOLOAD : 0));
  Py_END_ALLOW_THREADS
  Py_DECREF(bytes);
  return library;
}

static void* hugot_dl_symbol(void* library, const char* name) { return dlsym(library, name); }

static PyObject* hugot_dl_error(void) {
  const char* text = dlerror();
  return PyUnicode_DecodeFSDefault(text ? text : "unknown error");
}

/* Returns the path of the library that contains `symbol`. */
static PyObject* hugot_dl_path(void* symbol) {
  Dl_info info;
  if (dladdr(symbol, &info) == 0 || info.dli_fname == NULL) return PyUnicode_FromString("");
  return PyUnicode_DecodeFSDefault(info.dli_fname);
}

static char* hugot_native_path(PyObject* path) {
  PyObject* bytes = NULL;
  if (!PyUnicode_FSConverter(path, &bytes)) return NULL; /* raises for a null character */
  size_t size = (size_t)PyBytes_GET_SIZE(bytes) + 1;
  char* copy = PyMem_Malloc(size);
  if (copy != NULL) memcpy(copy, PyBytes_AS_STRING(bytes), size);
  else PyErr_NoMemory();
  Py_DECREF(bytes);
  return copy;
}
#endif
#endif
