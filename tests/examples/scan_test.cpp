// octet scan: layers pruned one at a time, and a proposal that octet compress takes.
#include <unistd.h>

#include <csignal>

#include "framework/files.h"
#include "quant/compression/model_file.h"
#include "tests/examples/octet_program.h"

using namespace octet;
using namespace octet::test;

namespace {

const std::string net =
    "network name=tiny input=28x28x1\n"
    "convolution channels=4 kernel=5 stride=2\nmax_pool window=2\nlinear units=32\nrelu\n"
    "linear units=classes\n";

// run/last.octet from a short run.
void make_model(const TemporaryFolder& folder, const std::string& options = "") {
  write_file(folder / "tiny.txt", net);
  const Outcome made = octet_in(folder,
                                "train --data strokes --model tiny.txt --max-steps 150 --lr 0.02 "
                                "--out run " +
                                    options);
  CAPTURE(made.err);
  REQUIRE(made.code == 0);
}

std::string line_with(const std::string& text, const std::string& words) {
  const std::size_t at = text.find(words);
  if (at == std::string::npos) return "";
  const std::size_t begin = text.rfind('\n', at) + 1;
  return text.substr(begin, text.find('\n', at) - begin);
}

}  // namespace

TEST_CASE("scan: a table, a proposal of the wanted sparsity, and nothing written") {
  const TemporaryFolder folder;
  make_model(folder);
  const std::string before = text_of(folder / "run/last.octet");
  const std::string scan = "scan run/last.octet --data strokes --prune 0.9 --json ";
  const Outcome scanned = octet_in(folder, scan + "--threads 1");
  CAPTURE(scanned.err);
  REQUIRE(scanned.code == 0);
  CHECK(scanned.err.empty());
  const nlohmann::json result = scanned.json();
  REQUIRE(result["layers"].size() == 3);
  double kept = 0, weights = 0;
  for (const auto& layer : result["layers"]) {
    CAPTURE(layer.dump());
    CHECK(layer["validation_loss"].size() == result["densities"].size());
    CHECK(layer["validation_loss"][0] == result["loss"]);
    CHECK(layer["validation_loss"].back() > result["loss"]);
    const double density = layer["density"];
    CHECK(density > 0);
    CHECK(density <= 1);
    kept += density * layer["weights"].get<double>();
    weights += layer["weights"].get<double>();
  }
  CHECK(result["densities"][0] == 1);
  CHECK(result["sparsity"].get<double>() == doctest::Approx(0.9).epsilon(2e-3));
  CHECK(kept / weights == doctest::Approx(0.1).epsilon(2e-2));
  CHECK(result["validation_error"] <= 1);
  // The proposal is the last line but for the object, as an option.
  const std::string prune = result["prune"];
  CHECK(scanned.out.find("\n--prune " + prune + "\n{") != std::string::npos);
  // 4 channels of 6 x 6.
  CHECK(line_with(scanned.out, "fc1  ").find(" 4608 ") != std::string::npos);
  CHECK(octet_in(folder, scan + "--threads 2").json() == result);
  CHECK(text_of(folder / "run/last.octet") == before);
  CHECK_FALSE(std::filesystem::exists(folder / "run/last-compressed.octet"));
}

TEST_CASE("scan: what it measures is what compress finds after pruning so") {
  const TemporaryFolder folder;
  make_model(folder, "--precision float32");
  const nlohmann::json result =
      octet_in(folder, "scan run/last.octet --data strokes --prune 0.8 --json").json();
  // At a rate of 0 the epoch changes nothing but the mask.
  const auto error_with = [&](const std::string& prune) {
    const Outcome made =
        octet_in(folder, "compress run/last.octet --data strokes --prune " + prune +
                             " --prune-epochs 1 --prune-lr 0 --share-epochs 0");
    CAPTURE(made.err);
    REQUIRE(made.code == 0);
    return line_with(made.out, "validation error");
  };
  const auto percent = [](double error) {
    char text[32];
    std::snprintf(text, sizeof text, "validation error %.2f %%", 100 * error);
    return std::string(text);
  };
  const std::string proposed = error_with(result["prune"]), by_size = error_with("0.8");
  CAPTURE(proposed);
  CAPTURE(by_size);
  CHECK(proposed.find(percent(result["validation_error"])) != std::string::npos);
  CHECK(by_size.find(percent(result["by_size_validation_error"])) != std::string::npos);
  // One layer, one density.
  const nlohmann::json one =
      octet_in(folder, "scan run/last.octet --data strokes --prune 0.5 --densities 0.3 --json")
          .json();
  CHECK(one["densities"] == nlohmann::json({1, 0.3}));
  for (const auto& layer : one["layers"]) {
    const std::string found = error_with(layer["name"].get<std::string>() + "=0.7");
    CAPTURE(found);
    CHECK(found.find(percent(layer["validation_error"][1])) != std::string::npos);
  }
}

