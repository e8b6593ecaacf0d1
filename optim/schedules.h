// The learning rate as a function of progress. A warm-up rises linearly before any of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace octet {

struct Schedule {
  enum class Kind {
    constant,
    step,         ///< times `factor` at each of `drops` equal parts of the run but the first
    inverse,      ///< (1 + gamma * step)^-power: Caffe's "inv"
    cosine,       ///< half a cosine from 1 to `floor`
    linear,       ///< a line from 1 to `floor`
    exponential,  ///< floor^progress: from 1 to `floor` by the same factor each step
    drops,        ///< times `factor` from each of `drop_steps` on
    triangle,     ///< a line from `first` to 1 over the share `peak` of the run, then to `floor`
  };
  Kind kind = Kind::constant;
  float base = 0.01f;             ///< the rate that the rule scales
  std::int64_t steps = 1;         ///< of the whole run
  std::int64_t warmup_steps = 0;  ///< rises to the rule's value over so many steps
  int drops = 3;
  float factor = 0.1f;
  double gamma = 1e-4, power = 0.75;
  double floor = 0.0;
  double first = 0.0, peak = 0.5;  ///< of the triangle
  std::vector<std::int64_t> drop_steps;

  /// The rate of step 0 .. steps - 1.
  float rate(std::int64_t step) const;
};

std::string_view name_of(Schedule::Kind kind);
/// "constant", "step", "inverse", "cosine", "linear", "exponential", "drops", "triangle"; throws
/// Error(usage) otherwise.
Schedule::Kind parse_schedule(std::string_view name);

}  // namespace octet
