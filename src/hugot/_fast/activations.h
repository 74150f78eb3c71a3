/* Softmax and sigmoid over float32, in place. */
#ifndef HUGOT_ACTIVATIONS_H
#define HUGOT_ACTIVATIONS_H

#include "simd.h"

/* Number of partial results of a row: the number of float32 lanes of the widest vectors. */
#define HUGOT_LANES 16
/* Number of columns from which each row is computed on its own, because it fills vectors. */
#define HUGOT_WIDE 48

/* Softmax of short rows: maxima and sums row by row, the exponentials over all rows at once. */
HUGOT_INLINE void hugot_softmax_narrow(float* x, ptrdiff_t rows, ptrdiff_t cols) {
  for (ptrdiff_t i = 0; i < rows; ++i) {
    float* row = x + i * cols;
    float top = row[0];
    for (ptrdiff_t j = 1; j < cols; ++j) top = row[j] > top ? row[j] : top;
    for (ptrdiff_t j = 0; j < cols; ++j) row[j] -= top;
  }
  for (ptrdiff_t i = 0; i < rows * cols; ++i) x[i] = hugot_expf(x[i]);
  for (ptrdiff_t i = 0; i < rows; ++i) {
    float* row = x + i * cols;
    float sum = 0.0f;
    for (ptrdiff_t j = 0; j < cols; ++j) sum += row[j];
    for (ptrdiff_t j = 0; j < cols; ++j) row[j] /= sum;
  }
}

/* Softmax of one row, with HUGOT_LANES partial maxima and sums. */
HUGOT_INLINE void hugot_softmax_row(float* row, ptrdiff_t cols) {
  float tops[HUGOT_LANES], sums[HUGOT_LANES] = {0};
  float top = row[0];
  float sum = 0.0f;
  ptrdiff_t j = 0;
  for (int k = 0; k < HUGOT_LANES; ++k) tops[k] = row[0];
  for (; j + HUGOT_LANES <= cols; j += HUGOT_LANES)
    for (int k = 0; k < HUGOT_LANES; ++k) tops[k] = row[j + k] > tops[k] ? row[j + k] : tops[k];
  for (; j < cols; ++j) top = row[j] > top ? row[j] : top;
  for (int k = 0; k < HUGOT_LANES; ++k) top = tops[k] > top ? tops[k] : top;
  for (j = 0; j < cols; ++j) row[j] = hugot_expf(row[j] - top);
  for (j = 0; j + HUGOT_LANES <= cols; j += HUGOT_LANES)
    for (int k = 0; k < HUGOT_LANES; ++k) sums[k] += row[j + k];
  for (; j < cols; ++j) sum += row[j];
  for (int k = 0; k < HUGOT_LANES; ++k) sum += sums[k];
  for (j = 0; j < cols; ++j) row[j] /= sum;
}

/* Softmax of each row of a [rows, cols] array, in place. */
HUGOT_CLONES static void hugot_softmax(float* x, ptrdiff_t rows, ptrdiff_t cols) {
  if (cols < HUGOT_WIDE)
    hugot_softmax_narrow(x, rows, cols);
  else
    for (ptrdiff_t i = 0; i < rows; ++i) hugot_softmax_row(x + i * cols, cols);
}

/* 1 / (1 + e**-x) of each element, in place. */
HUGOT_CLONES static void hugot_sigmoid(float* x, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; ++i) x[i] = 1.0f / (1.0f + hugot_expf(-x[i]));
}

#endif
