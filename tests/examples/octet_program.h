// Running the `octet` program as its users do.
#pragma once

#include <sys/wait.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/paths.h"
#include "tests/support.h"

namespace octet::test {

struct Outcome {
  int code;
  std::string out, err;
  int error_lines() const { return static_cast<int>(std::count(err.begin(), err.end(), '\n')); }
  nlohmann::json json() const {
    const std::size_t end = out.find_last_not_of('\n');
    const std::size_t begin = out.rfind('\n', end);
    return nlohmann::json::parse(out.substr(begin + 1, end - begin));
  }
};

inline std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Runs `octet ARGUMENTS` in `folder`, with nothing but built-in data in reach.
inline Outcome octet_in(const TemporaryFolder& folder, const std::string& arguments,
                        const std::string& environment = "") {
  const std::string command =
      "cd " + folder.path().string() +
      " && env -u OCTET_DATA XDG_CACHE_HOME=" + (folder / "cache").string() + " " + environment +
      " " + octet_program + " " + arguments + " >" + (folder / "out").string() + " 2>" +
      (folder / "err").string();
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), text_of(folder / "out"),
          text_of(folder / "err")};
}

// Starts `octet ARGUMENTS --out OUT` and kills it, without warning or chance to save, once its
// hashes.csv has a line for `step`. False where it ended by itself before.
inline bool kill_at_step(const TemporaryFolder& folder, const std::string& arguments,
                         const std::string& out, const std::string& step) {
  return std::system(("cd " + folder.path().string() + " && { " + octet_program + " " + arguments +
                      " --out " + out +
                      " >/dev/null 2>&1 & } ; pid=$!; while kill -0 $pid && ! "
                      "grep -q '^" +
                      step + ",' " + out +
                      "/hashes.csv; do sleep 0.01; done 2>/dev/null; "
                      "kill -9 $pid 2>/dev/null && ! wait $pid 2>/dev/null")
                         .c_str()) == 0;
}

// Ends with `code` and one line on stderr that contains `words`.
inline void check_refused(const TemporaryFolder& folder, const std::string& arguments, int code,
                          const std::string& words) {
  CAPTURE(arguments);
  const Outcome outcome = octet_in(folder, arguments);
  CHECK(outcome.code == code);
  CAPTURE(outcome.err);
  CHECK(outcome.error_lines() == 1);
  CHECK(outcome.err.find(words) != std::string::npos);
}

}  // namespace octet::test
