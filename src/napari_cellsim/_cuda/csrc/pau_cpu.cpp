// The Padé activation unit on the processor: P(x) / Q(x) and its gradients, in one pass over memory.
#include <cmath>
#include <new>
#include <vector>

#include "cellsim.h"
#include "parallel.h"
#include "simd.h"

namespace cellsim {
namespace {

constexpr int64_t kChunk = 4096;    // elements per task; float sums inside it, double sums above
constexpr int64_t kGrain = 32768;   // elements worth a thread
constexpr int kLanes = 16;          // partial sums that the compiler keeps in vectors
constexpr int kCoefficients = CELLSIM_PAU_NUMERATOR + CELLSIM_PAU_DENOMINATOR;

template <class T> struct Rational {
  T a[CELLSIM_PAU_NUMERATOR], b[CELLSIM_PAU_DENOMINATOR];  // form A: the b are magnitudes

  Rational(const T* numerator, const T* denominator, bool form_a) {
    for (int i = 0; i < CELLSIM_PAU_NUMERATOR; ++i) a[i] = numerator[i];
    for (int i = 0; i < CELLSIM_PAU_DENOMINATOR; ++i) b[i] = form_a ? std::abs(denominator[i]) : denominator[i];
  }
  CELLSIM_INLINE T top(T x) const { return ((((a[5] * x + a[4]) * x + a[3]) * x + a[2]) * x + a[1]) * x + a[0]; }
  CELLSIM_INLINE T top_slope(T x) const {
    return (((5 * a[5] * x + 4 * a[4]) * x + 3 * a[3]) * x + 2 * a[2]) * x + a[1];
  }
  CELLSIM_INLINE T below(T x) const { return (((b[3] * x + b[2]) * x + b[1]) * x + b[0]) * x; }  // Q - 1, unsigned
  CELLSIM_INLINE T below_slope(T x) const { return ((4 * b[3] * x + 3 * b[2]) * x + 2 * b[1]) * x + b[0]; }
};

template <class T, bool A> void forward(const T* CELLSIM_RESTRICT x, const Rational<T>& f, T* CELLSIM_RESTRICT out,
                                        int64_t count) {
  for (int64_t i = 0; i < count; ++i) out[i] = f.top(x[i]) / (1 + std::abs(f.below(A ? std::abs(x[i]) : x[i])));
}

// Gradient of x into grad_x (or null) and sums over the chunk for a0..a5, b1..b4. Form A: the sums for b are those of
// its magnitudes.
template <class T, bool A>
void backward(const T* CELLSIM_RESTRICT grad, const T* CELLSIM_RESTRICT x, const Rational<T>& f,
              T* CELLSIM_RESTRICT grad_x, int64_t count, double* sums) {
  T partial[kCoefficients][kLanes] = {};
  T in[kLanes], g[kLanes], slope[kLanes];
  for (int64_t start = 0; start < count; start += kLanes) {
    const int lanes = int(std::min<int64_t>(kLanes, count - start));
    for (int l = 0; l < kLanes; ++l) {  // a short last group is filled up with elements that add nothing
      in[l] = l < lanes ? x[start + l] : T(0);
      g[l] = l < lanes ? grad[start + l] : T(0);
    }
    for (int l = 0; l < kLanes; ++l) {
      const T size = A ? std::abs(in[l]) : in[l], below = f.below(size);
      const T side = A ? (in[l] > 0 ? T(1) : in[l] < 0 ? T(-1) : T(0)) : std::copysign(T(1), below);
      const T inverse = 1 / (1 + std::abs(below)), top = f.top(in[l]);
      const T over = g[l] * inverse, under = -over * inverse * top;
      slope[l] = over * f.top_slope(in[l]) + under * side * f.below_slope(size);
      T power = over;
      for (int i = 0; i < CELLSIM_PAU_NUMERATOR; ++i, power *= in[l]) partial[i][l] += power;
      power = (A ? under : under * side) * size;
      for (int i = CELLSIM_PAU_NUMERATOR; i < kCoefficients; ++i, power *= size) partial[i][l] += power;
    }
    if (grad_x)
      for (int l = 0; l < lanes; ++l) grad_x[start + l] = slope[l];
  }
  for (int i = 0; i < kCoefficients; ++i)
    for (int l = 0; l < kLanes; ++l) sums[i] += partial[i][l];
}

template <class F> void for_each_chunk(int64_t count, int threads, F&& f) {
  for_each_task((count + kChunk - 1) / kChunk, useful_threads(threads, count, kGrain), [&](int64_t t) {
    f(t, t * kChunk, std::min(kChunk, count - t * kChunk));
  });
}

template <class T> void forward_all(const void* x, const void* numerator, const void* denominator, void* out,
                                    int64_t count, bool form_a, int threads) {
  const Rational<T> f(static_cast<const T*>(numerator), static_cast<const T*>(denominator), form_a);
  const auto chunk = form_a ? forward<T, true> : forward<T, false>;
  for_each_chunk(count, threads, [&](int64_t, int64_t at, int64_t n) {
    chunk(static_cast<const T*>(x) + at, f, static_cast<T*>(out) + at, n);
  });
}

template <class T>
void backward_all(const void* grad_out, const void* x, const void* numerator, const void* denominator, void* grad_x,
                  void* grad_numerator, void* grad_denominator, int64_t count, bool form_a, int threads) {
  const Rational<T> f(static_cast<const T*>(numerator), static_cast<const T*>(denominator), form_a);
  const auto chunk = form_a ? backward<T, true> : backward<T, false>;
  // One set of sums per chunk, added in order: the same result on any number of threads.
  std::vector<double> sums(size_t((count + kChunk - 1) / kChunk * kCoefficients), 0.0);
  for_each_chunk(count, threads, [&](int64_t t, int64_t at, int64_t n) {
    chunk(static_cast<const T*>(grad_out) + at, static_cast<const T*>(x) + at, f,
          grad_x ? static_cast<T*>(grad_x) + at : nullptr, n, &sums[size_t(t * kCoefficients)]);
  });
  double total[kCoefficients] = {};
  for (size_t i = 0; i < sums.size(); ++i) total[i % kCoefficients] += sums[i];
  for (int i = 0; i < CELLSIM_PAU_NUMERATOR; ++i) static_cast<T*>(grad_numerator)[i] = T(total[i]);
  for (int i = 0; i < CELLSIM_PAU_DENOMINATOR; ++i) {
    // copysign, not sign: a coefficient that is exactly 0 must be able to leave it
    const double side = form_a ? std::copysign(1.0, double(static_cast<const T*>(denominator)[i])) : 1.0;
    static_cast<T*>(grad_denominator)[i] = T(side * total[CELLSIM_PAU_NUMERATOR + i]);
  }
}

bool valid(int dtype, int64_t count, int form) {
  return (dtype == CELLSIM_F32 || dtype == CELLSIM_F64) && count >= 0 && form >= CELLSIM_PAU_A && form <= CELLSIM_PAU_B;
}

}  // namespace
}  // namespace cellsim

