// Backward pass of the spatially-displaced convolution, one image row at a time.
//
// With R_i = Σ_j h_j I_ij and C_j = Σ_i v_i I_ij over the folded weights, and g the incoming gradient:
// dKv_i = g (R_i + b (R_{i+1} - R_i)), dKh_j = g (C_j + a (C_{j+1} - C_j)), dv = g Σ Kv_i (R_{i+1} - R_i), du alike.
#pragma once
#include "sdc_forward.h"
#include "sdc_scatter.h"

namespace cellsim {

template <class T, int K> struct BackwardRow {
  using R = Run<T, K>;
  static constexpr int kMaxTaps = R::kMaxTaps, kPadded = R::kPadded, L = R::kLanes;

  R run;
  alignas(64) T by_row[kRun][kPadded];     // g R_i, [pixel][tap]
  alignas(64) T by_column[kRun][kPadded];  // g C_j, [pixel][vector lane]
  alignas(64) T grad[kRun];
  alignas(64) T buffer[kMaxTaps * kMaxTaps];

  void operator()(const SdcImage<T>& a, const SdcShape& s, int y, Scatter<T>* scatter) {
    const int64_t plane = s.h * s.w;
    const int w = int(s.w), taps = (K ? K : int(s.k)) + 1;
    const bool gather = a.grad_kernel_v || a.grad_kernel_h || a.grad_flow;
    for (int x = 0; x < w; x += kRun) {
      const int count = std::min(kRun, w - x);
      const int64_t at = int64_t(y) * w + x;
      run.fold(a.flow, a.kernel_v, a.kernel_h, s, at, y, x, count);
      for (int c = 0; c < s.c; ++c) {
        for (int p = 0; p < count; ++p) grad[p] = run.lost[p] ? T(0) : a.grad_out[c * plane + at + p];
        if (gather) sums(a.image + c * plane, s, count, c == 0);
        if (scatter)
          for (int p = 0; p < count; ++p) scatter_pixel(*scatter, s, c, p, taps);
      }
      if (gather) finish(a, s, at, count);
    }
  }

  // Add g R and g C of one channel.
  CELLSIM_INLINE void sums(const T* image, const SdcShape& s, int count, bool first) {
    const int taps = (K ? K : int(s.k)) + 1, nv = R::vectors(taps);
    for (int p = 0; p < count; ++p) {
      int64_t pitch;
      const T* pixel = run.patch(p, image, s, taps, buffer, pitch);
      const T g = grad[p];
      typename R::V columns[R::kVectors] = {};
      CELLSIM_UNROLL for (int i = 0; i < taps; i += 4) {
        typename R::V row[4] = {};
        CELLSIM_UNROLL for (int r = 0; r < 4; ++r) {
          if (i + r >= taps) break;
          const T weight = run.weight_v[i + r][p];
          CELLSIM_UNROLL for (int v = 0; v < nv; ++v) {
            const typename R::V part = load<L>(pixel + R::start(v, taps));
            columns[v] += weight * part;
            row[r] += part * load<L>(&run.weight_h[p][L * v]);
          }
          pixel += pitch;
        }
        const Vec<T, 4> total = g * sums4<T>(folded<T, L>(row[0]), folded<T, L>(row[1]), folded<T, L>(row[2]),
                                             folded<T, L>(row[3]));
        store(&by_row[p][i], first ? total : total + load<4>(&by_row[p][i]));
      }
      CELLSIM_UNROLL for (int v = 0; v < nv; ++v) {
        const typename R::V total = g * columns[v];
        store(&by_column[p][L * v], first ? total : total + load<L>(&by_column[p][L * v]));
      }
    }
  }

  // Turn the sums of all channels into the gradients of the kernels and the flow.
  CELLSIM_INLINE void finish(const SdcImage<T>& a, const SdcShape& s, int64_t at, int count) {
    const int k = K ? K : int(s.k), taps = k + 1;
    const int64_t plane = s.h * s.w;
    alignas(64) T rows[kPadded][kRun], columns[kPadded][kRun];
    for (int tap = 0; tap < taps; tap += 4) transposed(by_row, rows, tap, tap, count);
    for (int lane = 0; lane < L * R::vectors(taps); lane += 4)
      transposed(by_column, columns, lane, column(lane, taps), count);
    T along_y[kRun] = {}, along_x[kRun] = {};
    for (int i = 0; i < k; ++i) {
      const int64_t o = i * plane + at;
      for (int p = 0; p < count; ++p) {
        const T dy = rows[i + 1][p] - rows[i][p], dx = columns[i + 1][p] - columns[i][p];
        along_y[p] += a.kernel_v[o + p] * dy;
        along_x[p] += a.kernel_h[o + p] * dx;
        rows[i][p] += run.fraction_y[p] * dy;
        columns[i][p] += run.fraction_x[p] * dx;
      }
      if (a.grad_kernel_v) stream(rows[i], count, a.grad_kernel_v + o);
      if (a.grad_kernel_h) stream(columns[i], count, a.grad_kernel_h + o);
    }
    if (a.grad_flow)
      for (int p = 0; p < count; ++p) {
        a.grad_flow[at + p] = along_x[p] * run.slope_x[p];
        a.grad_flow[plane + at + p] = along_y[p] * run.slope_y[p];
      }
  }

  CELLSIM_INLINE static void transposed(const T (*from)[kPadded], T (*to)[kRun], int lane, int tap, int count) {
    for (int p = 0; p < count; p += 4) {
      Vec<T, 4> q[4];
      CELLSIM_UNROLL for (int l = 0; l < 4; ++l) q[l] = load<4>(&from[p + l][lane]);
      transpose4<T>(q[0], q[1], q[2], q[3]);
      CELLSIM_UNROLL for (int l = 0; l < 4; ++l) store(&to[tap + l][p], q[l]);
    }
  }

  // The column of taps that a lane of weight_h belongs to.
  static CELLSIM_INLINE int column(int lane, int taps) { return R::start(lane / L, taps) + lane % L; }

  // Add g v_i h_j to the gradient of the image.
  CELLSIM_INLINE void scatter_pixel(Scatter<T>& scatter, const SdcShape& s, int c, int p, int taps) {
    const int groups = L / 4 * R::vectors(taps);  // of four columns
    scatter.touch(run.top[p], taps);
    if (!run.inside[p]) {
      scatter_border(scatter, s, c, p, taps);
      return;
    }
    T* target[kPadded / 4] = {};
    Vec<T, 4> weight[kPadded / 4] = {};
    CELLSIM_UNROLL for (int v = 0; v < groups; ++v) {
      target[v] = scatter.aligned(c, run.top[p], run.left[p] + column(4 * v, taps));
      weight[v] = load<4>(&run.weight_h[p][4 * v]);
    }
    const T g = grad[p];
    CELLSIM_UNROLL for (int i = 0; i < taps; ++i) {
      const T share = g * run.weight_v[i][p];
      CELLSIM_UNROLL for (int v = 0; v < groups; ++v) {
        T* to = target[v] + i * scatter.pitch;
        store(to, load<4>(to) + share * weight[v]);
      }
    }
  }

  void scatter_border(Scatter<T>& scatter, const SdcShape& s, int c, int p, int taps) {
    const int h = int(s.h), w = int(s.w);
    for (int i = 0; i < taps; ++i) {
      const int y = run.top[p] + i;
      if (s.border == CELLSIM_ZEROS && (y < 0 || y >= h)) continue;
      T* row = scatter.row(c, std::min(std::max(y, 0), h - 1));
      const T share = grad[p] * run.weight_v[i][p];
      for (int lane = 0; lane < L * R::vectors(taps); ++lane) {  // doubled lanes weigh 0
        const int x = run.left[p] + column(lane, taps);
        if (s.border == CELLSIM_ZEROS && (x < 0 || x >= w)) continue;
        row[std::min(std::max(x, 0), w - 1)] += share * run.weight_h[p][lane];
      }
    }
  }
};

}  // namespace cellsim
