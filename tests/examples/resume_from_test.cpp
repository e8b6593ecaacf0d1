// train --resume-from: a compressed file is a model like any other.
#include <set>

#include "framework/files.h"
#include "quant/compression/model_file.h"
#include "quant/compression/pruning.h"
#include "tests/examples/octet_program.h"

using namespace octet;
using namespace octet::test;
namespace fs = std::filesystem;

namespace {

const std::string net =
    "network name=tiny input=16x16x1\n"
    "convolution channels=16 kernel=3 stride=2 bias=0\nbatch_norm\nrelu\n"
    "convolution channels=16 kernel=3\nbatch_norm\nrelu\n"
    "linear units=64\nrelu\nlinear units=classes\n";

// small.octet from a short run in `precision`.
void make_small(const TemporaryFolder& folder, const std::string& precision,
                const std::string& options = "") {
  write_file(folder / "tiny.txt", net);
  REQUIRE(octet_in(folder,
                   "train --data strokes --model tiny.txt --max-steps 60 --batch 32 --lr 0.02 "
                   "--out run --precision " +
                       precision)
              .code == 0);
  const Outcome made = octet_in(folder,
                                "compress run/last.octet --data strokes --prune 0.7 --bits 4 "
                                "--prune-epochs 0 --share-epochs 0 --out small.octet " +
                                    options);
  CAPTURE(made.err);
  REQUIRE(made.code == 0);
}

std::size_t distinct(const Tensor& tensor) {
  std::set<float> values(tensor.floats(), tensor.floats() + tensor.elements());
  values.erase(0.0f);
  return values.size();
}

const std::string go_on =
    "train --data strokes --resume-from small.octet --epochs 1 --max-steps 120 --batch 32 "
    "--lr 0.001 --json ";

}  // namespace

TEST_CASE("compress: batch norms are folded unless they are to be kept") {
  const TemporaryFolder folder;
  make_small(folder, "int8");
  const Model folded = read_model(folder / "small.octet");
  for (const Spec& spec : folded.definition.layers) CHECK(spec.kind != "batch_norm");
  CHECK(folded.tensors.contains("conv1.bias"));
  CHECK_FALSE(folded.tensors.contains("bn1.gamma"));
  CHECK(octet_in(folder, "eval small.octet --data strokes").code == 0);
  const Outcome kept =
      octet_in(folder,
               "compress run/last.octet --data strokes --prune 0.7 --bits 4 "
               "--prune-epochs 0 --share-epochs 0 --keep-batch-norm --out k.octet");
  REQUIRE(kept.code == 0);
  CHECK(kept.out.find("folded") == std::string::npos);
  CHECK(octet_in(folder, "compress --help").out.find("--keep-batch-norm") != std::string::npos);
  const Model whole = read_model(folder / "k.octet");
  CHECK(whole.tensors.contains("bn1.gamma"));
  CHECK_FALSE(whole.tensors.contains("conv1.bias"));
}

