"""A library that only pretends to be ONNX Runtime, has providers, and notes what it is told."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from functools import cache

import pytest

# Functions that are not written here succeed and do nothing. The numbers are slots of OrtApi; a session
# has no inputs and outputs. A setting with the key "bad" is refused.
SOURCE = r"""
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static char events[1 << 16];
static size_t used = 0;
static int failure = 0, there = 0, registered = 0;
static char message[256];

static void note(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  used += (size_t)vsnprintf(events + used, sizeof events - used, format, arguments);
  va_end(arguments);
}

const char* taken(void) {
  static char copy[sizeof events];
  memcpy(copy, events, used);
  copy[used] = 0;
  used = 0;
  return copy;
}

static void* succeed(void) { return NULL; }
static int error_code(const void* status) { return status ? 1 : -1; }
static const char* error_message(const void* status) { return status ? message : ""; }

static void* settings(const char* what, const char* const* keys, const char* const* values, size_t n) {
  note("%s", what);
  for (size_t i = 0; i < n; ++i) {
    note(" %s=%s", keys[i], values[i]);
    if (strcmp(keys[i], "bad") == 0) {
      snprintf(message, sizeof message, "Unknown provider option: \"%s\"", keys[i]);
      note("\n");
      return &failure;
    }
  }
  note("\n");
  return NULL;
}

static const char* names[] = {PROVIDERS};
static void* available(const char* const** out, int* count) {
  *out = names;
  *count = (int)(sizeof names / sizeof *names);
  return NULL;
}

static void* create(void** out) { return *out = &there, NULL; }
static void* create_session(void* env, const char* path, void* options, void** out) {
  return (void)env, (void)path, (void)options, note("create session\n"), *out = &there, NULL;
}
static void* update_cuda(void* o, const char* const* k, const char* const* v, size_t n) {
  return (void)o, settings("cuda settings", k, v, n);
}
static void* append_cuda(void* s, void* o) { return (void)s, (void)o, note("append cuda\n"), NULL; }
static void release_cuda(void* o) { (void)o, note("release cuda\n"); }
static void* update_tensorrt(void* o, const char* const* k, const char* const* v, size_t n) {
  return (void)o, settings("tensorrt settings", k, v, n);
}
static void* append_tensorrt(void* s, void* o) {
  return (void)s, (void)o, note("append tensorrt\n"), NULL;
}
static void release_tensorrt(void* o) { (void)o, note("release tensorrt\n"); }
static void* append(void* s, const char* name, const char* const* k, const char* const* v, size_t n) {
  char what[128];
  snprintf(what, sizeof what, "append %s", name);
  return (void)s, settings(what, k, v, n);
}
static void* configure(void* s, const char* key, const char* value) {
  return (void)s, note("config %s=%s\n", key, value), NULL;
}
static void* disable_pattern(void* s) { return (void)s, note("no memory pattern\n"), NULL; }
static void* execution_mode(void* s, int mode) {
  return (void)s, note("execution mode %d\n", mode), NULL;
}

/* Devices: one of each type for the provider "FakeExecutionProvider", once a plugin is registered. */
static const int types[] = {0, 1, 2};
static const int* devices[] = {&types[0], &types[1], &types[2]};
static void* add_plugin(void* env, const char* name, const char* path) {
  (void)env, registered += OFFERED;
  return note("register %s %s\n", name, strrchr(path, '/') + 1), NULL;
}
static void* list_devices(const void* env, const void** out, size_t* count) {
  return (void)env, *out = devices, *count = registered ? 3 : 0, NULL;
}
static int device_type(const int* device) { return *device; }
static const char* device_provider(const void* device) { return (void)device, "FakeExecutionProvider"; }
static const void* device_itself(const void* device) { return device; }
static void* append_devices(void* s, void* env, const int* const* d, size_t count,
                            const char* const* k, const char* const* v, size_t n) {
  (void)s, (void)env, note("devices");
  for (size_t i = 0; i < count; ++i) note(" %d", *d[i]);
  return settings(" with", k, v, n);
}

/* Placement: NODES nodes on each of the names in PLACED. */
static const char* placed[] = {PLACED};
static const void* parts[8];
static void* assignment(const void* session, const void** out, size_t* count) {
  (void)session, *count = sizeof placed / sizeof *placed;
  for (size_t i = 0; i < *count; ++i) parts[i] = placed[i];
  return *out = parts, NULL;
}
static void* part_name(const void* part, const char** out) { return *out = part, NULL; }
static void* part_nodes(const void* part, const void** out, size_t* count) {
  return (void)part, *out = NULL, *count = NODES, NULL;
}

static const void* get_api(uint32_t version) {
  static const void* table[512];
  (void)version;
  for (int i = 0; i < 512; ++i) table[i] = (const void*)succeed;
  table[1] = error_code, table[2] = error_message, table[7] = create_session;
  table[13] = execution_mode, table[17] = disable_pattern, table[125] = available;
  table[130] = configure, table[170] = append_tensorrt, table[171] = create;
  table[172] = update_tensorrt, table[174] = release_tensorrt, table[204] = append_cuda;
  table[205] = create, table[206] = update_cuda, table[208] = release_cuda, table[216] = append;
  table[301] = add_plugin, table[303] = list_devices, table[304] = append_devices;
  table[307] = device_type, table[312] = device_provider, table[316] = device_itself;
  table[407] = assignment, table[408] = part_name, table[409] = part_nodes;
  return table;
}

static const char* get_version(void) { return VERSION; }
static const struct {
  const void* (*get_api)(uint32_t);
  const char* (*get_version)(void);
} base = {get_api, get_version};
const void* OrtGetApiBase(void) { return &base; }
"""


def compile_library(folder, *providers, version="1.24.0", placed=None, nodes=3, offered=1):
    """Compile a library with these providers, and give its path; skips where nothing can compile it.

    A session has `nodes` nodes on each of the providers in `placed`; a plugin offers devices or not.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("there is no C compiler")
    source, library = folder / "fake.c", folder / "libonnxruntime.so"
    source.write_text(SOURCE)
    names = (*providers, "CPUExecutionProvider")
    definitions = {
        "VERSION": f'"{version}"',
        "PROVIDERS": ",".join(f'"{name}"' for name in names),
        "PLACED": ",".join(f'"{name}"' for name in (names if placed is None else placed)),
        "NODES": nodes,
        "OFFERED": offered,
    }
    flags = [f"-D{name}={value}" for name, value in definitions.items()]
    subprocess.run([compiler, "-shared", "-fPIC", "-w", *flags, "-o", library, source], check=True)
    return library


@cache
def _read(path):
    read = ctypes.CDLL(str(path)).taken
    read.restype = ctypes.c_char_p
    return read


def told(path):
    """What the library was told since the last time, as lines."""
    return _read(path)().decode().splitlines()
