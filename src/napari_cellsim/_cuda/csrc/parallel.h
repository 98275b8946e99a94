// One loop over tasks on several threads. OpenMP where torch uses the same runtime (Linux); plain threads elsewhere,
// because a second OpenMP runtime in the process would fight torch's.
#pragma once
#include <algorithm>
#include <cstdint>
#if !defined(_OPENMP)
#include <exception>
#include <thread>
#include <vector>
#endif

namespace cellsim {

// Threads worth waking for this many pixels or elements.
inline int useful_threads(int wanted, int64_t work, int64_t grain) {
  return int(std::max<int64_t>(1, std::min<int64_t>(wanted, work / grain)));
}

// f(task) for every task; task t runs on thread t * threads / tasks, so neighbours share a thread. f must not throw.
template <class F> void for_each_task(int64_t tasks, int threads, F&& f) {
  const int team = int(std::min<int64_t>(threads, tasks));
  if (team <= 1) {
    for (int64_t t = 0; t < tasks; ++t) f(t);
    return;
  }
#if defined(_OPENMP)
#pragma omp parallel for schedule(static) num_threads(team)
  for (int64_t t = 0; t < tasks; ++t) f(t);
#else
  const auto share = [&](int64_t i) {
    for (int64_t t = tasks * i / team; t < tasks * (i + 1) / team; ++t) f(t);
  };
  std::vector<std::thread> others;
  others.reserve(size_t(team) - 1);
  int64_t started = 1;
  try {
    for (; started < team; ++started) others.emplace_back(share, started);
  } catch (const std::exception&) {  // the system has no thread left: do their share here
  }
  share(0);
  for (int64_t i = started; i < team; ++i) share(i);
  for (auto& thread : others) thread.join();
#endif
}

}  // namespace cellsim
