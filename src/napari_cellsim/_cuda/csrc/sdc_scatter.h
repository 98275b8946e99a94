// Accumulator for the gradient of one image.
//
// Neighbouring pixels add to overlapping, unaligned runs of four numbers; a processor cannot forward a store to a load
// that only overlaps it, and would wait each time. So there are four accumulators ("banks"), one per alignment:
// what starts at column 4 i + m goes to bank m, where it is aligned, and the banks are summed at the end.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "simd.h"

namespace cellsim {

template <class T> class Scatter {
 public:
  int64_t pitch = 0;

  // `banks` is 4, or 1 for code that adds single numbers.
  void allocate(int64_t channels, int64_t height, int64_t width, int banks) {
    banks_ = banks;
    height_ = height;
    pitch = banks == 1 ? width : (width + 3) / 4 * 4;
    plane_ = height * pitch;
    bank_ = channels * plane_;
    memory_.reset(static_cast<T*>(std::calloc(size_t(banks * bank_), sizeof(T))));
    if (!memory_) throw std::bad_alloc();
    forget();
  }

  // Start of a row of bank 0, whose columns are the image's.
  T* row(int64_t c, int64_t y) { return memory_.get() + c * plane_ + y * pitch; }

  // Where the four numbers from column x on accumulate.
  T* aligned(int64_t c, int64_t y, int x) { return row(c, y) + (x & 3) * bank_ + (x & ~3); }

  // Rows from `top` on will be added to (those outside count for the border rows).
  void touch(int top, int taps) {
    first_ = std::min(first_, std::max<int64_t>(0, std::min<int64_t>(top, height_ - 1)));
    last_ = std::max(last_, std::max<int64_t>(0, std::min<int64_t>(int64_t(top) + taps - 1, height_ - 1)));
  }

  // Write one row of the sum to `out`, or add it, and clear it here.
  void drain(int64_t c, int64_t y, int64_t width, T* CELLSIM_RESTRICT out, bool add) {
    if (!add) std::fill_n(out, width, T(0));
    if (y < first_ || y > last_) return;
    for (int m = 0; m < banks_; ++m) {
      T* CELLSIM_RESTRICT from = row(c, y) + m * bank_;
      for (int64_t x = 0; x + m < width; ++x) out[x + m] += from[x];
      std::fill_n(from, pitch, T(0));
    }
  }

  void forget() {
    first_ = INT64_MAX;
    last_ = -1;
  }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  std::unique_ptr<T[], Free> memory_;
  int banks_ = 0;
  int64_t height_ = 0, plane_ = 0, bank_ = 0, first_ = 0, last_ = 0;  // rows first_ to last_ hold something
};

}  // namespace cellsim
