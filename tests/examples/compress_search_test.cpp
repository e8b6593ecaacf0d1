// octet compress --max-error and --max-bytes: the search for a file that meets a target.
#include <doctest/doctest.h>

#include "tests/examples/octet_program.h"

using namespace octet::test;
namespace fs = std::filesystem;

namespace {

std::vector<std::vector<std::string>> rows_of(const fs::path& file) {
  std::vector<std::vector<std::string>> rows;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    rows.emplace_back();
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(cell);
  }
  return rows;
}

}  // namespace

TEST_CASE("program: compress searches for the smallest file, or the most accurate one") {
  const TemporaryFolder folder;
  REQUIRE(octet_in(folder, "train --data strokes --model lenet300 --epochs 1 --lr 0.02 --out run")
              .code == 0);
  const std::string compress =
      "compress run/last.octet --data strokes --trial-epochs 1 --share-epochs 1 --json ";

  // Within a bound that is easily met, each trial has half the weights of the one before.
  const Outcome loose = octet_in(folder, compress + "--max-error 0.6 --trials 3 --out loose.octet");
  CAPTURE(loose.err);
  REQUIRE(loose.code == 0);
  const auto rows = rows_of(folder / "loose.octet.trials.csv");
  REQUIRE(rows.size() == 4);
  CHECK(rows[0][1] == "living");
  std::int64_t smallest = std::numeric_limits<std::int64_t>::max(), chosen = 0;
  int best = 0;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const std::int64_t bytes = std::stoll(rows[i][2]);
    if (std::stod(rows[i][4]) < 0.58) smallest = std::min(smallest, bytes);
    if (rows[i].back() == "1") {
      ++best;
      chosen = bytes;
    }
  }
  CHECK(std::stoll(rows[2][1]) == doctest::Approx(std::stod(rows[1][1]) / 2).epsilon(0.01));
  CHECK(best == 1);
  CHECK(chosen == smallest);
  CHECK(loose.json()["bytes"] == chosen);
  CHECK(fs::file_size(folder / "loose.octet") == static_cast<std::uintmax_t>(chosen));
  CHECK(octet_in(folder, "eval loose.octet --data strokes --json").json()["test_error"] ==
        loose.json()["test_error"]);

  const Outcome sized =
      octet_in(folder, compress + "--max-bytes 6000 --trials 4 --out sized.octet");
  CAPTURE(sized.err);
  CHECK(sized.code == 0);
  CHECK(fs::file_size(folder / "sized.octet") <= 6000);

  // What cannot be met ends with 3, and leaves the nearest file there is.
  const Outcome hard = octet_in(folder, compress + "--max-error 0 --trials 1 --out hard.octet");
  CHECK(hard.code == 3);
  CHECK(hard.err.find("--max-error") != std::string::npos);
  CHECK(fs::exists(folder / "hard.octet"));

  check_refused(folder, compress + "--max-error 0.1 --validation 0", 2, "--validation");
  check_refused(folder, compress + "--max-error 2", 2, "--max-error");
}