TEST_CASE("scan: a compressed file has no more weights to give than it has") {
  const TemporaryFolder folder;
  make_model(folder);
  REQUIRE(octet_in(folder,
                   "compress run/last.octet --data strokes --prune conv1=0.5,fc1=0.9,fc2=0 "
                   "--prune-epochs 1 --share-epochs 0 --out small.octet")
              .code == 0);
  const Outcome scanned =
      octet_in(folder, "scan small.octet --data strokes --prune 0.5 --densities 0.7,0.05 --json");
  CAPTURE(scanned.err);
  REQUIRE(scanned.code == 0);
  const nlohmann::json fc1 = scanned.json()["layers"][1];
  CHECK(fc1["validation_loss"][0] == fc1["validation_loss"][1]);
  CHECK(fc1["density"].get<double>() == doctest::Approx(0.1).epsilon(0.01));
  CHECK(scanned.json()["sparsity"].get<double>() > 0.8);
}

TEST_CASE("scan: what cannot be done is one line") {
  const TemporaryFolder folder;
  make_model(folder);
  const std::string scan = "scan run/last.octet --data strokes ";
  check_refused(folder, "scan --data strokes", 2, "MODEL");
  check_refused(folder, scan + "--prune 1", 2, "--prune");
  check_refused(folder, scan + "--prune all", 2, "--prune");
  check_refused(folder, scan + "--densities 0.5,some", 2, "got 'some'");
  check_refused(folder, scan + "--densities 0.5,,0.1", 2, "--densities");
  check_refused(folder, scan + "--densities 0.5,0", 2, "got '0'");
  check_refused(folder, scan + "--densities 0.5,nan", 2, "got 'nan'");
  check_refused(folder, scan + "--densities 0.5,0.2 --prune 0.9", 2, "got 0.2 as the least");
  check_refused(folder, scan + "--validation 0", 2, "--validation");
  check_refused(folder, "scan none.octet --data strokes", 4, "none.octet");
  check_refused(folder, "scan run/metrics.csv --data strokes", 4, "metrics.csv");
  check_refused(folder, "scan run/last.octet --data nowhere", 4, "nowhere");
  CHECK(octet_in(folder, "scan --help").out.find("Examples:") != std::string::npos);
}

TEST_CASE("scan: interrupted, it ends with the signal's code") {
  const TemporaryFolder folder;
  make_model(folder);
  for (const auto& [signal, code] : {std::pair<int, int>{SIGINT, 130}, {SIGTERM, 143}}) {
    std::filesystem::remove(folder / "out");
    std::fflush(nullptr);  // or the child prints again what is buffered
    const pid_t child = fork();
    if (child == 0) {
      if (chdir(folder.path().c_str()) != 0 || !std::freopen("out", "w", stdout) ||
          !std::freopen("err", "w", stderr))
        _exit(99);
      // Half of all pictures and as many densities as take a while.
      execl(octet_program, "octet", "scan", "run/last.octet", "--data", "strokes", "--validation",
            "0.5", "--prune", "0.9999", nullptr);
      _exit(99);
    }
    for (int wait = 0; wait < 6000; ++wait) {
      if (text_of(folder / "out").find("held out") != std::string::npos) break;
      usleep(10000);
    }
    kill(child, signal);
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == code);
    CHECK(text_of(folder / "err") == "octet: interrupted\n");
  }
}
