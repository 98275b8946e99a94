// The Padé activation unit on a GPU: what one thread does. See pau_cpu.cpp for the same formulas on the processor.
#pragma once
#include "device.h"

namespace cellsim {

constexpr int kPauSums = CELLSIM_PAU_NUMERATOR + CELLSIM_PAU_DENOMINATOR;

template <bool A> struct PauCoefficients {
  float a[CELLSIM_PAU_NUMERATOR], b[CELLSIM_PAU_DENOMINATOR];  // form A: the b are magnitudes

  __device__ PauCoefficients(const float* numerator, const float* denominator) {
    for (int i = 0; i < CELLSIM_PAU_NUMERATOR; ++i) a[i] = numerator[i];
    for (int i = 0; i < CELLSIM_PAU_DENOMINATOR; ++i) b[i] = A ? fabsf(denominator[i]) : denominator[i];
  }
  __device__ __forceinline__ float top(float x) const {
    return fmaf(fmaf(fmaf(fmaf(fmaf(a[5], x, a[4]), x, a[3]), x, a[2]), x, a[1]), x, a[0]);
  }
  __device__ __forceinline__ float below(float x) const { return fmaf(fmaf(fmaf(b[3], x, b[2]), x, b[1]), x, b[0]) * x; }
};

// Elements first, first + step, ... of `count`.
template <class T, bool A>
__device__ void pau_forward_thread(const T* x, const float* numerator, const float* denominator, T* out, int64_t count,
                                   int64_t first, int64_t step) {
  const PauCoefficients<A> f(numerator, denominator);
  for (int64_t i = first; i < count; i += step) {
    const float in = read(x + i);
    write(out + i, f.top(in) / (1.f + fabsf(f.below(A ? fabsf(in) : in))));
  }
}

// Gradient of x into grad_x (or null), and this thread's part of the gradients of a0 to a5, b1 to b4 into sums.
template <class T, bool A>
__device__ void pau_backward_thread(const T* grad, const T* x, const float* numerator, const float* denominator,
                                    T* grad_x, int64_t count, int64_t first, int64_t step, float* sums) {
  const PauCoefficients<A> f(numerator, denominator);
  for (int i = 0; i < kPauSums; ++i) sums[i] = 0.f;
  for (int64_t i = first; i < count; i += step) {
    const float in = read(x + i), size = A ? fabsf(in) : in, below = f.below(size);
    const float side = A ? (in > 0.f ? 1.f : in < 0.f ? -1.f : 0.f) : copysignf(1.f, below);
    const float inverse = 1.f / (1.f + fabsf(below));
    const float over = read(grad + i) * inverse, under = -over * inverse * f.top(in);
    if (grad_x) {
      const float top_slope =
          fmaf(fmaf(fmaf(fmaf(5.f * f.a[5], in, 4.f * f.a[4]), in, 3.f * f.a[3]), in, 2.f * f.a[2]), in, f.a[1]);
      const float below_slope = fmaf(fmaf(fmaf(4.f * f.b[3], size, 3.f * f.b[2]), size, 2.f * f.b[1]), size, f.b[0]);
      write(grad_x + i, fmaf(over, top_slope, under * side * below_slope));
    }
    float power = over;
#pragma unroll
    for (int k = 0; k < CELLSIM_PAU_NUMERATOR; ++k, power *= in) sums[k] += power;
    power = (A ? under : under * side) * size;
#pragma unroll
    for (int k = CELLSIM_PAU_NUMERATOR; k < kPauSums; ++k, power *= size) sums[k] += power;
  }
  if (A)  // copysign, not sign: a coefficient that is exactly 0 must be able to leave it
    for (int k = 0; k < CELLSIM_PAU_DENOMINATOR; ++k) sums[CELLSIM_PAU_NUMERATOR + k] *= copysignf(1.f, denominator[k]);
}

}  // namespace cellsim
