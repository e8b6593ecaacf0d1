#include "optim/schedules.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

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
    case Kind::linear:
      scale = 1 - (1 - floor) * std::min(progress, 1.0);
      break;
    case Kind::exponential:
      scale = std::pow(floor, progress);
      break;
    case Kind::triangle:
      scale = progress < peak ? first + (1 - first) * progress / peak
                              : 1 - (1 - floor) * (progress - peak) / (1 - peak);
      break;
    case Kind::drops:
      for (const std::int64_t at : drop_steps)
        if (step >= at) scale *= factor;
      break;
  }
  if (step < warmup_steps)
    scale *= static_cast<double>(step + 1) / static_cast<double>(warmup_steps + 1);
  return static_cast<float>(base * scale);
}

namespace {

constexpr std::pair<Schedule::Kind, const char*> names[] = {
    {Schedule::Kind::constant, "constant"}, {Schedule::Kind::step, "step"},
    {Schedule::Kind::inverse, "inverse"},   {Schedule::Kind::cosine, "cosine"},
    {Schedule::Kind::linear, "linear"},     {Schedule::Kind::exponential, "exponential"},
    {Schedule::Kind::drops, "drops"},       {Schedule::Kind::triangle, "triangle"}};

}  // namespace

std::string_view name_of(Schedule::Kind kind) {
  for (const auto& [named, name] : names)
    if (named == kind) return name;
  return "";
}

Schedule::Kind parse_schedule(std::string_view text) {
  for (const auto& [kind, name] : names)
    if (text == name) return kind;
  fail(Failure::usage, "unknown schedule '", text,
       "', expected constant, step, inverse, cosine, linear, exponential, drops or "
       "triangle");
}

}  // namespace octet
