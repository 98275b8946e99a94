// What the launches of all CUDA kernels share.
#pragma once
#include <cuda_runtime.h>

namespace cellsim {

// The static CUDA runtime has its own idea of the current device: set it, and put it back.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) {
    error = cudaGetDevice(&before_);
    if (error == cudaSuccess && before_ != device) error = cudaSetDevice(device);
  }
  ~DeviceGuard() {
    if (before_ >= 0) cudaSetDevice(before_);
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;
  cudaError_t error;

 private:
  int before_ = -1;
};

}  // namespace cellsim
