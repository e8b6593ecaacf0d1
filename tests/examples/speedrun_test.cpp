// The options that train fast (airbench): together, resumed, refused.
#include <filesystem>

#include "framework/files.h"
#include "quant/compression/model_file.h"
#include "tests/examples/octet_program.h"

using namespace octet;
using namespace octet::test;

namespace {

const std::string run =
    "train --data strokes --model net.txt --batch 64 "
    "--rules 'int8=conv*:W=int8/absmax/channel/outlier;last:E=int8/absmax/stochastic' "
    "--max-steps 60 --epochs 1 --lr 0.1 "
    "--momentum 0.85 --nesterov --decay all --schedule triangle --first-rate 0.2 --peak 0.25 "
    "--last-rate 0.07 --label-smoothing 0.2 --lookahead --freeze conv1.weight:0,conv1.bias:0.1 "
    "--augment translate-alternate:2 --test-augmentation mirror-shift --json ";

void write_network(const TemporaryFolder& folder) {
  write_file(folder / "net.txt",
             "network name=net input=28x28x1\n"
             "convolution channels=18 kernel=3 init=whitening\ngelu\n"
             "convolution channels=8 kernel=3 padding=1 bias=0 init=dirac\nmax_pool window=2\n"
             "batch_norm gamma=fixed beta_rate=64 momentum=0.4 epsilon=1e-12\ngelu\n"
             "max_pool window=7\nlinear units=classes bias=0 init=pytorch\n"
             "scale factor=0.11111111\n");
}

}  // namespace

TEST_CASE("speedrun: it learns, and goes on to the same bits, in float32 and int8") {
  for (const std::string precision : {"float32", "int8"}) {
    CAPTURE(precision);
    const TemporaryFolder folder;
    write_network(folder);
    const std::string here = run + "--precision " + precision + " --save-every 10 ";
    const Outcome whole = octet_in(folder, here + "--out whole");
    CAPTURE(whole.err);
    REQUIRE(whole.code == 0);
    CHECK(whole.json()["test_error"] < 0.75);  // chance is 0.9, and this is 60 steps
    CHECK(octet_in(folder, "verify whole").code == 0);
    kill_at_step(folder, here, "parts", "20");
    const Outcome resumed = octet_in(folder, "train --resume parts");
    CAPTURE(resumed.err);
    REQUIRE(resumed.code == 0);
    const Model one = read_model(folder / "whole" / "last.octet");
    const Model two = read_model(folder / "parts" / "last.octet");
    for (const char* name : {"conv1.weight", "conv1.bias", "conv2.weight", "bn1.beta", "fc1.weight",
                             "optimizer.lookahead.conv2.weight"})
      CHECK(same_bits(one.tensors.at(name), two.tensors.at(name)));
    // What is frozen from the beginning is what whitening made; gamma is fixed; the last weights
    // are the slow ones.
    const Tensor& w = one.tensors.at("conv1.weight");
    for (std::int64_t i = 0; i < 81; ++i) CHECK(w.floats()[i] == -w.floats()[81 + i]);
    for (std::int64_t k = 0; k < 8; ++k) CHECK(one.tensors.at("bn1.gamma").floats()[k] == 1);
    CHECK(one.tensors.at("bn1.beta").floats()[0] != 0);
    CHECK(same_bits(one.tensors.at("conv2.weight"),
                    one.tensors.at("optimizer.lookahead.conv2.weight")));
  }
}

TEST_CASE("speedrun: rules are added to their recipe alone, and remembered") {
  const TemporaryFolder folder;
  write_network(folder);
  const std::string here = "train --data strokes --model net.txt --max-steps 2 --out ",
                    rules = " --rules int8=last:E=int8/absmax/stochastic";
  REQUIRE(octet_in(folder, here + "ruled --precision int8" + rules).code == 0);
  REQUIRE(octet_in(folder, here + "other --precision float32" + rules).code == 0);
  CHECK(read_model(folder / "ruled" / "last.octet").attribute("precision") ==
        "int8;last:E=int8/absmax/stochastic");
  CHECK(read_model(folder / "other" / "last.octet").attribute("precision") == "float32");
  CHECK(octet_in(folder, "verify ruled").code == 0);
}

TEST_CASE("speedrun: what does not go together is refused") {
  const TemporaryFolder folder;
  write_network(folder);
  check_refused(folder, run + "--optimizer adam", 2, "--optimizer sgd");
  check_refused(folder, run + "--loss sum-of-squares", 2, "label smoothing");
  check_refused(folder, run + "--average-from 1", 2, "exclude each other");
  check_refused(folder, run + "--freeze conv9.weight:0", 2, "conv9.weight");
  check_refused(folder, run + "--rules int9=last:E=int8/absmax", 2, "expected a recipe and rules");
  check_refused(folder, run + "--rules int8", 2, "expected a recipe and rules");
  check_refused(folder, run + "--rules int8=last:E=int99", 2, "int99");
  check_refused(folder, run + "--freeze conv1.weight", 2, "conv1.weight:0");
  write_file(folder / "wrong.txt",
             "network name=net input=28x28x1\nconvolution channels=8 kernel=3 init=whitening\n"
             "linear units=classes\n");
  check_refused(folder, "train --data strokes --model wrong.txt", 2, "18 channels");
}

TEST_CASE("train: --drop-last leaves out a batch that is not full, and is remembered") {
  const TemporaryFolder folder;
  write_network(folder);
  const std::string here = "train --data strokes --model net.txt --batch 3000 --epochs 2 --json ";
  const auto steps = [&](const std::string& name, const std::string& more) {
    const Outcome outcome = octet_in(folder, here + "--out " + name + more);
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    return outcome.json()["steps"].get<int>();
  };
  const int all = steps("all", ""), full = steps("full", " --drop-last");
  CHECK(full > 0);
  CHECK(all == full + 2);
  CHECK(octet_in(folder, "verify full").code == 0);
  check_refused(folder, here + "--batch 60000 --drop-last", 2,
                "expected at least a batch of 60000");
}

TEST_CASE("configs: each that comes with the program trains") {
  const TemporaryFolder folder;
  write_network(folder);
  int configs = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(source_folder) + "/examples/configs")) {
    const std::string name = entry.path().stem().string();
    CAPTURE(name);
    const Outcome outcome =
        octet_in(folder, "train --config " + name +
                             " --data strokes --model net.txt --max-steps 1 --threads 1 --out " +
                             name + (name == "speedrun" ? " --precision int8" : ""));
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    ++configs;
  }
  CHECK(configs >= 7);
}
