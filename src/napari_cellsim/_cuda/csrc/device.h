// What the device code of all CUDA kernels needs. Storage is float, half or bfloat16; all arithmetic is float.
// The tests compile the same code as host C++, with small stand-ins for the CUDA headers.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "cellsim.h"

namespace cellsim {

__device__ __forceinline__ float read(const float* p) { return __ldg(p); }
__device__ __forceinline__ float read(const __half* p) { return __half2float(__ldg(p)); }
__device__ __forceinline__ float read(const __nv_bfloat16* p) {
  return __uint_as_float(unsigned(__ldg(reinterpret_cast<const unsigned short*>(p))) << 16);
}
__device__ __forceinline__ void write(float* p, float value) { *p = value; }
__device__ __forceinline__ void write(__half* p, float value) { *p = __float2half_rn(value); }
__device__ __forceinline__ void write(__nv_bfloat16* p, float value) { *p = __float2bfloat16_rn(value); }

__device__ __forceinline__ int clamped(int i, int size) { return min(max(i, 0), size - 1); }

}  // namespace cellsim
