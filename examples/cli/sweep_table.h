// A sweep's tables: a row for each run (CSV), a row for each setting over its seeds (Markdown), and
// both (JSON). Errors are fractions in CSV and JSON, per cent in Markdown. The spread is the
// sample's standard deviation, sqrt(sum (x - mean)^2 / (n - 1)).
#pragma once

#include <span>

#include "examples/cli/sweep_results.h"

namespace octet::cli {

struct Spread {
  std::size_t n = 0;
  double mean = 0, least = 0, most = 0;
  double deviation = 0;  ///< NaN where n < 2
};
/// Of at least one value.
Spread spread(std::span<const double> values);

/// The runs of a setting that are done, in one row.
struct SettingRow {
  std::vector<std::string> values;  ///< of the plan's axes
  std::size_t runs = 0, done = 0, failed = 0;
  std::map<std::string, Spread> figures;  ///< of the runs done; only those that are known
};
std::vector<SettingRow> by_setting(const SweepPlan& plan, const std::vector<Result>& results);

/// results[i] is that of plan.runs[i], in all of these.
std::string table_csv(const SweepPlan& plan, const SweepFolder& folder,
                      const std::vector<Result>& results);
std::string table_markdown(const SweepPlan& plan, const std::vector<Result>& results);
Json table_json(const SweepPlan& plan, const SweepFolder& folder,
                const std::vector<Result>& results);

/// Writes table.csv, table.md and table.json into the folder.
void write_tables(const SweepPlan& plan, const SweepFolder& folder,
                  const std::vector<Result>& results);

}  // namespace octet::cli