TEST_CASE("train --resume-from: what a compressed file has pruned and shared stays so") {
  const TemporaryFolder folder;
  make_small(folder, "int8");
  const Outcome trained = octet_in(folder, go_on + "--out again");
  CAPTURE(trained.err);
  REQUIRE(trained.code == 0);
  CHECK(text_of(folder / "again/config.toml").find("precision = \"int8\"") != std::string::npos);
  CHECK(text_of(folder / "again/config.toml").find("model = ") == std::string::npos);
  const Model before = read_model(folder / "small.octet");
  for (const std::string file : {"again/best.octet", "again/last.octet"}) {
    CAPTURE(file);
    const Model after = read_model(folder / file);
    CHECK(after.definition == before.definition);
    CHECK(after.attribute("mean") == before.attribute("mean"));
    for (const std::string name : {"conv2.weight", "fc1.weight", "fc2.weight"}) {
      CAPTURE(name);
      const Tensor &was = before.tensors.at(name), &now = after.tensors.at(name);
      CHECK_FALSE(same_bits(was, now));
      CHECK(density(was) < 1);
      CHECK(density(now) == density(was));
      CHECK(distinct(was) <= 15);
      CHECK(distinct(now) <= distinct(was));
    }
  }
  const auto size = [&](const std::string& file) {
    return static_cast<double>(fs::file_size(folder / file));
  };
  CHECK(size("again/best.octet") < 1.05 * size("small.octet"));
  // The optimiser's values are as few.
  CHECK(size("again/last.octet") < 3 * size("small.octet"));

  // It goes the whole way again: all verbs, and from the checkpoint.
  for (const std::string verb : {"eval again/last.octet --data strokes", "inspect again/last.octet",
                                 "verify again --steps 10",
                                 "compress again/last.octet --data strokes --prune 0.7 --bits 4 "
                                 "--prune-epochs 0 --share-epochs 0 --out c.octet"}) {
    const Outcome outcome = octet_in(folder, verb);
    CAPTURE(verb);
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
  }
  const Model twice = read_model(folder / "c.octet");
  CHECK(density(twice.tensors.at("fc1.weight")) == density(before.tensors.at("fc1.weight")));
  CHECK_FALSE(twice.attributes.contains("training"));
}

TEST_CASE("train --resume-from: stopped and resumed, a run ends in the same state") {
  const TemporaryFolder folder;
  make_small(folder, "int8");
  const std::string whole = octet_in(folder, go_on + "--out whole").json()["state_hash"];
  REQUIRE(kill_at_step(folder, go_on + "--save-every 3", "cut", "20"));
  // The file that the run came from may be gone.
  fs::rename(folder / "small.octet", folder / "gone.octet");
  const Outcome resumed = octet_in(folder, "train --json --resume cut");
  fs::rename(folder / "gone.octet", folder / "small.octet");
  CAPTURE(resumed.err);
  REQUIRE(resumed.code == 0);
  CHECK(resumed.out.find("resumed after ") != std::string::npos);
  CHECK(resumed.json()["state_hash"] == whole);
  CHECK(text_of(folder / "cut/hashes.csv") == text_of(folder / "whole/hashes.csv"));
  CHECK(octet_in(folder, "verify cut --steps 10").code == 0);
}

TEST_CASE("train --resume-from: any model file, in another precision too; refusals") {
  const TemporaryFolder folder;
  make_small(folder, "float32");
  // A model that is not compressed is trained on without constraints.
  const Outcome plain = octet_in(folder,
                                 "train --data strokes --resume-from run/best.octet --epochs 1 "
                                 "--max-steps 20 --batch 32 --lr 0.001 --precision int8 --out p");
  CAPTURE(plain.err);
  REQUIRE(plain.code == 0);
  CHECK(plain.out.find("zeros of 0 and clusters of 0") != std::string::npos);
  CHECK(read_model(folder / "p/last.octet").attribute("precision") == "int8");
  CHECK(octet_in(folder, go_on + "--precision int8 --out q").code == 0);
  CHECK(density(read_model(folder / "q/last.octet").tensors.at("fc1.weight")) ==
        density(read_model(folder / "small.octet").tensors.at("fc1.weight")));

  check_refused(folder, go_on + "--model lenet5", 2, "--model");
  check_refused(folder, go_on + "--input 28x28x1", 2, "16x16x1");
  check_refused(folder, "train --data strokes --resume-from none.octet", 4, "none.octet");
  check_refused(folder, "train --resume q --resume-from small.octet", 2, "--resume-from");
  REQUIRE(octet_in(folder, "data export strokes --out pictures --count 20").code == 0);
  fs::rename(folder / "pictures/train/0", folder / "pictures/train/zero");
  fs::rename(folder / "pictures/test/0", folder / "pictures/test/zero");
  const Outcome other = octet_in(folder, "train --data pictures --resume-from small.octet");
  CHECK(other.code == 4);
  CHECK(other.err.find("class 0 is '0' in the model") != std::string::npos);
}
