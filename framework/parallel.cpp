#include "framework/parallel.h"

#include <omp.h>
#include <sched.h>

#include <fstream>
#include <string>

namespace octet {
namespace {

// Processors' worth of time that the cgroup grants; 0 when unlimited. Version 2, then version 1.
double cgroup_quota() {
  double quota = 0, period = 0;
  std::string first;
  if (std::ifstream file("/sys/fs/cgroup/cpu.max"); file >> first >> period && first != "max") {
    quota = std::atof(first.c_str());
  } else {
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> quota;
    std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period;
  }
  return quota > 0 && period > 0 ? quota / period : 0;
}

int& thread_count() {
  static int count = [] {
    const int processors = available_processors();
    omp_set_num_threads(processors);  // oneDNN asks OpenMP
    return processors;
  }();
  return count;
}

}  // namespace

int available_processors() {
  cpu_set_t set;
  int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : omp_get_num_procs();
  if (const double quota = cgroup_quota(); quota > 0)
    count = std::min(count, std::max(1, static_cast<int>(quota + 0.5)));
  return std::max(count, 1);
}

void set_threads(int threads) {
  thread_count() = std::max(threads, 1);
  omp_set_num_threads(thread_count());
}

int threads() { return thread_count(); }

}  // namespace octet
