// octet gradients: what formats cost the gradient.
#include <cmath>

#include "tests/examples/octet_program.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("program: gradients in few bits beside those in float32") {
  const TemporaryFolder folder;
  REQUIRE(
      octet_in(folder, "train --data strokes --model lenet300 --max-steps 60 --epochs 1 --out run")
          .code == 0);
  const auto study = [&](const std::string& arguments) {
    const Outcome outcome =
        octet_in(folder, "gradients run/last.octet --data strokes --batch 128 --settle 10 --json " +
                             arguments);
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    REQUIRE(outcome.json()["layers"].size() == 3);
    return outcome.json();
  };
  // The same arithmetic has the same gradient, to the bit.
  const auto same = study("--precision float32");
  CHECK(same["loss"] == same["float32_loss"]);
  for (const auto& layer : same["layers"]) {
    CHECK(layer["fixed"] == 0);
    CHECK(layer["random"] == 0);
    CHECK(layer["cosine"].get<double>() == doctest::Approx(1));
    CHECK(layer["batch"].get<double>() > 0.01);
  }
  // Rounding to the nearest is the same each time, and is worse in fewer bits.
  const auto eight = study("--precision W=int8/absmax"), four = study("--precision W=int4/absmax");
  for (int k = 0; k < 3; ++k) {
    CHECK(std::abs(four["layers"][k]["random"].get<double>()) < 1e-9);
    CHECK(four["layers"][k]["fixed"] > eight["layers"][k]["fixed"]);
  }
  // Errors that are drawn are right on average.
  const auto drawn = study("--precision E=int4/absmax/stochastic");
  CHECK(drawn["loss"] == drawn["float32_loss"]);
  for (int k = 0; k < 2; ++k) {
    const double random = drawn["layers"][k]["random"], fixed = drawn["layers"][k]["fixed"];
    CHECK(random > 0.01);
    CHECK(std::abs(fixed) < random / 4);
  }
  // Unless asked otherwise the precision is the model's.
  CHECK(study("")["precision"] == "int8");
  CHECK(octet_in(folder, "gradients run/last.octet --data strokes --batch 60000").code == 2);
  CHECK(octet_in(folder, "gradients nothing.octet --data strokes").code == 4);
}
