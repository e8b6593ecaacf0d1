#include "examples/papers/common/claims.h"

#include <algorithm>
#include <cassert>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "examples/cli/session.h"
#include "framework/check.h"

namespace octet::papers {

std::string fixed(double value, int digits) { return cli::format_text("%.*f", digits, value); }

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string space(widths[c] - row[c].size(), ' ');
      line += c == 0 ? row[c] + space : "  " + space + row[c];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

Statistics statistics(const std::vector<double>& values) {
  assert(!values.empty());
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return {sum / static_cast<double>(values.size()), *least, *most};
}

void Claims::add(std::optional<double> ours, Claim claim) {
  if (!ours) return;
  claim.ours = *ours;
  add(std::move(claim));
}

std::string Claims::text() const {
  std::vector<std::vector<std::string>> rows{
      {"claim", "paper", "ours", "difference", "bound", "verdict"}};
  for (const Claim& claim : claims_) {
    std::string difference = "-";
    if (claim.paper)
      difference = cli::format_text("%+.*f", claim.digits, claim.ours - *claim.paper);
    rows.push_back({claim.what, claim.paper ? fixed(*claim.paper, claim.digits) : "-",
                    fixed(claim.ours, claim.digits), difference,
                    (claim.at_most ? "<= " : ">= ") + fixed(claim.bound, claim.digits),
                    claim.passes() ? "pass" : "FAIL"});
  }
  const auto failed = std::count_if(claims_.begin(), claims_.end(),
                                    [](const Claim& claim) { return !claim.passes(); });
  const std::size_t made = claims_.size();
  if (made == 1)
    return aligned(rows) + (failed == 0 ? "the claim holds\n" : "the claim does not hold\n");
  return aligned(rows) + (failed == 0 ? join("all ", made, " claims hold\n")
                                      : join(failed, " of ", made, " claims do not hold\n"));
}

nlohmann::ordered_json Claims::json() const {
  auto list = nlohmann::ordered_json::array();
  for (const Claim& claim : claims_) {
    nlohmann::ordered_json paper = nullptr;
    if (claim.paper) paper = *claim.paper;
    list.push_back({{"claim", claim.what},
                    {"paper", paper},
                    {"ours", claim.ours},
                    {"bound", claim.bound},
                    {"at_most", claim.at_most},
                    {"pass", claim.passes()}});
  }
  return list;
}

int Claims::exit_code() const {
  const bool all = std::all_of(claims_.begin(), claims_.end(),
                               [](const Claim& claim) { return claim.passes(); });
  return all ? 0 : static_cast<int>(Failure::bound);
}

int conclude(const Claims& claims, bool json) {
  std::cout << (claims.all().empty() ? "no claims were made\n" : claims.text());
  if (json) std::cout << nlohmann::ordered_json{{"claims", claims.json()}}.dump() << std::endl;
  return claims.exit_code();
}

}  // namespace octet::papers
