/* Macros and an exponential function for loops that the compiler vectorizes.
 *
 * On x86-64 with glibc, each function is compiled three times (baseline, AVX2, AVX-512), and the loader
 * picks the version for the CPU. Elsewhere, the compiler's default is used (NEON on aarch64).
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

/* e**x to within 2 units in the last place, without branches, so that loops with it are vectorized.
 *
 * x = n ln2 + r with |r| <= ln2/2; e**r is a polynomial of degree 6, and 2**n is set in the exponent bits.
 * ln2 is split in two (Cody and Waite, 1980) so that r keeps its low bits. The result is 0 for x below
 * -87.33, as it would be subnormal, and infinity above 88.37. NaN stays NaN.
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

#endif
