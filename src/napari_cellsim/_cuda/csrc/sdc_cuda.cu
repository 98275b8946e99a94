// Launches of the spatially-displaced convolution on a GPU, and what the library says of itself.
#include <algorithm>

#include "launch.h"
#include "sdc_device.h"

namespace cellsim {
namespace {

constexpr int kBlockX = 32, kBlockY = 8, kMaxGrid = 65535;

// The loops only turn more than once where the image or the batch is larger than a grid may be.
template <class T, int K>
__global__ void __launch_bounds__(kBlockX* kBlockY) sdc_forward_kernel(const SdcArguments<T> s, int images) {
  const int x = blockIdx.x * kBlockX + threadIdx.x;
  if (x >= s.w) return;
  for (int n = blockIdx.z; n < images; n += gridDim.z)
    for (int y = blockIdx.y * kBlockY + threadIdx.y; y < s.h; y += gridDim.y * kBlockY)
      sdc_forward_pixel<T, K>(s, n, y, x);
}

template <class T, int K, ImageGradient G>
__global__ void __launch_bounds__(kBlockX* kBlockY) sdc_backward_kernel(const SdcArguments<T> s, int images) {
  const int x = blockIdx.x * kBlockX + threadIdx.x;
  if (x >= s.w) return;
  for (int n = blockIdx.z; n < images; n += gridDim.z)
    for (int y = blockIdx.y * kBlockY + threadIdx.y; y < s.h; y += gridDim.y * kBlockY)
      sdc_backward_pixel<T, K, G>(s, n, y, x);
}

template <class T, int K> cudaError_t launch(const SdcArguments<T>& s, int images, bool backward, cudaStream_t stream) {
  const dim3 block(kBlockX, kBlockY);
  const dim3 grid((s.w + kBlockX - 1) / kBlockX, std::min((s.h + kBlockY - 1) / kBlockY, kMaxGrid),
                  std::min(images, kMaxGrid));
  if (!backward)
    sdc_forward_kernel<T, K><<<grid, block, 0, stream>>>(s, images);
  else if (!s.grad_image)
    sdc_backward_kernel<T, K, ImageGradient::none><<<grid, block, 0, stream>>>(s, images);
  else if (s.scale)
    sdc_backward_kernel<T, K, ImageGradient::fixed><<<grid, block, 0, stream>>>(s, images);
  else
    sdc_backward_kernel<T, K, ImageGradient::floating><<<grid, block, 0, stream>>>(s, images);
  return cudaGetLastError();
}

template <class T>
cudaError_t launch(const SdcArguments<T>& s, int images, int64_t k, bool backward, cudaStream_t stream) {
  switch (k) {
    case 1: return launch<T, 1>(s, images, backward, stream);
    case 3: return launch<T, 3>(s, images, backward, stream);
    case 5: return launch<T, 5>(s, images, backward, stream);
    case 7: return launch<T, 7>(s, images, backward, stream);
    case 9: return launch<T, 9>(s, images, backward, stream);
    case 11: return launch<T, 11>(s, images, backward, stream);
  }
  return cudaErrorInvalidValue;
}

struct Pointers {
  const void *grad_out, *image, *flow, *kernel_v, *kernel_h;
  void *out, *grad_image, *grad_flow, *grad_kernel_v, *grad_kernel_h;
  const void* scale;
};

template <class T> int run(const Pointers& p, const SdcShape& s, bool backward, cudaStream_t stream) {
  SdcArguments<T> a;
  a.image = static_cast<const T*>(p.image);
  a.kernel_v = static_cast<const T*>(p.kernel_v);
  a.kernel_h = static_cast<const T*>(p.kernel_h);
  a.grad_out = static_cast<const T*>(p.grad_out);
  a.flow = static_cast<const float*>(p.flow);
  a.out = static_cast<T*>(p.out);
  a.grad_image = p.grad_image;
  a.scale = static_cast<const float*>(p.scale);
  a.grad_flow = static_cast<float*>(p.grad_flow);
  a.grad_kernel_v = static_cast<T*>(p.grad_kernel_v);
  a.grad_kernel_h = static_cast<T*>(p.grad_kernel_h);
  a.c = int(s.c);
  a.h = int(s.h);
  a.w = int(s.w);
  a.border = s.border;
  return int(launch<T>(a, int(s.n), s.k, backward, stream));
}

int run(int dtype, const Pointers& p, const SdcShape& s, bool backward, int device, void* stream) {
  const int64_t limit = INT32_MAX / 2;
  if (s.n <= 0 || s.c <= 0 || s.h <= 0 || s.w <= 0 || s.n > limit || s.c > limit || s.h > limit || s.w > limit)
    return int(cudaErrorInvalidValue);
  const DeviceGuard guard(device);
  if (guard.error != cudaSuccess) return int(guard.error);
  const auto on = static_cast<cudaStream_t>(stream);
  switch (dtype) {
    case CELLSIM_F32: return run<float>(p, s, backward, on);
    case CELLSIM_F16: return run<__half>(p, s, backward, on);
    case CELLSIM_BF16: return run<__nv_bfloat16>(p, s, backward, on);
  }
  return int(cudaErrorInvalidValue);
}

}  // namespace
}  // namespace cellsim

CELLSIM_API int cellsim_abi_version(void) { return CELLSIM_ABI_VERSION; }
CELLSIM_API const char* cellsim_description(void) { return CELLSIM_COMPILED_BY; }
CELLSIM_API const char* cellsim_cuda_error(int error) { return cudaGetErrorString(cudaError_t(error)); }

// 0 if this device can run the library's code: an old driver, a missing GPU or one without code gives an error.
CELLSIM_API int cellsim_cuda_usable(int device) {
  const cellsim::DeviceGuard guard(device);
  if (guard.error != cudaSuccess) return int(guard.error);
  cudaFuncAttributes attributes;
  return int(cudaFuncGetAttributes(&attributes, cellsim::sdc_forward_kernel<float, 7>));
}

CELLSIM_API int cellsim_sdc_forward_cuda(int dtype, const void* image, const void* flow, const void* kernel_v,
                                         const void* kernel_h, void* out, int64_t n, int64_t c, int64_t h, int64_t w,
                                         int64_t k, int border, int device, void* stream) {
  const cellsim::Pointers p{nullptr, image, flow, kernel_v, kernel_h, out, nullptr, nullptr, nullptr, nullptr, nullptr};
  return cellsim::run(dtype, p, {n, c, h, w, k, border}, false, device, stream);
}

CELLSIM_API int cellsim_sdc_backward_cuda(int dtype, const void* grad_out, const void* image, const void* flow,
                                          const void* kernel_v, const void* kernel_h, void* grad_image, void* grad_flow,
                                          void* grad_kernel_v, void* grad_kernel_h, const void* scale, int64_t n,
                                          int64_t c, int64_t h, int64_t w, int64_t k, int border, int device,
                                          void* stream) {
  const cellsim::Pointers p{grad_out,   image,     flow,          kernel_v,      kernel_h, nullptr,
                            grad_image, grad_flow, grad_kernel_v, grad_kernel_h, scale};
  return cellsim::run(dtype, p, {n, c, h, w, k, border}, true, device, stream);
}
