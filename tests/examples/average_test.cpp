// train --average-from: the mean of a run's last epochs as a model. --bn-batches: statistics taken
// anew after each epoch.
#include "examples/cli/averaged_model.h"
#include "framework/files.h"
#include "quant/compression/model_file.h"
#include "tests/examples/octet_program.h"

using namespace octet;
using namespace octet::test;

namespace {

const char* const tiny =
    "network name=tiny input=16x16x1\nconvolution channels=8 kernel=3 stride=4\n"
    "batch_norm\nrelu\nlinear units=classes\n";

}  // namespace

TEST_CASE("average: weights that lay on the grid of what was accumulated into are float32") {
  const auto after = [](const char* precision) {
    return print(cli::averaged_precision(parse_precision(precision), {"conv1", "conv2", "fc1"}));
  };
  CHECK(after("W=int8/block/stochastic,M=int8/block/stochastic") == "float32");
  CHECK(after("W=binary/step0,M=f32/clip1") == "W=binary/step0,A=f32,E=f32,G=f32,M=f32");
  CHECK(after("int8") == "int8");
  CHECK(after("float32;conv*:W=int4/step2,M=int4/step2") ==
        "float32;conv*:W=int4/step2;conv1:W=f32;conv2:W=f32");
  CHECK(after("float32;first:M=bf16") == "float32");
  CHECK(after("float32;fc1:W=int4/step2;last:M=int8/step7") == "float32;fc1:W=int4/step2");
}

TEST_CASE("train --average-from: the same model in one go and resumed; eval opens it") {
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", tiny);
  const std::string run =
      "train --data strokes --model tiny.txt --batch 256 --precision swalp --schedule constant "
      "--average-from 1 --json ";
  const Outcome whole = octet_in(folder, run + "--epochs 2 --out whole");
  CAPTURE(whole.err);
  REQUIRE(whole.code == 0);
  const nlohmann::json averaged = whole.json()["averaged"];
  CHECK(averaged["epochs"] == 2);
  const double error = averaged["test_error"];
  CHECK(whole.out.find("of the average over 2 epochs: whole/averaged.octet") != std::string::npos);
  REQUIRE(octet_in(folder, run + "--epochs 1 --out parts").code == 0);
  REQUIRE(octet_in(folder, "train --resume parts --epochs 2").code == 0);
  const Model one = read_model(folder / "whole" / "averaged.octet");
  CHECK(same_bits(one, read_model(folder / "parts" / "averaged.octet")));
  const Model last = read_model(folder / "whole" / "last.octet");
  CHECK_FALSE(same_bits(one.tensors.at("conv1.weight"), last.tensors.at("conv1.weight")));
  CHECK(one.attribute("precision").starts_with("W=f32,A=int8/block/stochastic"));
  const Outcome evaluated = octet_in(folder, "eval whole/averaged.octet --data strokes --json");
  CHECK(evaluated.json()["test_error"] == error);
  check_refused(folder, run + "--epochs 2 --average-from 3 --out none", 2, "--average-from 3");
  check_refused(folder,
                "train --data strokes --epochs 2 --average-from 1 --precision "
                "W=int8/step7,M=int8/step7/stochastic,S=fan-in --out none",
                2, "S=fan-in");
}

TEST_CASE("train --bn-batches: the same in one go, resumed and verified; other statistics alone") {
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", tiny);
  // 10 batches an epoch: the tenth step, after which there is a hash, ends one.
  const std::string run =
      "train --data strokes --model tiny.txt --batch 1900 --schedule constant --threads 1 ";
  for (const std::string precision :
       {"W=binary/step0,M=f32/clip1", "binary-connect-stochastic", "int8"}) {
    CAPTURE(precision);
    const auto train = [&](const std::string& rest) {
      return octet_in(folder, run + "--precision " + precision + " " + rest).code;
    };
    const auto in = [&](const char* name) { return folder / (precision.substr(0, 8) + name); };
    const auto out = [&](const char* name) { return " --out " + in(name).string(); };
    REQUIRE(train("--epochs 2" + out("without")) == 0);
    REQUIRE(train("--bn-batches 5 --epochs 2" + out("whole")) == 0);
    REQUIRE(train("--bn-batches 5 --epochs 1" + out("parts")) == 0);
    REQUIRE(octet_in(folder, "train --epochs 2 --resume " + in("parts").string()).code == 0);
    const Model whole = read_model(in("whole") / "last.octet");
    const Model parts = read_model(in("parts") / "last.octet");
    const Model without = read_model(in("without") / "last.octet");
    for (const char* name : {"conv1.weight", "bn1.running_mean", "bn1.running_variance"})
      CHECK(same_bits(whole.tensors.at(name), parts.tensors.at(name)));
    if (precision != "int8")  // whose ranges have seen more batches
      CHECK(same_bits(whole.tensors.at("conv1.weight"), without.tensors.at("conv1.weight")));
    CHECK_FALSE(
        same_bits(whole.tensors.at("bn1.running_mean"), without.tensors.at("bn1.running_mean")));
    const Outcome verified =
        octet_in(folder, "verify --steps 1000 --threads 1 " + in("whole").string());
    CAPTURE(verified.out);
    CHECK(verified.code == 0);
  }
  check_refused(
      folder, "train --data strokes --precision integer-arithmetic-only --bn-batches 5 --out none",
      2, "--bn-batches");
}
