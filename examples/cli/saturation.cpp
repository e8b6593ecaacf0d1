#include "examples/cli/saturation.h"

#include <algorithm>
#include <iostream>

#include "examples/cli/session.h"

namespace octet::cli {
namespace {

constexpr double much_clipped = 0.01, much_underflowed = 0.99;

double share(std::int64_t count, const Saturation& of) {
  return of.counted > 0 ? static_cast<double>(count) / static_cast<double>(of.counted) : 0;
}

std::string name_of(const Saturation& s) {
  std::string name = s.layer + "." + s.role;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

}  // namespace

std::string saturation_columns(const std::vector<Saturation>& all) {
  std::string columns;
  for (const Saturation& s : all)
    columns += "," + name_of(s) + ".clipped," + name_of(s) + ".underflowed";
  return columns;
}

std::string saturation_values(const std::vector<Saturation>& all) {
  std::string values;
  for (const Saturation& s : all)
    values += format_text(",%.3g,%.3g", share(s.clipped, s), share(s.underflowed, s));
  return values;
}

void SaturationWarnings::warn(const std::vector<Saturation>& all) {
  const auto worst = [&](auto count) {
    return std::max_element(all.begin(), all.end(), [&](const Saturation& a, const Saturation& b) {
      return share(a.*count, a) < share(b.*count, b);
    });
  };
  if (all.empty()) return;
  const auto clipped = worst(&Saturation::clipped), lost = worst(&Saturation::underflowed);
  if (share(clipped->clipped, *clipped) > much_clipped &&
      said_.insert("clipped " + name_of(*clipped)).second)
    std::cerr << format_text("octet: %s of %s: %.1f %% of the codes were clipped\n",
                             clipped->role.c_str(), clipped->layer.c_str(),
                             100 * share(clipped->clipped, *clipped));
  if (share(lost->underflowed, *lost) > much_underflowed &&
      said_.insert("lost " + name_of(*lost)).second)
    std::cerr << format_text("octet: %s of %s: %.1f %% of the values became the code of 0\n",
                             lost->role.c_str(), lost->layer.c_str(),
                             100 * share(lost->underflowed, *lost));
}

}  // namespace octet::cli