CELLSIM_API int cellsim_pau_forward_cpu(int dtype, const void* x, const void* numerator, const void* denominator,
                                        void* out, int64_t count, int form, int threads) {
  using namespace cellsim;
  if (!valid(dtype, count, form)) return CELLSIM_BAD_ARGUMENT;
  const auto run = dtype == CELLSIM_F32 ? forward_all<float> : forward_all<double>;
  run(x, numerator, denominator, out, count, form == CELLSIM_PAU_A, threads);
  return CELLSIM_OK;
}

CELLSIM_API int cellsim_pau_backward_cpu(int dtype, const void* grad_out, const void* x, const void* numerator,
                                         const void* denominator, void* grad_x, void* grad_numerator,
                                         void* grad_denominator, int64_t count, int form, int threads) {
  using namespace cellsim;
  if (!valid(dtype, count, form)) return CELLSIM_BAD_ARGUMENT;
  const auto run = dtype == CELLSIM_F32 ? backward_all<float> : backward_all<double>;
  try {
    run(grad_out, x, numerator, denominator, grad_x, grad_numerator, grad_denominator, count, form == CELLSIM_PAU_A,
        threads);
  } catch (const std::bad_alloc&) {
    return CELLSIM_NO_MEMORY;
  }
  return CELLSIM_OK;
}
