// The spatially-displaced convolution on the processor: choice of kernel, sharing of the work among threads.
#include <vector>

#include "parallel.h"
#include "sdc_backward.h"
#include "sdc_single_tap.h"

namespace cellsim {
namespace {

constexpr int64_t kGrain = 2048;  // pixels worth a thread

template <class T> using ForwardRows = void (*)(const SdcImage<T>&, const SdcShape&, int64_t, int64_t);
template <class T> using BackwardRows = void (*)(const SdcImage<T>&, const SdcShape&, int64_t, int64_t, Scatter<T>*);

template <class T, int K> void forward_rows(const SdcImage<T>& a, const SdcShape& s, int64_t begin, int64_t end) {
  for (int64_t y = begin; y < end; ++y)
    if constexpr (K == 1)
      forward_row_single<T>(a, s, int(y));
    else
      forward_row<T, K>(a, s, int(y));
}

template <class T, int K>
void backward_rows(const SdcImage<T>& a, const SdcShape& s, int64_t begin, int64_t end, Scatter<T>* scatter) {
  if constexpr (K == 1) {
    for (int64_t y = begin; y < end; ++y) backward_row_single<T>(a, s, int(y), scatter);
  } else {
    BackwardRow<T, K> row;
    for (int64_t y = begin; y < end; ++y) row(a, s, int(y), scatter);
    streams_done();
  }
}

// Kernel sizes in use get their own code; the rest, and float64, which only tests use, share one.
template <class T> ForwardRows<T> forward_for(int64_t k) {
  if (k == 1) return forward_rows<T, 1>;
  if constexpr (sizeof(T) == 4) switch (k) {
      case 3: return forward_rows<T, 3>;
      case 5: return forward_rows<T, 5>;
      case 7: return forward_rows<T, 7>;
      case 9: return forward_rows<T, 9>;
      case 11: return forward_rows<T, 11>;
    }
  return forward_rows<T, 0>;
}
template <class T> BackwardRows<T> backward_for(int64_t k) {
  if (k == 1) return backward_rows<T, 1>;
  if constexpr (sizeof(T) == 4) switch (k) {
      case 3: return backward_rows<T, 3>;
      case 5: return backward_rows<T, 5>;
      case 7: return backward_rows<T, 7>;
      case 9: return backward_rows<T, 9>;
      case 11: return backward_rows<T, 11>;
    }
  return backward_rows<T, 0>;
}

template <class T> SdcImage<T> image_of(const SdcImage<T>& batch, const SdcShape& s, int64_t n) {
  const int64_t plane = s.h * s.w;
  const auto at = [&](auto* p, int64_t channels) { return p ? p + n * channels * plane : nullptr; };
  return {at(batch.image, s.c),    at(batch.flow, 2),          at(batch.kernel_v, s.k),
          at(batch.kernel_h, s.k), at(batch.grad_out, s.c),    at(batch.out, s.c),
          at(batch.grad_flow, 2),  at(batch.grad_kernel_v, s.k), at(batch.grad_kernel_h, s.k)};
}

// work(image, first row, end row) over the whole batch, in bands small enough to share fairly.
template <class T, class F> void for_each_band(const SdcImage<T>& batch, const SdcShape& s, int threads, F&& work) {
  const int64_t bands = threads == 1 ? 1 : std::min<int64_t>(s.h, (4 * int64_t(threads) + s.n - 1) / s.n);
  for_each_task(s.n * bands, threads, [&](int64_t t) {
    const int64_t n = t / bands, b = t % bands;
    work(image_of(batch, s, n), s.h * b / bands, s.h * (b + 1) / bands);
  });
}

template <class T> void forward(const SdcImage<T>& batch, const SdcShape& s, int threads) {
  const auto rows = forward_for<T>(s.k);
  for_each_band(batch, s, useful_threads(threads, s.n * s.h * s.w, kGrain),
                [&](const SdcImage<T>& a, int64_t begin, int64_t end) { rows(a, s, begin, end); });
}

// Rows begin to end of the image gradient from the accumulators of all threads, in their order.
template <class T>
void drain(std::vector<Scatter<T>>& scatters, const SdcShape& s, int64_t begin, int64_t end, T* grad) {
  for (int64_t c = 0; c < s.c; ++c)
    for (int64_t y = begin; y < end; ++y)
      for (size_t i = 0; i < scatters.size(); ++i) scatters[i].drain(c, y, s.w, grad + (c * s.h + y) * s.w, i > 0);
}

template <class T> void backward(const SdcImage<T>& batch, T* grad_image, const SdcShape& s, int threads) {
  const auto rows = backward_for<T>(s.k);
  threads = useful_threads(threads, s.n * s.h * s.w, kGrain);
  if (!grad_image) {
    for_each_band(batch, s, threads,
                  [&](const SdcImage<T>& a, int64_t begin, int64_t end) { rows(a, s, begin, end, nullptr); });
    return;
  }
  const int64_t chw = s.c * s.h * s.w;
  const bool whole_images = s.n % threads == 0;  // else all threads share each image
  std::vector<std::vector<Scatter<T>>> scatters(whole_images ? threads : 1);
  for (auto& own : scatters) {
    own.resize(whole_images ? 1 : threads);
    for (auto& scatter : own) scatter.allocate(s.c, s.h, s.w, s.k == 1 ? 1 : 4);
  }
  if (whole_images) {
    for_each_task(threads, threads, [&](int64_t t) {
      for (int64_t n = s.n * t / threads; n < s.n * (t + 1) / threads; ++n) {
        rows(image_of(batch, s, n), s, 0, s.h, &scatters[t][0]);
        drain(scatters[t], s, 0, s.h, grad_image + n * chw);
        scatters[t][0].forget();
      }
    });
    return;
  }
  for (int64_t n = 0; n < s.n; ++n) {
    const SdcImage<T> a = image_of(batch, s, n);
    for_each_task(threads, threads, [&](int64_t t) {
      rows(a, s, s.h * t / threads, s.h * (t + 1) / threads, &scatters[0][t]);
    });
    for_each_task(threads, threads, [&](int64_t t) {
      drain(scatters[0], s, s.h * t / threads, s.h * (t + 1) / threads, grad_image + n * chw);
    });
    for (auto& scatter : scatters[0]) scatter.forget();
  }
}

bool valid(const SdcShape& s) {
  const int64_t limit = INT32_MAX / 2;
  return s.n >= 0 && s.c >= 0 && s.h > 0 && s.w > 0 && s.h < limit && s.w < limit && s.c < limit && s.k > 0 &&
         s.k % 2 == 1 && s.k <= CELLSIM_MAX_TAPS && s.border >= CELLSIM_REPLICATE && s.border <= CELLSIM_ZEROS;
}

template <class F> int guarded(F&& f) {
  try {
    f();
    return CELLSIM_OK;
  } catch (const std::bad_alloc&) {
    return CELLSIM_NO_MEMORY;
  } catch (...) {
    return CELLSIM_FAILED;
  }
}

template <class T> T* as(void* p) { return static_cast<T*>(p); }
template <class T> const T* as(const void* p) { return static_cast<const T*>(p); }

}  // namespace
}  // namespace cellsim

