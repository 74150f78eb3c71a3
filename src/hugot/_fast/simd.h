/* Loops over float32 that the compiler turns into vector code.
 *
 * On x86-64 with glibc each function is compiled three times (baseline, AVX2, AVX-512) and the loader
 * picks the one for the CPU at hand; elsewhere the compiler's default is used (NEON on aarch64).
 */
#ifndef HUGOT_SIMD_H
#define HUGOT_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GLIBC__) && \
    (defined(__clang__) ? __clang_major__ >= 14 : __GNUC__ >= 9)
#define HUGOT_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define HUGOT_CLONES
#endif

#ifdef _MSC_VER
#define HUGOT_INLINE static __forceinline
#define restrict __restrict
#else
#define HUGOT_INLINE static inline __attribute__((always_inline))
#endif

/* e**x to within 2 units in the last place, without branches, so that loops over it become vectors.
 *
 * x = n ln2 + r with |r| <= ln2/2; e**r by a polynomial of degree 6, 2**n by its exponent bits. ln2 is
 * split in two (Cody and Waite, 1980) so that r keeps its low bits. Below -87.33 the result is 0 (it
 * would be subnormal), above 88.37 infinity, and NaN stays NaN.
 */
HUGOT_INLINE float hugot_expf(float x) {
  const float clamped = x < -87.33f ? -87.33f : (x > 88.37f ? 88.37f : x);
  /* Adding and subtracting 1.5 * 2**23 rounds to the nearest integer. */
  const float shifted = clamped * 1.44269504f + 12582912.0f;
  const float n = shifted - 12582912.0f;
  const float r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.3888949e-3f;
  float scale;
  uint32_t bits;
  p = p * r + 8.3333654e-3f;
  p = p * r + 4.1666485e-2f;
  p = p * r + 1.6666667e-1f;
  p = p * r + 0.5f;
  p = p * (r * r) + r + 1.0f;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 127u) << 23; /* the low bits of `shifted` are n */
  memcpy(&scale, &bits, sizeof scale);
  p *= scale;
  p = x < -87.33f ? 0.0f : p;
  p = x > 88.37f ? INFINITY : p;
  return x != x ? x : p;
}

/* Softmax of each row of a [rows, cols] array, in place. */
HUGOT_CLONES static void hugot_softmax(float* x, ptrdiff_t rows, ptrdiff_t cols) {
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

/* 1 / (1 + e**-x) of each element, in place. */
HUGOT_CLONES static void hugot_sigmoid(float* x, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; ++i) x[i] = 1.0f / (1.0f + hugot_expf(-x[i]));
}

/* out[d] += x[d] * weight */
HUGOT_CLONES static void hugot_add_scaled(float* restrict out, const float* restrict x, float weight,
                                          ptrdiff_t dim) {
  for (ptrdiff_t d = 0; d < dim; ++d) out[d] += x[d] * weight;
}

/* out[d] = sum over `tokens` rows of x[t, d], summed in the order of the rows. */
HUGOT_CLONES static void hugot_sum_rows(float* restrict out, const float* restrict x, ptrdiff_t tokens,
                                        ptrdiff_t dim) {
  ptrdiff_t d = 0;
  /* A block of 64 sums stays in registers over all rows. */
  for (; d + 64 <= dim; d += 64) {
    float sums[64] = {0};
    for (ptrdiff_t t = 0; t < tokens; ++t)
      for (int k = 0; k < 64; ++k) sums[k] += x[t * dim + d + k];
    memcpy(out + d, sums, sizeof sums);
  }
  for (; d < dim; ++d) {
    float sum = 0.0f;
    for (ptrdiff_t t = 0; t < tokens; ++t) sum += x[t * dim + d];
    out[d] = sum;
  }
}

/* out[d] = max(out[d], x[d]); NaN wins, as in torch.max. */
HUGOT_CLONES static void hugot_max_into(float* restrict out, const float* restrict x, ptrdiff_t dim) {
  for (ptrdiff_t d = 0; d < dim; ++d) out[d] = (x[d] > out[d] || x[d] != x[d]) ? x[d] : out[d];
}

HUGOT_CLONES static void hugot_scale(float* x, float factor, ptrdiff_t dim) {
  for (ptrdiff_t d = 0; d < dim; ++d) x[d] *= factor;
}

/* Sum of squares, in sixteen partial sums: exact enough and free of a chain of dependent additions. */
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
