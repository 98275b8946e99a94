// What forward and backward share: the folded weights and whole-pixel positions of a run of pixels in one image row.
//
// All K x K taps of a pixel share the fractions of its displacement, so the bilinear weights fold into the kernels:
// M = K + 1 rows and columns of whole pixels remain. Rows are read in vectors of L = 4 or 8 columns; where L does not
// divide M the last vector overlaps the one before and its doubled lanes weigh 0, so nothing beside the taps is read.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>

#include "cellsim.h"
#include "simd.h"

namespace cellsim {

constexpr int kRun = 64;  // pixels of a row handled together

// Where `count` <= kRun pixels look along one axis: whole pixel, fraction, and 0 or 1 for the derivative of the
// clamped position. `position` holds pixel + displacement, without NaN.
template <class T> CELLSIM_INLINE void locate(T* position, int count, int size, int taps, int border, int* base,
                                              T* fraction, T* slope) {
  const bool official = border == CELLSIM_OFFICIAL;  // clamps the centre; its corners coincide from the last pixel on
  const T last = T(size - 1);
  for (int p = 0; p < count; ++p)
    slope[p] = official ? T((position[p] >= T(0)) & (position[p] < last)) : T(1);
  // Otherwise every tap farther out reads the border: clamp, so that the conversion to int is safe.
  const T low = official ? T(0) : T(-taps), high = official ? last : T(size + taps);
  for (int p = 0; p < count; ++p) {
    T at = position[p];
    at = at > low ? at : low;
    at = at < high ? at : high;
    int whole = int(at);
    whole -= at < T(whole);
    base[p] = whole;
    fraction[p] = at - T(whole);
  }
}

// K == 0: any odd K from 3 to CELLSIM_MAX_TAPS, known at run time only.
template <class T, int K> struct Run {
  static constexpr int kMaxTaps = (K ? K : CELLSIM_MAX_TAPS) + 1;
  static constexpr int kLanes = lanes_for<T>(K ? K + 1 : 4);
  static constexpr int kVectors = (kMaxTaps + kLanes - 1) / kLanes;
  static constexpr int kPadded = kLanes * kVectors;
  using V = Vec<T, kLanes>;

  static CELLSIM_INLINE int vectors(int taps) { return (taps + kLanes - 1) / kLanes; }
  static CELLSIM_INLINE int start(int v, int taps) { return std::min(kLanes * v, taps - kLanes); }

  alignas(64) T weight_v[kMaxTaps][kRun];  // [tap][pixel]
  alignas(64) T weight_h[kRun][kPadded];   // [pixel][vector lane]
  T fraction_y[kRun], fraction_x[kRun];
  T slope_y[kRun], slope_x[kRun];  // 0 where the border rule took the flow's gradient away
  int top[kRun], left[kRun];
  int lost[kRun];    // 1 for a NaN displacement
  int inside[kRun];  // 1 where all taps lie in the image
  bool any_lost;

  CELLSIM_INLINE void fold(const T* CELLSIM_RESTRICT flow, const T* CELLSIM_RESTRICT kv, const T* CELLSIM_RESTRICT kh,
                           const SdcShape& s, int64_t at, int y, int x, int count) {
    const int k = K ? K : int(s.k), taps = k + 1, reach = k / 2;
    const int h = int(s.h), w = int(s.w);
    const int64_t plane = s.h * s.w;
    const T *u = flow + at, *v = flow + plane + at;
    fetch_next(flow, 2, plane, at);
    fetch_next(kv, k, plane, at);
    fetch_next(kh, k, plane, at);
    T at_y[kRun], at_x[kRun];
    int found = 0;
    for (int p = 0; p < count; ++p) {
      lost[p] = (u[p] != u[p]) | (v[p] != v[p]);
      found |= lost[p];
      at_y[p] = T(y) + (lost[p] ? T(0) : v[p]);
      at_x[p] = T(x + p) + (lost[p] ? T(0) : u[p]);
    }
    any_lost = found != 0;
    locate(at_y, count, h, taps, s.border, top, fraction_y, slope_y);
    locate(at_x, count, w, taps, s.border, left, fraction_x, slope_x);
    for (int p = 0; p < count; ++p) {
      top[p] -= reach;
      left[p] -= reach;
      inside[p] = (top[p] >= 0) & (left[p] >= 0) & (top[p] <= h - taps) & (left[p] <= w - taps);
    }
    alignas(64) T columns[kMaxTaps][kRun];
    T* CELLSIM_RESTRICT carried_v = weight_v[k];  // what moved on from the tap before, at last the last weight
    T* CELLSIM_RESTRICT carried_h = columns[k];
    for (int p = 0; p < count; ++p) {
      carried_v[p] = kv[at + p] * fraction_y[p];
      carried_h[p] = kh[at + p] * fraction_x[p];
      weight_v[0][p] = kv[at + p] - carried_v[p];
      columns[0][p] = kh[at + p] - carried_h[p];
    }
    for (int i = 1; i < k; ++i) {
      const T *a = kv + at + i * plane, *b = kh + at + i * plane;
      for (int p = 0; p < count; ++p) {
        const T moved_v = a[p] * fraction_y[p], moved_h = b[p] * fraction_x[p];
        weight_v[i][p] = (a[p] - moved_v) + carried_v[p];
        columns[i][p] = (b[p] - moved_h) + carried_h[p];
        carried_v[p] = moved_v;
        carried_h[p] = moved_h;
      }
    }
    for (int p = count; p < (count + 3) / 4 * 4; ++p)  // a last incomplete group of four is transposed whole
      for (int i = 0; i < taps; ++i) columns[i][p] = T(0);
    for (int group = 0; group < kLanes * vectors(taps); group += 4) {
      const int v = group / kLanes, tap = start(v, taps) + group % kLanes;
      for (int p = 0; p < count; p += 4) {
        Vec<T, 4> lane[4];
        CELLSIM_UNROLL for (int l = 0; l < 4; ++l)
          lane[l] = tap + l < kLanes * v ? Vec<T, 4>{} : load<4>(&columns[tap + l][p]);
        transpose4<T>(lane[0], lane[1], lane[2], lane[3]);
        CELLSIM_UNROLL for (int l = 0; l < 4; ++l) store(&weight_h[p + l][group], lane[l]);
      }
    }
  }

  // Ask for the run after this one in every plane: too many streams for the hardware to follow by itself.
  static CELLSIM_INLINE void fetch_next(const T* planes, int count, int64_t plane, int64_t at) {
    for (int i = 0; i < count; ++i)
      for (size_t byte = 0; byte < kRun * sizeof(T); byte += 64)
        CELLSIM_PREFETCH(reinterpret_cast<const char*>(planes + i * plane + at + kRun) + byte);
  }

  // The taps x taps pixels that pixel p sees: in the image itself, or copied to `buffer` where they cross its border.
  CELLSIM_INLINE const T* patch(int p, const T* image, const SdcShape& s, int taps, T* buffer, int64_t& pitch) const {
    if (inside[p]) {
      pitch = s.w;
      return image + int64_t(top[p]) * s.w + left[p];
    }
    copy_patch(p, image, s, taps, buffer);
    pitch = taps;
    return buffer;
  }

  CELLSIM_NOINLINE void copy_patch(int p, const T* image, const SdcShape& s, int taps, T* buffer) const {
    taps = K ? K + 1 : taps;  // known to the compiler
    const int h = int(s.h), w = int(s.w), y0 = top[p], x0 = left[p];
    const bool whole_rows = x0 >= 0 && x0 + taps <= w;
    int column[kMaxTaps];
    for (int b = 0; b < taps; ++b) column[b] = std::min(std::max(x0 + b, 0), w - 1);
    for (int a = 0; a < taps; ++a) {
      const T* row = image + int64_t(std::min(std::max(y0 + a, 0), h - 1)) * w;
      T* to = buffer + a * taps;
      if (whole_rows)
        for (int v = 0; v < vectors(taps); ++v) store(to + start(v, taps), load<kLanes>(row + x0 + start(v, taps)));
      else
        for (int b = 0; b < taps; ++b) to[b] = row[column[b]];
    }
    if (s.border != CELLSIM_ZEROS) return;
    for (int a = 0; a < taps; ++a)
      for (int b = 0; b < taps; ++b)
        if (y0 + a < 0 || y0 + a >= h || x0 + b < 0 || x0 + b >= w) buffer[a * taps + b] = T(0);
  }
};

}  // namespace cellsim
