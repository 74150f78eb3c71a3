/* Whether float32 numbers are finite, from their bits: all bits of the exponent are set in NaN and infinity. */
#ifndef HUGOT_FINITE_H
#define HUGOT_FINITE_H

#include <stdint.h>

#include "simd.h"

HUGOT_CLONES static int hugot_all_finite(const uint32_t* bits, ptrdiff_t count) {
  const uint32_t exponent = 0x7f800000u;
  uint32_t found = 0;
  for (ptrdiff_t i = 0; i < count; ++i) found |= (bits[i] & exponent) == exponent;
  return !found;
}

#endif