CELLSIM_API int cellsim_abi_version(void) { return CELLSIM_ABI_VERSION; }

#define CELLSIM_TEXT2(x) #x
#define CELLSIM_TEXT(x) CELLSIM_TEXT2(x)
CELLSIM_API const char* cellsim_description(void) {
  return "compiled by "
#if defined(__clang__)
         "Clang " CELLSIM_TEXT(__clang_major__) "." CELLSIM_TEXT(__clang_minor__)
#elif defined(__GNUC__)
         "GCC " CELLSIM_TEXT(__GNUC__) "." CELLSIM_TEXT(__GNUC_MINOR__)
#elif defined(_MSC_VER)
         "MSVC " CELLSIM_TEXT(_MSC_VER)
#else
         "an unknown compiler"
#endif
#if defined(_OPENMP)
         ", threads by OpenMP"
#else
         ", threads by std::thread"
#endif
#if defined(__AVX2__)
         ", AVX2"
#endif
      ;
}

CELLSIM_API int cellsim_sdc_forward_cpu(int dtype, const void* image, const void* flow, const void* kernel_v,
                                        const void* kernel_h, void* out, int64_t n, int64_t c, int64_t h, int64_t w,
                                        int64_t k, int border, int threads) {
  using namespace cellsim;
  const SdcShape s{n, c, h, w, k, border};
  if (!valid(s) || (dtype != CELLSIM_F32 && dtype != CELLSIM_F64)) return CELLSIM_BAD_ARGUMENT;
  const auto run = [&](auto zero) {
    using T = decltype(zero);
    const SdcImage<T> batch{as<T>(image), as<T>(flow), as<T>(kernel_v), as<T>(kernel_h), nullptr,
                            as<T>(out),   nullptr,     nullptr,         nullptr};
    return guarded([&] { forward(batch, s, threads); });
  };
  return dtype == CELLSIM_F32 ? run(0.0f) : run(0.0);
}

CELLSIM_API int cellsim_sdc_backward_cpu(int dtype, const void* grad_out, const void* image, const void* flow,
                                         const void* kernel_v, const void* kernel_h, void* grad_image, void* grad_flow,
                                         void* grad_kernel_v, void* grad_kernel_h, int64_t n, int64_t c, int64_t h,
                                         int64_t w, int64_t k, int border, int threads) {
  using namespace cellsim;
  const SdcShape s{n, c, h, w, k, border};
  if (!valid(s) || (dtype != CELLSIM_F32 && dtype != CELLSIM_F64)) return CELLSIM_BAD_ARGUMENT;
  const auto run = [&](auto zero) {
    using T = decltype(zero);
    const SdcImage<T> batch{as<T>(image),    as<T>(flow), as<T>(kernel_v),  as<T>(kernel_h),
                            as<T>(grad_out), nullptr,     as<T>(grad_flow), as<T>(grad_kernel_v),
                            as<T>(grad_kernel_h)};
    return guarded([&] { backward(batch, as<T>(grad_image), s, threads); });
  };
  return dtype == CELLSIM_F32 ? run(0.0f) : run(0.0);
}
