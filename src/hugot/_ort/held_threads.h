/* Threads for ONNX Runtime's pool that sleep until they are released.
 *
 * A worker without work spins for about 50 ms before it sleeps, beginning with the creation of the pool.
 * During the start of a program, this takes a CPU from the threads that load the rest. Held threads sleep
 * until the gate is opened; until then, the calling thread does all the work of the pool.
 */
#ifndef HUGOT_HELD_THREADS_H
#define HUGOT_HELD_THREADS_H

#include "ort_abi.h"

#ifdef _WIN32
typedef struct HugotGate HugotGate;
static HugotGate* hugot_gate_new(void) { return NULL; }
static void hugot_gate_open(HugotGate* gate) { (void)gate; }
static void hugot_gate_free(HugotGate* gate) { (void)gate; }
static OrtStatus* hugot_hold_threads(HugotOrtApi* api, OrtSessionOptions* options, HugotGate* gate) {
  (void)api, (void)options, (void)gate;
  return NULL;
}
#else
#include <pthread.h>
#include <stdlib.h>

typedef struct HugotGate {
  pthread_mutex_t mutex;
  pthread_cond_t opened;
  int open;
} HugotGate;

typedef struct HugotHeldThread {
  HugotGate* gate;
  OrtThreadWorkerFn work;
  void* argument;
  pthread_t thread;
} HugotHeldThread;

/* Returns NULL if memory runs out; the threads are then not held. */
static HugotGate* hugot_gate_new(void) {
  HugotGate* gate = malloc(sizeof(HugotGate));
  if (gate == NULL) return NULL;
  pthread_mutex_init(&gate->mutex, NULL);
  pthread_cond_init(&gate->opened, NULL);
  gate->open = 0;
  return gate;
}

static void hugot_gate_open(HugotGate* gate) {
  pthread_mutex_lock(&gate->mutex);
  gate->open = 1;
  pthread_cond_broadcast(&gate->opened);
  pthread_mutex_unlock(&gate->mutex);
}

static void hugot_gate_free(HugotGate* gate) {
  pthread_cond_destroy(&gate->opened);
  pthread_mutex_destroy(&gate->mutex);
  free(gate);
}

static void* hugot_held_thread(void* argument) {
  HugotHeldThread* held = argument;
  pthread_mutex_lock(&held->gate->mutex);
  while (!held->gate->open) pthread_cond_wait(&held->gate->opened, &held->gate->mutex);
  pthread_mutex_unlock(&held->gate->mutex);
  held->work(held->argument);
  return NULL;
}

/* An OrtCustomCreateThreadFn. ONNX Runtime reports an error if it returns NULL. */
static OrtCustomThreadHandle hugot_create_thread(void* gate, OrtThreadWorkerFn work, void* argument) {
  HugotHeldThread* held = malloc(sizeof(HugotHeldThread));
  if (held == NULL) return NULL;
  held->gate = gate;
  held->work = work;
  held->argument = argument;
  if (pthread_create(&held->thread, NULL, hugot_held_thread, held) != 0) {
    free(held);
    return NULL;
  }
  return (OrtCustomThreadHandle)held;
}

/* An OrtCustomJoinThreadFn. */
static void hugot_join_thread(OrtCustomThreadHandle handle) {
  HugotHeldThread* held = (HugotHeldThread*)handle;
  hugot_gate_open(held->gate); /* in case the session ends or fails before its gate is opened */
  pthread_join(held->thread, NULL);
  free(held);
}

static OrtStatus* hugot_hold_threads(HugotOrtApi* api, OrtSessionOptions* options, HugotGate* gate) {
  OrtStatus* status = api->SessionOptionsSetCustomCreateThreadFn(options, hugot_create_thread);
  if (status == NULL) status = api->SessionOptionsSetCustomThreadCreationOptions(options, gate);
  if (status == NULL) status = api->SessionOptionsSetCustomJoinThreadFn(options, hugot_join_thread);
  return status;
}
#endif
#endif
