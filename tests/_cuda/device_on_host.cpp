// The device code of the CUDA kernels, run by the processor one "thread" after the other. Tests only: launches, atomic
// additions and the block-wide sums of pau are not covered.
#include "pau_device.h"
#include "sdc_device.h"

using namespace cellsim;

namespace {

template <class T, int K> void sdc(const SdcArguments<T>& s, int images, bool backward) {
  for (int n = 0; n < images; ++n)
    for (int y = 0; y < s.h; ++y)
      for (int x = 0; x < s.w; ++x) {
        if (!backward)
          sdc_forward_pixel<T, K>(s, n, y, x);
        else if (!s.grad_image)
          sdc_backward_pixel<T, K, ImageGradient::none>(s, n, y, x);
        else if (s.scale)
          sdc_backward_pixel<T, K, ImageGradient::fixed>(s, n, y, x);
        else
          sdc_backward_pixel<T, K, ImageGradient::floating>(s, n, y, x);
      }
}

template <class T>
int sdc(const void* grad_out, const void* image, const void* flow, const void* kernel_v, const void* kernel_h, void* out,
        void* grad_image, void* grad_flow, void* grad_kernel_v, void* grad_kernel_h, const void* scale, SdcShape shape,
        bool backward) {
  SdcArguments<T> s;
  s.image = (const T*)image;
  s.kernel_v = (const T*)kernel_v;
  s.kernel_h = (const T*)kernel_h;
  s.grad_out = (const T*)grad_out;
  s.flow = (const float*)flow;
  s.out = (T*)out;
  s.grad_image = grad_image;
  s.scale = (const float*)scale;
  s.grad_flow = (float*)grad_flow;
  s.grad_kernel_v = (T*)grad_kernel_v;
  s.grad_kernel_h = (T*)grad_kernel_h;
  s.c = int(shape.c);
  s.h = int(shape.h);
  s.w = int(shape.w);
  s.border = shape.border;
  const int n = int(shape.n);
  switch (shape.k) {
    case 1: return sdc<T, 1>(s, n, backward), 0;
    case 3: return sdc<T, 3>(s, n, backward), 0;
    case 5: return sdc<T, 5>(s, n, backward), 0;
    case 7: return sdc<T, 7>(s, n, backward), 0;
    case 9: return sdc<T, 9>(s, n, backward), 0;
    case 11: return sdc<T, 11>(s, n, backward), 0;
  }
  return CELLSIM_BAD_ARGUMENT;
}

template <class T, bool A>
void pau(const void* grad, const void* x, const void* numerator, const void* denominator, void* out, void* grad_x,
         void* sums, int64_t count) {
  constexpr int64_t kThreads = 7;  // each takes every seventh element
  for (int64_t thread = 0; thread < kThreads; ++thread) {
    if (grad) {
      float own[kPauSums];
      pau_backward_thread<T, A>((const T*)grad, (const T*)x, (const float*)numerator, (const float*)denominator,
                                (T*)grad_x, count, thread, kThreads, own);
      for (int k = 0; k < kPauSums; ++k) ((float*)sums)[k] += own[k];
    } else {
      pau_forward_thread<T, A>((const T*)x, (const float*)numerator, (const float*)denominator, (T*)out, count, thread,
                               kThreads);
    }
  }
}

}  // namespace

CELLSIM_API int device_sdc(int dtype, int backward, const void* grad_out, const void* image, const void* flow,
                           const void* kernel_v, const void* kernel_h, void* out, void* grad_image, void* grad_flow,
                           void* grad_kernel_v, void* grad_kernel_h, const void* scale, int64_t n, int64_t c, int64_t h,
                           int64_t w, int64_t k, int border) {
  const auto run = dtype == CELLSIM_F32 ? sdc<float> : dtype == CELLSIM_F16 ? sdc<__half> : sdc<__nv_bfloat16>;
  return run(grad_out, image, flow, kernel_v, kernel_h, out, grad_image, grad_flow, grad_kernel_v, grad_kernel_h, scale,
             {n, c, h, w, k, border}, backward != 0);
}

// Forward if `grad` is null; `sums` (10) are added to.
CELLSIM_API void device_pau(int dtype, int form, const void* grad, const void* x, const void* numerator,
                            const void* denominator, void* out, void* grad_x, void* sums, int64_t count) {
  const bool a = form == CELLSIM_PAU_A;
  const auto run = dtype == CELLSIM_F32   ? (a ? pau<float, true> : pau<float, false>)
                   : dtype == CELLSIM_F16 ? (a ? pau<__half, true> : pau<__half, false>)
                                          : (a ? pau<__nv_bfloat16, true> : pau<__nv_bfloat16, false>);
  run(grad, x, numerator, denominator, out, grad_x, sums, count);
}
