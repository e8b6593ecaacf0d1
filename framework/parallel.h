// Loops over both cores. Results never depend on the number of threads: parallel_for hands out
// disjoint ranges, parallel_sum adds fixed chunks in a fixed order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <vector>

// Elementwise kernels marked so are compiled for several instruction sets and chosen at run time.
// Contraction of a * b + c is off in the whole build, so all of them give the same bits.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define OCTET_KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define OCTET_KERNEL
#endif

namespace octet {

/// The processors this process may use: its affinity, capped by the cgroup's quota; at least 1.
int available_processors();
void set_threads(int threads);
int threads();

/// Calls body(begin, end) on disjoint ranges covering 0 .. count - 1; on the calling thread alone
/// when there are fewer than `grain` items.
template <class Body>
void parallel_for(std::int64_t count, std::int64_t grain, const Body& body) {
  const std::int64_t parts =
      std::clamp<std::int64_t>(count / std::max<std::int64_t>(grain, 1), 1, threads());
  if (parts == 1) {
    if (count > 0) body(std::int64_t{0}, count);
    return;
  }
  // An exception must not leave a parallel region: the first part's that failed goes on after it.
  std::exception_ptr failure;
  std::int64_t failed = parts;
#pragma omp parallel for schedule(static, 1) num_threads(static_cast <int>(parts))
  for (std::int64_t part = 0; part < parts; ++part) try {
      body(count * part / parts, count * (part + 1) / parts);
    } catch (...) {
#pragma omp critical(octet_parallel_failure)
      if (part < failed) {
        failed = part;
        failure = std::current_exception();
      }
    }
  if (failure) std::rethrow_exception(failure);
}

/// The sum of body(begin, end) over chunks of `chunk` items, added in order.
template <class Body>
double parallel_sum(std::int64_t count, std::int64_t chunk, const Body& body) {
  std::vector<double> sums(static_cast<std::size_t>((count + chunk - 1) / chunk));
  parallel_for(
      static_cast<std::int64_t>(sums.size()), 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = first; i < last; ++i)
          sums[static_cast<std::size_t>(i)] = body(i * chunk, std::min(count, (i + 1) * chunk));
      });
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

}  // namespace octet
