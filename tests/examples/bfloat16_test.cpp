// bfloat16 on processors that have it and on processors that do not, which ONEDNN_MAX_CPU_ISA makes
// of any.
#include "framework/files.h"
#include "framework/products.h"
#include "tests/examples/octet_program.h"

using namespace octet;
using namespace octet::test;

namespace {

const std::string without = "ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI";

const std::string net =
    "network name=tiny input=28x28x1\n"
    "convolution channels=4 kernel=5 stride=2\nbatch_norm\nrelu\nmax_pool window=2\n"
    "linear units=16\nrelu\nlinear units=classes\n";

const std::string train = "train --data strokes --model tiny.txt --max-steps 60 --epochs 1 ";

}  // namespace

TEST_CASE(
    "bfloat16: without its instructions training is refused, in one line that says what to do") {
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", net);
  for (const std::string& command :
       {train + "--precision bfloat16 --out run", std::string("bench --precision bfloat16"),
        train + "--precision W=bf16,A=bf16,E=bf16,G=bf16 --out run"}) {
    CAPTURE(command);
    const Outcome refused = octet_in(folder, command, without);
    CHECK(refused.code == 2);
    CHECK(refused.error_lines() == 1);
    CHECK(refused.err.find("AVX512_BF16") != std::string::npos);
    CHECK(refused.err.find("--precision float32") != std::string::npos);
    CHECK(refused.err.find("--simulate-bfloat16") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(folder / "run"));
  }
  // Where products do not see bfloat16 alone, it is simulated on any processor.
  CHECK(octet_in(folder, train + "--precision W=bf16 --out mixed", without).code == 0);
}

TEST_CASE("bfloat16: simulated on request, with or without its instructions, it is bfloat16") {
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", net);
  const std::string simulated = train + "--precision bfloat16 --simulate-bfloat16 --json --out ";
  const Outcome lacking = octet_in(folder, simulated + "a", without);
  CAPTURE(lacking.err);
  REQUIRE(lacking.code == 0);
  CHECK(lacking.err.find("as --simulate-bfloat16 asks") != std::string::npos);
  CHECK(lacking.error_lines() == 1);
  // The products are float32's in both; whatever the processor has, the same bits.
  const Outcome having = octet_in(folder, simulated + "b", "ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16");
  REQUIRE(having.code == 0);
  CHECK(having.json()["state_hash"] == lacking.json()["state_hash"]);
  const Outcome real = octet_in(folder, train + "--precision float32 --json --out c", without);
  CHECK(real.json()["state_hash"] != lacking.json()["state_hash"]);
  CHECK(std::abs(real.json()["test_error"].get<double>() -
                 lacking.json()["test_error"].get<double>()) < 0.02);
  CHECK(octet_in(folder, "eval a/last.octet --data strokes --json").json()["precision"] ==
        "bfloat16");
  CHECK(octet_in(folder, "verify a", without).code == 0);
  const Outcome averaged = octet_in(folder, simulated + "d --average-from 1", without);
  CHECK(averaged.code == 0);
  CHECK(averaged.error_lines() == 1);
  const Outcome tested =
      octet_in(folder, "eval a/last.octet --data strokes --simulate-bfloat16 --json");
  CHECK(tested.json()["test_error"] == lacking.json()["test_error"]);
  const Outcome profile = octet_in(folder,
                                   "bench --profile --model lenet300 --batch 8 --threads 1 "
                                   "--precision bfloat16 --simulate-bfloat16 --work train");
  CHECK(profile.code == 0);
  CHECK(profile.out.find("float32 product") != std::string::npos);
  CHECK(profile.out.find("  bfloat16 product") == std::string::npos);
  CHECK(profile.out.find("inf") == std::string::npos);
}

TEST_CASE("bfloat16: bench leaves it out of all recipes where the processor does") {
  const TemporaryFolder folder;
  const Outcome all = octet_in(folder,
                               "bench --model lenet300 --batch 8 --threads 1 --repeats 1 "
                               "--turn 0.01 --work infer --precision all --json",
                               without);
  REQUIRE(all.code == 0);
  CHECK(all.err.find("without bfloat16") != std::string::npos);
  const nlohmann::json result = all.json();
  for (const auto& row : result["rows"]) CHECK(row["recipe"] != "bfloat16");
}

TEST_CASE("bfloat16: trained with its instructions, a model is run without them alike") {
  if (!products::has_bfloat16()) return;
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", net);
  const auto run = [&](const std::string& out) {
    const Outcome outcome = octet_in(folder, train + "--precision bfloat16 --json --out " + out);
    REQUIRE(outcome.code == 0);
    return outcome.json()["state_hash"];
  };
  CHECK(run("a") == run("b"));
  const Outcome native = octet_in(folder, "eval a/last.octet --data strokes --json");
  const Outcome simulated = octet_in(folder, "eval a/last.octet --data strokes --json", without);
  REQUIRE(native.code == 0);
  REQUIRE(simulated.code == 0);
  CHECK(native.err.empty());
  CHECK(simulated.err.find("float32 with bfloat16's rounding") != std::string::npos);
  CHECK(simulated.error_lines() == 1);
  // The sums differ in their order alone: hardly an answer changes.
  CHECK(std::abs(native.json()["test_error"].get<double>() -
                 simulated.json()["test_error"].get<double>()) < 0.003);
  CHECK(native.json()["precision"] == "bfloat16");
  CHECK(octet_in(folder, "compress a/last.octet --data strokes --prune-epochs 1 --share-epochs 1",
                 without)
            .code == 0);
}
