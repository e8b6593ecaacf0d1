// Training that simulates codes, and the same model in integers, as a user runs them.
#include "tests/examples/octet_program.h"

using namespace octet::test;

TEST_CASE("program: a model trained with simulated codes runs in integers, code for code") {
  const TemporaryFolder folder;
  std::ofstream(folder / "net.txt") << "network name=net input=28x28x1\n"
                                       "convolution channels=8 kernel=5 stride=2 bias=0\n"
                                       "batch_norm\nrelu\n"
                                       "residual\nconvolution channels=8 kernel=3 padding=1\nend\n"
                                       "relu\nmax_pool window=2\nlinear units=classes\n";
  const std::string train =
      "train --data strokes --model net.txt --precision integer-arithmetic-only --max-steps 120 "
      "--observe-epochs 0.05 --freeze-epochs 0.05 --lr 0.02 --out run";
  REQUIRE(octet_in(folder, train).code == 0);

  const Outcome verified = octet_in(folder, "verify run/last.octet --plain 5 --json");
  CHECK(verified.code == 0);
  CHECK(verified.json()["different"] == 0);
  CHECK(verified.json()["compared"] > 1000000);
  CHECK(verified.out.find("residual1") != std::string::npos);

  const Outcome as_float = octet_in(folder, "eval run/last.octet --data strokes --json");
  const Outcome integer =
      octet_in(folder, "eval run/last.octet --data strokes --execution integer --json");
  CHECK(integer.code == 0);
  CHECK(integer.json()["execution"] == "integer");
  CHECK(integer.json()["test_error"] == as_float.json()["test_error"]);
  CHECK(integer.json()["test_error"] < 0.3);
  const Outcome doubled = octet_in(
      folder, "eval run/last.octet --data strokes --execution integer --rounding double --json");
  CHECK(std::abs(doubled.json()["test_error"].get<double>() -
                 integer.json()["test_error"].get<double>()) < 0.01);

  // A file whose weights are pruned and shared is a model like any other.
  CHECK(octet_in(folder,
                 "compress run/last.octet --data strokes --prune 0.5 --bits 4 --prune-epochs 1 "
                 "--share-epochs 1 --keep-batch-norm --out small.octet")
            .code == 0);
  const Outcome small = octet_in(folder, "verify small.octet --data strokes --plain 5 --json");
  CHECK(small.code == 0);
  CHECK(small.json()["different"] == 0);
}

TEST_CASE("program: a resumed run of simulated codes observes and freezes as one that went on") {
  const TemporaryFolder folder;
  const std::string options =
      "train --data strokes --precision integer-arithmetic-only --batch 100 --threads 1 "
      "--observe-epochs 0.02 --freeze-epochs 0.02";
  const Outcome whole = octet_in(folder, options + " --max-steps 12 --out whole --json");
  REQUIRE(whole.code == 0);
  REQUIRE(octet_in(folder, options + " --max-steps 12 --save-every 5 --out part").code == 0);
  CHECK(octet_in(folder, "verify part --steps 12 --threads 1").code == 0);
}

TEST_CASE("program: what has no integer form is refused with the reason") {
  const TemporaryFolder folder;
  REQUIRE(
      octet_in(folder,
               "train --data strokes --model lenet300 --precision float32 --max-steps 2 --out f")
          .code == 0);
  check_refused(folder, "eval f/last.octet --data strokes --execution integer", 2,
                "has no integer form: precision float32: expected activations");
  check_refused(folder, "verify f/last.octet --data strokes", 2, "has no integer form");
  check_refused(folder, "eval f/last.octet --data strokes --execution integers", 2, "--execution");
  check_refused(folder, "eval f/last.octet --data strokes --rounding double", 2,
                "--rounding: expected --execution integer");
  check_refused(folder, "verify f/last.octet --plain -1", 2, "--plain");
  check_refused(folder, "verify nowhere", 4, "nowhere: expected the folder of a run");
}
