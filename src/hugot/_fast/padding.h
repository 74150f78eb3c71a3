/* Padding of one row of ids, with its attention mask. */
#ifndef HUGOT_PADDING_H
#define HUGOT_PADDING_H

#include "simd.h"

/* Write `count` ids and the padding with `pad_id` to a line of `width`; write 1 for ids and 0 for padding
 * to `mask`. */
HUGOT_CLONES static void hugot_pad_line(int64_t* restrict line, int64_t* restrict mask,
                                        const int32_t* restrict ids, ptrdiff_t count, ptrdiff_t width,
                                        int64_t pad_id, int left) {
  const ptrdiff_t first = left ? width - count : 0;
  const ptrdiff_t padding = left ? 0 : count;
  for (ptrdiff_t j = 0; j < count; ++j) line[first + j] = ids[j];
  for (ptrdiff_t j = 0; j < width - count; ++j) line[padding + j] = pad_id;
  for (ptrdiff_t j = 0; j < count; ++j) mask[first + j] = 1;
  for (ptrdiff_t j = 0; j < width - count; ++j) mask[padding + j] = 0;
}

#endif
