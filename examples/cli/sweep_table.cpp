#include "examples/cli/sweep_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "framework/files.h"
#include "framework/text.h"

namespace octet::cli {
namespace {

std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string text = "\"";
  for (const char c : field) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

// A cell of a Markdown table: a bar would end it.
std::string cell(const std::string& text) {
  std::string safe;
  for (const char c : text) safe += c == '|' ? std::string("\\|") : std::string(1, c);
  return safe;
}

using Row = std::vector<std::string>;

// Padded, so that it reads as a table in a terminal too; the first `texts` columns to the left.
std::string markdown(const std::vector<Row>& rows, std::size_t texts) {
  std::vector<std::size_t> widths(rows[0].size(), 3);
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string pad(widths[i] - rows[r][i].size(), ' ');
      text += "| " + (i < texts ? rows[r][i] + pad : pad + rows[r][i]) + " ";
    }
    text += "|\n";
    if (r > 0) continue;
    for (std::size_t i = 0; i < widths.size(); ++i)
      text += "| " + std::string(widths[i] - 1, '-') + (i < texts ? "-" : ":") + " ";
    text += "|\n";
  }
  return text;
}

Json options_json(const SweepPlan& plan, const std::vector<std::string>& values) {
  Json options = Json::object();
  for (std::size_t i = 0; i < plan.axes.size(); ++i) options[plan.axes[i]] = values[i];
  return options;
}

}  // namespace

Spread spread(std::span<const double> values) {
  Spread result{.n = values.size(), .least = values[0], .most = values[0]};
  for (const double value : values) {
    result.mean += value;
    result.least = std::min(result.least, value);
    result.most = std::max(result.most, value);
  }
  const auto n = static_cast<double>(values.size());
  result.mean /= n;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.deviation =
      values.size() < 2 ? std::numeric_limits<double>::quiet_NaN() : std::sqrt(squares / (n - 1));
  return result;
}

std::vector<SettingRow> by_setting(const SweepPlan& plan, const std::vector<Result>& results) {
  std::vector<SettingRow> rows(plan.settings);
  std::vector<std::map<std::string, std::vector<double>>> figures(plan.settings);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::size_t setting = plan.runs[i].setting;
    SettingRow& row = rows[setting];
    row.values = plan.runs[i].values;
    ++row.runs;
    if (results[i].status == Status::failed) ++row.failed;
    if (results[i].status != Status::done) continue;
    ++row.done;
    for (const auto& [name, value] : results[i].figures) figures[setting][name].push_back(value);
  }
  for (std::size_t setting = 0; setting < rows.size(); ++setting)
    for (const auto& [name, values] : figures[setting])
      rows[setting].figures[name] = spread(values);
  return rows;
}

std::string table_csv(const SweepPlan& plan, const SweepFolder& folder,
                      const std::vector<Result>& results) {
  std::string text = "run";
  for (const std::string& axis : plan.axes) text += "," + axis;
  text += ",seed,status";
  for (const char* name : figure_names) text += join(",", name);
  text += ",state_hash,reason,folder\n";
  for (std::size_t i = 0; i < results.size(); ++i) {
    const RunPlan& run = plan.runs[i];
    text += std::to_string(i + 1);
    for (const std::string& value : run.values) text += "," + quoted(value);
    text += join(",", run.seed, ",", print(results[i].status));
    for (const char* name : figure_names) {
      const auto found = results[i].figures.find(name);
      text += found == results[i].figures.end() ? "," : "," + shortest(found->second);
    }
    text += "," + results[i].state_hash + "," + quoted(results[i].reason) + "," +
            quoted(folder.run_folder(run).string()) + "\n";
  }
  return text;
}

std::string table_markdown(const SweepPlan& plan, const std::vector<Result>& results) {
  std::vector<Row> rows = {plan.axes};
  for (const char* name :
       {"n", "test error %", "deviation", "least", "most", "validation %", "best", "seconds"})
    rows[0].push_back(name);
  for (const SettingRow& setting : by_setting(plan, results)) {
    Row row;
    for (const std::string& value : setting.values) row.push_back(cell(value));
    row.push_back(setting.done == setting.runs ? std::to_string(setting.done)
                                               : join(setting.done, " of ", setting.runs));
    const auto add = [&](const char* name, double Spread::*member, double times,
                         const char* format) {
      const auto found = setting.figures.find(name);
      const double value = found == setting.figures.end() ? std::numeric_limits<double>::quiet_NaN()
                                                          : times * (found->second.*member);
      char number[64];
      std::snprintf(number, sizeof number, format, value);
      row.push_back(std::isnan(value) ? "-" : number);
    };
    add("test_error", &Spread::mean, 100, "%.3f");
    add("test_error", &Spread::deviation, 100, "%.3f");
    add("test_error", &Spread::least, 100, "%.2f");
    add("test_error", &Spread::most, 100, "%.2f");
    add("validation_error", &Spread::mean, 100, "%.3f");
    add("best_validation_error", &Spread::mean, 100, "%.3f");
    add("seconds", &Spread::mean, 1, "%.1f");
    rows.push_back(std::move(row));
  }
  std::string text = markdown(rows, plan.axes.size()), notes;
  for (std::size_t i = 0; i < results.size(); ++i)
    if (results[i].status == Status::failed)
      notes += join("- run ", i + 1, ", ", describe(plan, plan.runs[i]), ": failed (",
                    results[i].code, "): ", results[i].reason, "\n");
  return notes.empty() ? text : text + "\n" + notes;
}

Json table_json(const SweepPlan& plan, const SweepFolder& folder,
                const std::vector<Result>& results) {
  std::size_t done = 0, failed = 0;
  Json runs = Json::array(), settings = Json::array();
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Result& result = results[i];
    done += result.status == Status::done;
    failed += result.status == Status::failed;
    Json row{{"run", i + 1},
             {"options", options_json(plan, plan.runs[i].values)},
             {"seed", plan.runs[i].seed},
             {"status", print(result.status)}};
    for (const char* name : figure_names)
      if (result.figures.contains(name)) row[name] = result.figures.at(name);
    if (!result.state_hash.empty()) row["state_hash"] = result.state_hash;
    if (result.status == Status::failed) {
      row["code"] = result.code;
      row["reason"] = result.reason;
    }
    row["folder"] = folder.run_folder(plan.runs[i]).string();
    runs.push_back(std::move(row));
  }
  for (const SettingRow& setting : by_setting(plan, results)) {
    Json row{{"options", options_json(plan, setting.values)},
             {"runs", setting.runs},
             {"n", setting.done},
             {"failed", setting.failed}};
    for (const char* name : figure_names)
      if (const auto found = setting.figures.find(name); found != setting.figures.end()) {
        const Spread& s = found->second;
        row[name] = {{"mean", s.mean},
                     {"deviation", s.n < 2 ? Json() : Json(s.deviation)},
                     {"least", s.least},
                     {"most", s.most}};
      }
    settings.push_back(std::move(row));
  }
  return {{"sweep", plan.file},   {"folder", folder.path().string()},
          {"done", done},         {"failed", failed},
          {"settings", settings}, {"runs", runs}};
}

void write_tables(const SweepPlan& plan, const SweepFolder& folder,
                  const std::vector<Result>& results) {
  write_file(folder.path() / "table.csv", table_csv(plan, folder, results));
  write_file(folder.path() / "table.md", table_markdown(plan, results));
  write_file(
      folder.path() / "table.json",
      table_json(plan, folder, results).dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace octet::cli
