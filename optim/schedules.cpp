#include "optim/schedules.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "framework/check.h"

namespace octet {

float Schedule::rate(std::int64_t step) const {
  const double progress =
      static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(steps, 1));
  double scale = 1;
  switch (kind) {
    case Kind::constant:
      break;
    case Kind::step:
      for (int i = 1; i < drops; ++i)
        if (progress >= static_cast<double>(i) / drops) scale *= factor;
      break;
    case Kind::inverse:
      scale = std::pow(1 + gamma * static_cast<double>(step), -power);
      break;
    case Kind::cosine:
      scale =
          floor + (1 - floor) * 0.5 * (1 + std::cos(std::numbers::pi * std::min(progress, 1.0)));
      break;
  }
  if (step < warmup_steps)
    scale *= static_cast<double>(step + 1) / static_cast<double>(warmup_steps + 1);
  return static_cast<float>(base * scale);
}

std::string_view name_of(Schedule::Kind kind) {
  switch (kind) {
    case Schedule::Kind::constant:
      return "constant";
    case Schedule::Kind::step:
      return "step";
    case Schedule::Kind::inverse:
      return "inverse";
    case Schedule::Kind::cosine:
      return "cosine";
  }
  return "";
}

Schedule::Kind parse_schedule(std::string_view name) {
  for (const auto kind : {Schedule::Kind::constant, Schedule::Kind::step, Schedule::Kind::inverse,
                          Schedule::Kind::cosine})
    if (name == name_of(kind)) return kind;
  fail(Failure::usage, "unknown schedule '", name, "', expected constant, step, inverse or cosine");
}

}  // namespace octet
