"""A library that only pretends to be ONNX Runtime, compiled as it is needed."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

# Every function of the API succeeds and does nothing, but for creating an environment, which notes
# what it sees; the library says what it is told to. The numbers are slots of OrtApi.
SOURCE = """
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <pthread.h>
#include <unistd.h>
#endif

int asked_version = 0;
static char telemetry[32] = "no environment";
static int failure = 0;

const char* telemetry_when_created(void) { return telemetry; }

static void (*log_message)(void*, int, const char*, const char*, const char*, const char*);

void send_messages(int count, int size) {
  char* text = malloc((size_t)size + 16);
  for (int i = 0; i < count; ++i) {
    int begin = snprintf(text, 16, "%03d", i);
    if (begin < size) memset(text + begin, '.', (size_t)(size - begin));
    text[size] = 0;
    log_message(NULL, 2, "category", "id", "fake.cc:1 send", text);
  }
  free(text);
}

#ifndef _WIN32
static void* talk(void* unused) {
  for (;; usleep(200)) send_messages(10, 10);
  return unused;
}

void talk_for_ever(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, talk, NULL);
}
#endif

static void* succeed(void) { return NULL; }
static int error_code(const void* status) { return status == &failure ? 1 : -1; }
static const char* error_message(const void* status) { return status ? "out of luck" : ""; }

static void* create_environment(void* log, void* parameter, int level, const char* name,
                                void** environment) {
  const char* set = getenv("ORT_DISABLE_TELEMETRY");
  snprintf(telemetry, sizeof telemetry, "%s", set ? set : "unset");
  *environment = &failure;
  log_message = (void (*)(void*, int, const char*, const char*, const char*, const char*))log;
#ifdef NO_ENVIRONMENT
  return &failure;
#else
  return (void)parameter, (void)level, (void)name, NULL;
#endif
}

static const void* get_api(uint32_t version) {
  static const void* table[512];
  for (int i = 0; i < 512; ++i) table[i] = (const void*)succeed;
  table[1] = (const void*)error_code;
  table[2] = (const void*)error_message;
  table[4] = (const void*)create_environment;
  asked_version = (int)version;
#ifdef NO_API
  return NULL;
#else
  return table;
#endif
}

static const char* get_version(void) { return VERSION; }

static const struct {
  const void* (*get_api)(uint32_t);
  const char* (*get_version)(void);
} base = {get_api, get_version};

const void* OrtGetApiBase(void) { return &base; }
"""


def compile_onnxruntime(folder, version, *definitions, soname=None, path="fake/libonnxruntime.so"):
    """Compile a library of a version, and give its path; skips where nothing can compile it."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform == "win32":
        pytest.skip("there is no C compiler")
    source, library = folder / "fake_onnxruntime.c", folder / path
    source.write_text(SOURCE)
    library.parent.mkdir(parents=True, exist_ok=True)
    flags = [f"-D{name}" for name in (f'VERSION="{version}"', *definitions)]
    flags += [f"-Wl,-soname,{soname}"] if soname else []
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-pthread", *flags, "-o", library, source], check=True
    )
    return library
