// The C interface of both kernel libraries: no torch, no Python. All arrays are contiguous; images are (N, C, H, W),
// flow is (N, 2, H, W) with u (x) before v (y), kernels are (N, K, H, W). Functions return 0 or an error code.
#pragma once
#include <stdint.h>

#if defined(_WIN32)
#define CELLSIM_API extern "C" __declspec(dllexport)
#else
#define CELLSIM_API extern "C" __attribute__((visibility("default")))
#endif

#define CELLSIM_ABI_VERSION 1

enum CellsimDtype { CELLSIM_F32 = 0, CELLSIM_F64 = 1, CELLSIM_F16 = 2, CELLSIM_BF16 = 3 };
enum CellsimBorder { CELLSIM_REPLICATE = 0, CELLSIM_OFFICIAL = 1, CELLSIM_ZEROS = 2 };
enum CellsimPauForm { CELLSIM_PAU_A = 0, CELLSIM_PAU_B = 1 };
enum CellsimError { CELLSIM_OK = 0, CELLSIM_BAD_ARGUMENT = 1, CELLSIM_NO_MEMORY = 2, CELLSIM_FAILED = 3 };

enum { CELLSIM_PAU_NUMERATOR = 6, CELLSIM_PAU_DENOMINATOR = 4, CELLSIM_MAX_TAPS = 31 };

struct SdcShape {
  int64_t n, c, h, w, k;
  int border;
};
