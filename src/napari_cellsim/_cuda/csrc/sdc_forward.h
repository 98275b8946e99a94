// Forward pass of the spatially-displaced convolution, one image row at a time.
#pragma once
#include "sdc_block.h"

namespace cellsim {

// Pointers to one image of the batch; gradients may be null (not wanted).
template <class T> struct SdcImage {
  const T *image, *flow, *kernel_v, *kernel_h, *grad_out;
  T *out, *grad_flow, *grad_kernel_v, *grad_kernel_h;
};

template <class T, int K> void forward_row(const SdcImage<T>& a, const SdcShape& s, int y) {
  using R = Run<T, K>;
  constexpr int L = R::kLanes;
  const int taps = (K ? K : int(s.k)) + 1, nv = R::vectors(taps);
  const int64_t plane = s.h * s.w;
  const int w = int(s.w);
  R run;
  alignas(64) T buffer[R::kMaxTaps * R::kMaxTaps];
  for (int x = 0; x < w; x += kRun) {
    const int count = std::min(kRun, w - x);
    const int64_t at = int64_t(y) * w + x;
    run.fold(a.flow, a.kernel_v, a.kernel_h, s, at, y, x, count);
    for (int c = 0; c < s.c; ++c) {
      T* out = a.out + c * plane + at;
      for (int p = 0; p < count; p += 4) {
        Vec<T, 4> product[4] = {};
        CELLSIM_UNROLL for (int q = 0; q < 4; ++q) {
          const int me = std::min(p + q, count - 1);
          int64_t pitch;
          const T* pixel = run.patch(me, a.image + c * plane, s, taps, buffer, pitch);
          typename R::V sum[R::kVectors] = {};
          CELLSIM_UNROLL for (int v = 0; v < nv; ++v)
            sum[v] = run.weight_v[0][me] * load<L>(pixel + R::start(v, taps));
          CELLSIM_UNROLL for (int i = 1; i < taps; ++i) {
            pixel += pitch;
            const T weight = run.weight_v[i][me];
            CELLSIM_UNROLL for (int v = 0; v < nv; ++v) sum[v] += weight * load<L>(pixel + R::start(v, taps));
          }
          typename R::V all = sum[0] * load<L>(&run.weight_h[me][0]);
          CELLSIM_UNROLL for (int v = 1; v < nv; ++v) all += sum[v] * load<L>(&run.weight_h[me][L * v]);
          product[q] = folded<T, L>(all);
        }
        const Vec<T, 4> result = sums4<T>(product[0], product[1], product[2], product[3]);
        if (p + 4 <= count) {
          store(out + p, result);
        } else {
          for (int q = 0; p + q < count; ++q) out[p + q] = result[q];
        }
      }
      if (run.any_lost)
        for (int p = 0; p < count; ++p)
          if (run.lost[p]) out[p] = std::numeric_limits<T>::quiet_NaN();
    }
  }
}

}  // namespace cellsim
