// K = 1: bilinear warping. Two taps per axis are too few for the vector code, and feature maps have many channels.
#pragma once
#include "sdc_forward.h"
#include "sdc_scatter.h"

namespace cellsim {

template <class T> struct Corners {
  int64_t at[4];  // top left, top right, bottom left, bottom right; -1 reads 0
  T weight[4];    // bilinear, without the kernels
  T kernel_v, kernel_h, fraction_x, fraction_y, slope_x, slope_y;
  int top, left;
  bool lost;

  Corners(const SdcImage<T>& a, const SdcShape& s, int y, int x) {
    const int64_t plane = s.h * s.w, o = int64_t(y) * s.w + x;
    const int h = int(s.h), w = int(s.w);
    const T u = a.flow[o], v = a.flow[plane + o];
    lost = u != u || v != v;
    T at_y = lost ? T(y) : T(y) + v, at_x = lost ? T(x) : T(x) + u;
    locate(&at_y, 1, h, 2, s.border, &top, &fraction_y, &slope_y);
    locate(&at_x, 1, w, 2, s.border, &left, &fraction_x, &slope_x);
    kernel_v = a.kernel_v[o];
    kernel_h = a.kernel_h[o];
    for (int i = 0; i < 4; ++i) {
      const int yy = top + i / 2, xx = left + i % 2;
      const bool outside = yy < 0 || yy >= h || xx < 0 || xx >= w;
      at[i] = outside && s.border == CELLSIM_ZEROS
                  ? -1
                  : int64_t(std::min(std::max(yy, 0), h - 1)) * w + std::min(std::max(xx, 0), w - 1);
      weight[i] = (i / 2 ? fraction_y : 1 - fraction_y) * (i % 2 ? fraction_x : 1 - fraction_x);
    }
  }

  T pixel(const T* image, int i) const { return at[i] < 0 ? T(0) : image[at[i]]; }
};

template <class T> void forward_row_single(const SdcImage<T>& a, const SdcShape& s, int y) {
  const int64_t plane = s.h * s.w;
  for (int x = 0; x < s.w; ++x) {
    const Corners<T> corner(a, s, y, x);
    const T scale = corner.kernel_v * corner.kernel_h;
    for (int c = 0; c < s.c; ++c) {
      const T* image = a.image + c * plane;
      T sum = 0;
      for (int i = 0; i < 4; ++i) sum += corner.weight[i] * corner.pixel(image, i);
      a.out[c * plane + int64_t(y) * s.w + x] = corner.lost ? std::numeric_limits<T>::quiet_NaN() : scale * sum;
    }
  }
}

// `scatter` has one bank, or is null.
template <class T> void backward_row_single(const SdcImage<T>& a, const SdcShape& s, int y, Scatter<T>* scatter) {
  const int64_t plane = s.h * s.w;
  for (int x = 0; x < s.w; ++x) {
    const Corners<T> corner(a, s, y, x);
    const int64_t o = int64_t(y) * s.w + x;
    const T scale = corner.kernel_v * corner.kernel_h;
    if (scatter) scatter->touch(corner.top, 2);
    T value = 0, along_x = 0, along_y = 0;
    for (int c = 0; c < s.c && !corner.lost; ++c) {
      const T g = a.grad_out[c * plane + o];
      const T* image = a.image + c * plane;
      T* target = scatter ? scatter->row(c, 0) : nullptr;
      T p[4];
      for (int i = 0; i < 4; ++i) {
        p[i] = corner.pixel(image, i);
        value += g * corner.weight[i] * p[i];
        if (target && corner.at[i] >= 0) target[corner.at[i]] += g * scale * corner.weight[i];
      }
      along_x += g * ((1 - corner.fraction_y) * (p[1] - p[0]) + corner.fraction_y * (p[3] - p[2]));
      along_y += g * ((1 - corner.fraction_x) * (p[2] - p[0]) + corner.fraction_x * (p[3] - p[1]));
    }
    if (a.grad_kernel_v) a.grad_kernel_v[o] = value * corner.kernel_h;
    if (a.grad_kernel_h) a.grad_kernel_h[o] = value * corner.kernel_v;
    if (a.grad_flow) {
      a.grad_flow[o] = scale * along_x * corner.slope_x;
      a.grad_flow[plane + o] = scale * along_y * corner.slope_y;
    }
  }
}

}  // namespace cellsim
