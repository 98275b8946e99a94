// The spatially-displaced convolution on a GPU: what one thread does for one output pixel. See sdc_block.h for the
// folded weights and sdc_backward.h for the formulas.
#pragma once
#include "device.h"

namespace cellsim {

// Gradients may be null (not wanted). The flow and its gradient are float whatever T is: "x + u" in bfloat16 loses
// whole pixels from x = 256 on.
template <class T> struct SdcArguments {
  const T *image, *kernel_v, *kernel_h, *grad_out;
  const float* flow;
  T* out;
  // Sum of atomic additions: float, or, where `scale` is given, 64-bit fixed point, whose order does not matter.
  void* grad_image;
  const float* scale;
  float* grad_flow;
  T *grad_kernel_v, *grad_kernel_h;
  int c, h, w, border;
};

// Where a pixel looks along one axis.
struct Position {
  int first;       // whole pixel of tap 0
  float fraction;  // in [0, 1)
  float slope;     // 0 where the border rule took the flow's gradient away

  __device__ Position(float at, int size, int taps, int border) : slope(1.f) {
    if (border == CELLSIM_OFFICIAL) {
      if (!(at >= 0.f && at < float(size - 1))) slope = 0.f;
      at = fminf(fmaxf(at, 0.f), float(size - 1));
    } else {
      at = fminf(fmaxf(at, float(-taps)), float(size + taps));
    }
    const float base = floorf(at);
    fraction = at - base;
    first = int(base) - (taps - 1) / 2;
  }
};

template <class T, int K> __device__ __forceinline__ void sdc_forward_pixel(const SdcArguments<T>& s, int n, int y, int x) {
  constexpr int M = K + 1;
  const int64_t plane = int64_t(s.h) * s.w, o = int64_t(y) * s.w + x;
  const float u = s.flow[2 * n * plane + o], v = s.flow[(2 * n + 1) * plane + o];
  const bool lost = u != u || v != v;
  const Position py(y + (lost ? 0.f : v), s.h, M, s.border), px(x + (lost ? 0.f : u), s.w, M, s.border);
  const T *kv = s.kernel_v + n * K * plane + o, *kh = s.kernel_h + n * K * plane + o;
  float wv[M], wh[M], carried_v = 0.f, carried_h = 0.f;
#pragma unroll
  for (int i = 0; i < K; ++i) {
    const float a = read(kv + i * plane), b = read(kh + i * plane);
    const float moved_v = a * py.fraction, moved_h = b * px.fraction;
    wv[i] = (a - moved_v) + carried_v;
    wh[i] = (b - moved_h) + carried_h;
    carried_v = moved_v;
    carried_h = moved_h;
  }
  wv[K] = carried_v;
  wh[K] = carried_h;
  const bool inside = py.first >= 0 && px.first >= 0 && py.first + M <= s.h && px.first + M <= s.w;
  const bool zeros = s.border == CELLSIM_ZEROS;
  for (int c = 0; c < s.c; ++c) {
    const T* image = s.image + (int64_t(n) * s.c + c) * plane;
    float sum = 0.f;
    if (inside) {
      const T* row = image + int64_t(py.first) * s.w + px.first;
#pragma unroll
      for (int i = 0; i < M; ++i, row += s.w) {
        float part = 0.f;
#pragma unroll
        for (int j = 0; j < M; ++j) part = fmaf(wh[j], read(row + j), part);
        sum = fmaf(wv[i], part, sum);
      }
    } else {
#pragma unroll 1
      for (int i = 0; i < M; ++i) {
        const int yy = clamped(py.first + i, s.h);
        if (zeros && yy != py.first + i) continue;
        const T* row = image + int64_t(yy) * s.w;
        float part = 0.f, weight = 0.f;
#pragma unroll
        for (int j = 0; j < M; ++j) {
          const int xx = clamped(px.first + j, s.w);
          part = fmaf(wh[j], zeros && xx != px.first + j ? 0.f : read(row + xx), part);
          if (j == i) weight = wv[j];  // wv[i] with i unknown to the compiler would leave the registers
        }
        sum = fmaf(weight, part, sum);
      }
    }
    write(s.out + (int64_t(n) * s.c + c) * plane + o, lost ? __int_as_float(0x7fc00000) : sum);
  }
}

enum class ImageGradient { none, floating, fixed };

template <ImageGradient G>
__device__ __forceinline__ void add_to_image(void* image, float scale, int64_t at, float value) {
  if constexpr (G == ImageGradient::floating) atomicAdd(static_cast<float*>(image) + at, value);
  if constexpr (G == ImageGradient::fixed) {
    const long long rounded = __float2ll_rn(value * scale);
    atomicAdd(static_cast<unsigned long long*>(image) + at, static_cast<unsigned long long>(rounded));
  }
}

// The loop over rows stays rolled: whatever is vertical (weight, row sum, gradient of kernel_v) needs only the row
// before, so no register array depends on it. Unrolled, the compiler wants 255 registers and spills.
template <class T, int K, ImageGradient G>
__device__ __forceinline__ void sdc_backward_pixel(const SdcArguments<T>& s, int n, int y, int x) {
  constexpr int M = K + 1;
  const int64_t plane = int64_t(s.h) * s.w, o = int64_t(y) * s.w + x, taps_at = n * K * plane + o;
  const float u = s.flow[2 * n * plane + o], v = s.flow[(2 * n + 1) * plane + o];
  const bool lost = u != u || v != v;
  const Position py(y + (lost ? 0.f : v), s.h, M, s.border), px(x + (lost ? 0.f : u), s.w, M, s.border);
  const bool zeros = s.border == CELLSIM_ZEROS;
  float wh[M], by_column[M], carried = 0.f;
#pragma unroll
  for (int j = 0; j < K; ++j) {
    const float b = read(s.kernel_h + taps_at + j * plane), moved = b * px.fraction;
    wh[j] = (b - moved) + carried;
    carried = moved;
  }
  wh[K] = carried;
#pragma unroll
  for (int j = 0; j < M; ++j) by_column[j] = 0.f;
  const float scale = G == ImageGradient::fixed ? *s.scale : 1.f;
  float tap_before = 0.f, row_before = 0.f, along_y = 0.f;
#pragma unroll 1
  for (int i = 0; i < M; ++i) {
    const float tap = i < K ? read(s.kernel_v + taps_at + i * plane) : 0.f;
    const float wv = fmaf(-tap, py.fraction, tap) + tap_before * py.fraction;
    const int yy = clamped(py.first + i, s.h);
    const bool row_out = zeros && yy != py.first + i;
    float by_row = 0.f;
#pragma unroll 1
    for (int c = 0; c < s.c; ++c) {
      const int64_t channel = (int64_t(n) * s.c + c) * plane;
      const int64_t row = channel + int64_t(yy) * s.w;
      const float g = lost ? 0.f : read(s.grad_out + channel + o), share = g * wv;
      float part = 0.f;
#pragma unroll
      for (int j = 0; j < M; ++j) {
        const int xx = clamped(px.first + j, s.w);
        const bool out = row_out || (zeros && xx != px.first + j);
        const float pixel = out ? 0.f : read(s.image + row + xx);
        part = fmaf(wh[j], pixel, part);
        by_column[j] = fmaf(share, pixel, by_column[j]);
        if (!out) add_to_image<G>(s.grad_image, scale, row + xx, share * wh[j]);
      }
      by_row = fmaf(g, part, by_row);
    }
    if (i > 0) {
      const float step = by_row - row_before;
      along_y = fmaf(tap_before, step, along_y);
      if (s.grad_kernel_v)
        write(s.grad_kernel_v + taps_at + (i - 1) * plane, fmaf(py.fraction, step, row_before));
    }
    tap_before = tap;
    row_before = by_row;
  }
  float along_x = 0.f;
#pragma unroll
  for (int j = 0; j < K; ++j) {
    const float step = by_column[j + 1] - by_column[j];
    along_x = fmaf(read(s.kernel_h + taps_at + j * plane), step, along_x);
    if (s.grad_kernel_h) write(s.grad_kernel_h + taps_at + j * plane, fmaf(px.fraction, step, by_column[j]));
  }
  if (s.grad_flow) {
    s.grad_flow[2 * n * plane + o] = along_x * px.slope;
    s.grad_flow[(2 * n + 1) * plane + o] = along_y * py.slope;
  }
}

}  // namespace cellsim
