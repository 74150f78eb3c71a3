/* The highest scores of a row. */
#ifndef HUGOT_RANKING_H
#define HUGOT_RANKING_H

#include <stdlib.h>

#include "simd.h"

/* Maximum k for insertion into a sorted list; for more, all scores are sorted. */
#define HUGOT_MAX_INSERTION 32

/* A sort key, smaller for a higher score and, among equal scores, for an earlier place. NaN is last. */
HUGOT_INLINE uint64_t hugot_rank(float score, uint32_t place) {
  const float value = score + 0.0f; /* -0 and 0 are equal */
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  bits = bits >> 31 ? bits : 0x7fffffffu - bits;
  if (score != score) bits = 0xffffffffu;
  return (uint64_t)bits << 32 | place;
}

static int hugot_compare(const void* a, const void* b) {
  const uint64_t x = *(const uint64_t*)a, y = *(const uint64_t*)b;
  return (x > y) - (x < y);
}

/* Write the places of the `k` highest of `count` scores to `order`, k <= count. `ranks` is scratch memory
 * for `count` numbers. */
static void hugot_top_k(const float* scores, ptrdiff_t count, ptrdiff_t k, uint64_t* ranks, int32_t* order) {
  if (k > HUGOT_MAX_INSERTION) {
    for (ptrdiff_t i = 0; i < count; ++i) ranks[i] = hugot_rank(scores[i], (uint32_t)i);
    qsort(ranks, count, sizeof *ranks, hugot_compare);
  } else {
    ptrdiff_t kept = 0;
    for (ptrdiff_t i = 0; i < count; ++i) {
      const uint64_t rank = hugot_rank(scores[i], (uint32_t)i);
      if (kept == k && rank > ranks[k - 1]) continue;
      ptrdiff_t at = kept < k ? kept++ : k - 1;
      for (; at > 0 && ranks[at - 1] > rank; --at) ranks[at] = ranks[at - 1];
      ranks[at] = rank;
    }
  }
  for (ptrdiff_t i = 0; i < k; ++i) order[i] = (int32_t)(uint32_t)ranks[i];
}

#endif
