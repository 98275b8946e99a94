#pragma once
#include "cuda_runtime.h"

struct __half {
  uint16_t bits;
};
inline float __half2float(__half h) {
  const int exponent = (h.bits >> 10) & 31, fraction = h.bits & 1023;
  const float size = exponent == 31  ? (fraction ? NAN : INFINITY)
                     : exponent == 0 ? std::ldexp(float(fraction), -24)
                                     : std::ldexp(float(fraction + 1024), exponent - 25);
  return h.bits & 0x8000 ? -size : size;
}
inline __half __float2half_rn(float value) {  // to nearest, ties to even
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const float size = std::fabs(value);
  if (size != size) return {uint16_t(sign | 0x7e00)};
  int exponent = 0;
  std::frexp(size, &exponent);
  exponent = exponent < -13 ? -13 : exponent;  // subnormal numbers share the smallest exponent
  const float units = std::nearbyint(std::ldexp(size, 11 - exponent));
  const float rounded = std::ldexp(units, exponent - 11);
  if (rounded > 65504.f) return {uint16_t(sign | 0x7c00)};
  if (rounded < std::ldexp(1.f, -14)) return {uint16_t(sign | unsigned(std::ldexp(rounded, 24)))};
  std::frexp(rounded, &exponent);
  return {uint16_t(sign | ((exponent + 14) << 10) | (unsigned(std::ldexp(rounded, 11 - exponent)) & 1023))};
}
