// Launches of the Padé activation unit on a GPU.
#include <algorithm>
#include <type_traits>

#include "launch.h"
#include "pau_device.h"

namespace cellsim {
namespace {

constexpr int kBlock = 256, kPerThread = 8, kMaxBlocks = 65535;

template <class T, bool A>
__global__ void __launch_bounds__(kBlock) pau_forward_kernel(const T* x, const float* numerator,
                                                             const float* denominator, T* out, int64_t count) {
  pau_forward_thread<T, A>(x, numerator, denominator, out, count, int64_t(blockIdx.x) * kBlock + threadIdx.x,
                           int64_t(gridDim.x) * kBlock);
}

// One row of `partial` (blocks, 10) per block, in a fixed order: the caller's sum is deterministic.
template <class T, bool A>
__global__ void __launch_bounds__(kBlock) pau_backward_kernel(const T* grad, const T* x, const float* numerator,
                                                              const float* denominator, T* grad_x, float* partial,
                                                              int64_t count) {
  float sums[kPauSums];
  pau_backward_thread<T, A>(grad, x, numerator, denominator, grad_x, count,
                            int64_t(blockIdx.x) * kBlock + threadIdx.x, int64_t(gridDim.x) * kBlock, sums);
  __shared__ float of_warp[kBlock / 32][kPauSums];
#pragma unroll
  for (int k = 0; k < kPauSums; ++k) {
    for (int offset = 16; offset > 0; offset /= 2) sums[k] += __shfl_down_sync(0xffffffffu, sums[k], offset);
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32][k] = sums[k];
  }
  __syncthreads();
  if (threadIdx.x < kPauSums) {
    float total = 0.f;
    for (int warp = 0; warp < kBlock / 32; ++warp) total += of_warp[warp][threadIdx.x];
    partial[int64_t(blockIdx.x) * kPauSums + threadIdx.x] = total;
  }
}

template <class T> cudaError_t forward(const void* x, const void* numerator, const void* denominator, void* out,
                                       int64_t count, int form, cudaStream_t stream) {
  const auto kernel = form == CELLSIM_PAU_A ? pau_forward_kernel<T, true> : pau_forward_kernel<T, false>;
  const int64_t blocks = (count + kBlock * kPerThread - 1) / (kBlock * kPerThread);
  kernel<<<unsigned(std::min<int64_t>(blocks, kMaxBlocks)), kBlock, 0, stream>>>(
      static_cast<const T*>(x), static_cast<const float*>(numerator), static_cast<const float*>(denominator),
      static_cast<T*>(out), count);
  return cudaGetLastError();
}

template <class T>
cudaError_t backward(const void* grad, const void* x, const void* numerator, const void* denominator, void* grad_x,
                     void* partial, int64_t count, int form, int blocks, cudaStream_t stream) {
  const auto kernel = form == CELLSIM_PAU_A ? pau_backward_kernel<T, true> : pau_backward_kernel<T, false>;
  kernel<<<blocks, kBlock, 0, stream>>>(static_cast<const T*>(grad), static_cast<const T*>(x),
                                        static_cast<const float*>(numerator), static_cast<const float*>(denominator),
                                        static_cast<T*>(grad_x), static_cast<float*>(partial), count);
  return cudaGetLastError();
}

template <class F> int dispatch(int dtype, int64_t count, int form, int device, F&& f) {
  if (count <= 0 || form < CELLSIM_PAU_A || form > CELLSIM_PAU_B) return int(cudaErrorInvalidValue);
  const DeviceGuard guard(device);
  if (guard.error != cudaSuccess) return int(guard.error);
  switch (dtype) {
    case CELLSIM_F32: return int(f(static_cast<float*>(nullptr)));
    case CELLSIM_F16: return int(f(static_cast<__half*>(nullptr)));
    case CELLSIM_BF16: return int(f(static_cast<__nv_bfloat16*>(nullptr)));
  }
  return int(cudaErrorInvalidValue);
}

}  // namespace
}  // namespace cellsim

CELLSIM_API int cellsim_pau_forward_cuda(int dtype, const void* x, const void* numerator, const void* denominator,
                                         void* out, int64_t count, int form, int device, void* stream) {
  return cellsim::dispatch(dtype, count, form, device, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    return cellsim::forward<T>(x, numerator, denominator, out, count, form, static_cast<cudaStream_t>(stream));
  });
}

CELLSIM_API int cellsim_pau_backward_cuda(int dtype, const void* grad_out, const void* x, const void* numerator,
                                          const void* denominator, void* grad_x, void* partial, int64_t count, int form,
                                          int blocks, int device, void* stream) {
  return cellsim::dispatch(dtype, count, form, device, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    return cellsim::backward<T>(grad_out, x, numerator, denominator, grad_x, partial, count, form, blocks,
                                static_cast<cudaStream_t>(stream));
  });
}
