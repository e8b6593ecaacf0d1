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

MetricsFile::MetricsFile(fs::path file, const std::string& header, std::int64_t epoch)
    : file_(std::move(file)) {
  std::string kept = header + "\n";
  std::ifstream old(file_);
  std::string row;
  std::getline(old, row);
  while (std::getline(old, row))
    if (std::atoll(row.c_str()) <= epoch) kept += row + "\n";
  write_file(file_, kept);
}

void MetricsFile::add(const std::string& row) {
  std::ofstream out(file_, std::ios::app);
  out << row << '\n' << std::flush;
  check(out.good(), Failure::failed, file_.string(), ": cannot be written");
}

}  // namespace octet::cli
