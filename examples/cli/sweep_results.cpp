#include "examples/cli/sweep_results.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "examples/cli/checkpoint.h"
#include "framework/check.h"
#include "framework/files.h"

namespace octet::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t hash_digits = 12;
constexpr const char* averaged = "averaged_test_error";  // of runs with --average-from
std::string hash_of(const std::string& id) {
  return id.size() > hash_digits ? id.substr(id.size() - hash_digits) : "";
}

std::vector<std::string> split(const std::string& row) {
  std::vector<std::string> fields;
  std::istringstream text(row);
  for (std::string field; std::getline(text, field, ',');) fields.push_back(field);
  return fields;
}

// metrics.csv by column: each row's field.
std::map<std::string, std::vector<std::string>> read_columns(const fs::path& file) {
  std::map<std::string, std::vector<std::string>> columns;
  std::ifstream in(file);
  std::string row;
  std::getline(in, row);
  const std::vector<std::string> names = split(row);
  while (std::getline(in, row) && !in.eof()) {  // a last row without its end was cut by a kill
    const std::vector<std::string> fields = split(row);
    if (fields.size() != names.size()) continue;
    for (std::size_t i = 0; i < names.size(); ++i) columns[names[i]].push_back(fields[i]);
  }
  return columns;
}

}  // namespace

const char* print(Status status) {
  constexpr const char* names[] = {"waiting", "interrupted", "done", "failed"};
  return names[static_cast<int>(status)];
}

void add_metrics(const fs::path& run_folder, Result& result) {
  const auto columns = read_columns(run_folder / "metrics.csv");
  const auto take = [&](const char* column, const char* figure) {
    const auto found = columns.find(column);
    if (found == columns.end() || found->second.empty()) return;
    result.figures[figure] = std::atof(found->second.back().c_str());
  };
  take("validation_error", "validation_error");
  take("error", "train_error");
  take("loss", "loss");
  take("epoch", "epochs");
  take("seconds", "seconds");
  take("images_per_second", "images_per_second");
  const auto follow = [&](const char* column, const char* name, double times) {
    const auto found = columns.find(column);
    if (found == columns.end()) return;
    std::vector<double>& values = result.course[name];
    for (const std::string& value : found->second)
      values.push_back(times * std::atof(value.c_str()));
  };
  follow("epoch", "epoch", 1);
  follow("seconds", "minutes", 1.0 / 60);
  follow("validation_error", "validation_error", 1);
  follow("error", "train_error", 1);
  follow("loss", "loss", 1);
  const auto validated = columns.find("validation_error");
  if (validated == columns.end()) return;
  double best = 1;
  for (const std::string& value : validated->second)
    best = std::min(best, std::atof(value.c_str()));
  result.figures["best_validation_error"] = best;
  result.state_hash = columns.at("state_hash").back();
}

void SweepFolder::claim(const fs::path& path) {
  std::error_code error;
  const bool is_sweep = fs::exists(path / "sweep.toml") || fs::exists(path / ".lock");
  check(!fs::exists(path) || is_sweep || (fs::is_directory(path) && fs::is_empty(path, error)),
        Failure::usage, path.string(),
        ": expected a folder of a sweep, or one that is empty or not there yet");
  fs::create_directories(path / "runs", error);
  check(!error, Failure::failed, path.string(), ": cannot be made: ", error.message());
  // Held until the program ends. The trainings inherit it: one that outlives a sweep that was
  // killed keeps its folder until it has saved.
  const std::string lock = (path / ".lock").string();
  const int file = open(lock.c_str(), O_RDWR | O_CREAT, 0666);
  check(file >= 0, Failure::failed, lock, ": cannot be made: ", std::strerror(errno));
  check(flock(file, LOCK_EX | LOCK_NB) == 0, Failure::usage, path.string(),
        ": another octet sweep is at work in this folder");
}

SweepFolder::SweepFolder(fs::path path) : path_(std::move(path)) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path_ / "runs", error))
    if (entry.is_directory()) {
      const std::string name = entry.path().filename().string();
      by_hash_[hash_of(name)] = name;
    }
}

// What a run is called may change with the sweep file; what it is does not.
fs::path SweepFolder::run_folder(const RunPlan& run) const {
  const auto found = by_hash_.find(hash_of(run.id));
  return path_ / "runs" / (found == by_hash_.end() ? run.id : found->second);
}

fs::path SweepFolder::log(const RunPlan& run) const { return run_folder(run).string() + ".log"; }

Result SweepFolder::result(const RunPlan& run) const {
  const fs::path folder = run_folder(run);
  Result result;
  add_metrics(folder, result);
  // Without validation pictures their error is not 0 but none.
  if (run.options.validation == 0) {
    result.figures.erase("validation_error");
    result.figures.erase("best_validation_error");
    result.course.erase("validation_error");
  }
  std::ifstream in(folder / "result.json");
  const Json kept = Json::parse(in, nullptr, false);
  try {
    const std::string status = kept.at("status");
    if (status == "done") {
      result.figures["test_error"] = kept.at("test_error").get<double>();
      if (kept.contains(averaged)) result.figures[averaged] = kept.at(averaged).get<double>();
      result.state_hash = kept.at("state_hash").get<std::string>();
    } else {
      check(status == "failed", Failure::data, status);
      result.code = kept.at("code").get<int>();
      result.reason = kept.at("reason").get<std::string>();
    }
    result.status = status == "done" ? Status::done : Status::failed;
  } catch (const std::exception&) {  // not there, or damaged: as if the run had not ended
    result.status = can_resume(run) ? Status::interrupted : Status::waiting;
    if (result.status == Status::waiting) result = {};
  }
  return result;
}

void SweepFolder::keep(const SweepPlan& plan, const RunPlan& run, const Result& result) const {
  Json kept{{"status", print(result.status)}};
  if (result.status == Status::done) {
    kept["test_error"] = result.figures.at("test_error");
    if (result.figures.contains(averaged)) kept[averaged] = result.figures.at(averaged);
    kept["state_hash"] = result.state_hash;
  } else {
    kept["code"] = result.code;
    kept["reason"] = result.reason;
  }
  kept["run"] = describe(plan, run);
  kept["configuration"] = run.configuration;
  std::error_code error;
  fs::create_directories(run_folder(run), error);
  write_file(run_folder(run) / "result.json",
             kept.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

void SweepFolder::clear(const RunPlan& run) const {
  std::error_code error;
  fs::remove_all(run_folder(run), error);
  check(!error, Failure::failed, run_folder(run).string(),
        ": cannot be removed: ", error.message());
}

bool SweepFolder::can_resume(const RunPlan& run) const {
  const fs::path last = run_folder(run) / "last.octet";
  if (!fs::exists(last) || !fs::exists(run_folder(run) / "config.toml")) return false;
  try {
    return steps_done(open_model(last.string())) >= 0;
  } catch (const Error&) {
    return false;
  }
}

bool SweepFolder::is_trained(const RunPlan& run) const {
  const auto columns = read_columns(run_folder(run) / "metrics.csv");
  if (!columns.contains("step") || !columns.contains("epoch")) return false;
  const std::int64_t step = std::atoll(columns.at("step").back().c_str());
  const std::int64_t epoch = std::atoll(columns.at("epoch").back().c_str());
  const bool ends = epoch == run.options.epochs || step == run.options.max_steps;
  return ends && step == steps_done(open_model((run_folder(run) / "last.octet").string()));
}

}  // namespace octet::cli
