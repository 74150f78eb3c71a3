/* Sums, maxima and lengths of vectors of float32. */
#ifndef HUGOT_VECTORS_H
#define HUGOT_VECTORS_H

#include "simd.h"

/* out[d] += x[d] * weight */
HUGOT_CLONES static void hugot_add_scaled(float* restrict out, const float* restrict x, float weight,
                                          ptrdiff_t dim) {
  for (ptrdiff_t d = 0; d < dim; ++d) out[d] += x[d] * weight;
}

/* out[d] = sum over `tokens` rows of x[t, d], in the order of the rows.
 *
 * Four rows are added at a time, so that the sums are read and written once for four rows. Memory is read
 * sequentially, which suits the processor's prefetcher.
 */
HUGOT_CLONES static void hugot_sum_rows(float* restrict out, const float* restrict x, ptrdiff_t tokens,
                                        ptrdiff_t dim) {
  ptrdiff_t t = 0;
  memset(out, 0, dim * sizeof *out);
  for (; t + 4 <= tokens; t += 4, x += 4 * dim)
    for (ptrdiff_t d = 0; d < dim; ++d)
      out[d] = (((out[d] + x[d]) + x[dim + d]) + x[2 * dim + d]) + x[3 * dim + d];
  for (; t < tokens; ++t, x += dim)
    for (ptrdiff_t d = 0; d < dim; ++d) out[d] += x[d];
}

/* out[d] = max(out[d], x[d]), or NaN if either is NaN, as in torch.max. */
HUGOT_CLONES static void hugot_max_into(float* restrict out, const float* restrict x, ptrdiff_t dim) {
  for (ptrdiff_t d = 0; d < dim; ++d) out[d] = (x[d] > out[d] || x[d] != x[d]) ? x[d] : out[d];
}

HUGOT_CLONES static void hugot_scale(float* x, float factor, ptrdiff_t dim) {
  for (ptrdiff_t d = 0; d < dim; ++d) x[d] *= factor;
}

/* Sum of squares. Sixteen partial sums are exact enough, and avoid a chain of dependent additions. */
HUGOT_CLONES static float hugot_sum_squares(const float* x, ptrdiff_t dim) {
  float sums[16] = {0};
  float total = 0.0f;
  ptrdiff_t d = 0;
  for (; d + 16 <= dim; d += 16)
    for (int k = 0; k < 16; ++k) sums[k] += x[d + k] * x[d + k];
  for (; d < dim; ++d) total += x[d] * x[d];
  for (int k = 0; k < 16; ++k) total += sums[k];
  return total;
}

#endif
