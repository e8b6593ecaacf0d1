// What a paper claims beside what came out here, as the last lines of every paper's program:
//   claim, the paper's figure, ours, the difference, the bound that ours is held to, pass or FAIL.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace octet::papers {

struct Claim {
  std::string what;             ///< "LeNet-5: test error, %"
  std::optional<double> paper;  ///< the paper's figure, where it has one
  double ours = 0;
  bool at_most = true;  ///< whether `ours` must not exceed the bound, or must reach it
  double bound = 0;
  int digits = 2;  ///< after the point

  bool passes() const { return at_most ? ours <= bound : ours >= bound; }
};

class Claims {
 public:
  void add(Claim claim) { claims_.push_back(std::move(claim)); }
  /// The same with that figure as ours; nothing is claimed of what was not measured.
  void add(std::optional<double> ours, Claim claim);
  const std::vector<Claim>& all() const { return claims_; }

  /// A heading, a line for each claim, and "all N claims hold" or "K of N claims do not hold".
  std::string text() const;
  /// An object for each claim: claim, paper (null where there is none), ours, bound, pass.
  nlohmann::ordered_json json() const;
  /// 0 when every claim holds, else Failure::bound, which is 3.
  int exit_code() const;

 private:
  std::vector<Claim> claims_;
};

/// Prints the claims and, with `json`, an object that holds them as the last line; returns the exit
/// code.
int conclude(const Claims& claims, bool json);

/// Columns of one width, two spaces between them: the first begins at the left, the others end at
/// the right. Rows may be short.
std::string aligned(const std::vector<std::vector<std::string>>& rows);

/// "12.30"; the same for any locale.
std::string fixed(double value, int digits);

struct Statistics {
  double mean = 0, least = 0, most = 0;
};
/// Of at least one value.
Statistics statistics(const std::vector<double>& values);

}  // namespace octet::papers
