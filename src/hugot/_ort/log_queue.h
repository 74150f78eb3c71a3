/* A queue of ONNX Runtime's messages, from any thread to a thread that holds the GIL.
 *
 * ONNX Runtime calls its logging function from any thread: those of its pools, one inside a call with the
 * GIL held, one that outlives the interpreter. Waiting for the GIL in there could deadlock. Messages are
 * therefore only added to a list, and `Library.check` logs them after a call. The list has no lock,
 * because a child of fork() could inherit a locked one.
 */
#ifndef HUGOT_LOG_QUEUE_H
#define HUGOT_LOG_QUEUE_H

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ort_abi.h"

#ifdef _WIN32
#include <intrin.h>
#define HUGOT_SWAP_POINTER(place, value) _InterlockedExchangePointer((void* volatile*)(place), (value))
#define HUGOT_REPLACE_POINTER(place, old, value) \
  (_InterlockedCompareExchangePointer((void* volatile*)(place), (value), (old)) == (old))
#define HUGOT_ADD(place, value) _InterlockedExchangeAdd((volatile long*)(place), (value))
#else
#define HUGOT_SWAP_POINTER(place, value) __atomic_exchange_n((place), (value), __ATOMIC_ACQ_REL)
#define HUGOT_REPLACE_POINTER(place, old, value) __sync_bool_compare_and_swap((place), (old), (value))
#define HUGOT_ADD(place, value) __sync_fetch_and_add((place), (value))
#endif

/* Maximum size of the queue in bytes; messages beyond it are counted and dropped. */
#define HUGOT_LOG_LIMIT (4L << 20)

typedef struct HugotMessage {
  struct HugotMessage* next;
  double seconds; /* since 1970 */
  int severity;
  long size;
  const char* place; /* "file.cc:12 Function" */
  const char* text;
} HugotMessage;

static HugotMessage* volatile hugot_log_newest = NULL;
static volatile long hugot_log_bytes = 0;
static volatile long hugot_log_dropped = 0;

static inline int hugot_log_pending(void) { return hugot_log_newest != NULL; }

static double hugot_log_now(void) {
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* An OrtLoggingFunction. */
static void ORT_API_CALL hugot_log_put(void* unused, OrtLoggingLevel severity, const char* category,
                                       const char* logid, const char* place, const char* text) {
  (void)unused, (void)category, (void)logid;
  size_t place_size = strlen(place) + 1, text_size = strlen(text) + 1;
  long size = (long)(sizeof(HugotMessage) + place_size + text_size);
  HugotMessage* message = NULL;
  if (HUGOT_ADD(&hugot_log_bytes, size) + size <= HUGOT_LOG_LIMIT) message = malloc((size_t)size);
  if (message == NULL) {
    HUGOT_ADD(&hugot_log_bytes, -size);
    HUGOT_ADD(&hugot_log_dropped, 1);
    return;
  }
  char* strings = (char*)(message + 1);
  message->seconds = hugot_log_now();
  message->severity = (int)severity;
  message->size = size;
  message->place = memcpy(strings, place, place_size);
  message->text = memcpy(strings + place_size, text, text_size);
  do {
    message->next = hugot_log_newest;
  } while (!HUGOT_REPLACE_POINTER(&hugot_log_newest, message->next, message));
}

/* Empties the queue and returns its messages, oldest first. The caller frees each with hugot_log_free. */
static HugotMessage* hugot_log_take(void) {
  HugotMessage* newest = HUGOT_SWAP_POINTER(&hugot_log_newest, NULL);
  HugotMessage* oldest = NULL;
  while (newest != NULL) {
    HugotMessage* next = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = next;
  }
  return oldest;
}

static void hugot_log_free(HugotMessage* message) {
  HUGOT_ADD(&hugot_log_bytes, -message->size);
  free(message);
}

/* Returns the number of messages that were dropped since the last call. */
static long hugot_log_take_dropped(void) {
  long dropped = hugot_log_dropped;
  HUGOT_ADD(&hugot_log_dropped, -dropped);
  return dropped;
}
#endif
