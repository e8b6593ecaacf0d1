#include "examples/cli/run_folder.h"

#include <cstdlib>
#include <fstream>

#include "framework/check.h"
#include "framework/files.h"

namespace octet::cli {
namespace fs = std::filesystem;

fs::path make_run_folder(const std::string& wanted, const std::string& name) {
  fs::path folder = wanted;
  if (wanted.empty()) {
    folder = fs::path("runs") / name;
    for (int i = 2; fs::exists(folder); ++i)
      folder = fs::path("runs") / (name + "-" + std::to_string(i));
  } else {
    check(!fs::exists(folder / "config.toml"), Failure::usage, wanted,
          ": already holds a run; choose another folder, or go on with octet train --resume ",
          wanted);
    check(!fs::exists(folder) || (fs::is_directory(folder) && fs::is_empty(folder)),
          fs::is_directory(folder) ? Failure::usage : Failure::failed, wanted,
          ": expected a folder that is empty or not there yet");
  }
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, Failure::failed, folder.string(), ": cannot be made: ", error.message());
  return folder;
}

fs::path latest_run() {
  fs::path latest;
  fs::file_time_type newest;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("runs", error)) {
    const fs::path last = entry.path() / "last.octet";
    const auto time = fs::last_write_time(last, error);
    if (error || (!latest.empty() && time <= newest)) continue;
    latest = entry.path();
    newest = time;
  }
  check(!latest.empty(), Failure::data, "runs: expected a folder with a last.octet to resume");
  return latest;
}

bool hashed_step(std::int64_t step) {
  for (std::int64_t power = 1; power <= 100; power *= 10)
    if (step == power || step == 2 * power || step == 5 * power) return true;
  return step == 1000;
}

std::vector<StepHash> read_hashes(const fs::path& folder) {
  const fs::path file = folder / hashes_name;
  std::ifstream in(file);
  std::string row;
  check(std::getline(in, row) && row == hashes_header, Failure::data, file.string(),
        ": expected a file that octet train wrote, beginning with '", hashes_header, "'");
  std::vector<StepHash> all;
  while (std::getline(in, row) && !in.eof()) {
    const std::size_t comma = row.find(',');
    const long long step = std::atoll(row.c_str());
    check(comma != std::string::npos && step > 0 && row.size() == comma + 17, Failure::data,
          file.string(), ": expected rows 'step,16 hexadecimal digits', got '", row, "'");
    if (all.empty() || step > all.back().step) all.push_back({step, row.substr(comma + 1)});
  }
  check(!all.empty(), Failure::data, file.string(), ": holds no hashes yet");
  return all;
}

bool same_course(const fs::path& folder) {
  const auto lines = [&](const char* name) {
    std::ifstream in(folder / name);
    std::string all;
    for (std::string row; std::getline(in, row);)
      if (!row.starts_with("threads") && !row.starts_with("json") && !row.starts_with("save-every"))
        all += row + "\n";
    return all;
  };
  return lines("config.toml") == lines(begin_name);
}

MetricsFile::MetricsFile(fs::path file, const std::string& header, std::int64_t epoch)
    : file_(std::move(file)) {
  std::string kept = header + "\n";
  std::ifstream old(file_);
  std::string row;
  std::getline(old, row);
  while (std::getline(old, row) && !old.eof())  // a last row without its end was cut by a kill
    if (std::atoll(row.c_str()) <= epoch) kept += row + "\n";
  write_file(file_, kept);
}

void MetricsFile::add(const std::string& row) {
  std::ofstream out(file_, std::ios::app);
  out << row << '\n' << std::flush;
  check(out.good(), Failure::failed, file_.string(), ": cannot be written");
}

}  // namespace octet::cli
