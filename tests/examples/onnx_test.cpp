// octet export and octet import, as their users meet them.
#include "framework/files.h"
#include "tests/examples/octet_program.h"

using namespace octet;
using namespace octet::test;
namespace fs = std::filesystem;

namespace {

void train_small(const TemporaryFolder& folder, const std::string& precision) {
  write_file(folder / "net.txt",
             "network name=small input=28x28x1\n"
             "convolution channels=4 kernel=5 stride=2\nrelu\nmax_pool window=2\n"
             "linear units=classes\n");
  const Outcome trained = octet_in(folder,
                                   "train --data strokes --model net.txt --max-steps 60 "
                                   "--epochs 1 --lr 0.02 --out run --precision " +
                                       precision);
  CAPTURE(trained.err);
  REQUIRE(trained.code == 0);
}

}  // namespace

TEST_CASE("program: export and import give a model with the same error") {
  const TemporaryFolder folder;
  train_small(folder, "float32");
  const Outcome exported =
      octet_in(folder, "export run/last.octet --format onnx --out a.onnx --json");
  CAPTURE(exported.err);
  REQUIRE(exported.code == 0);
  CHECK(exported.json()["numbers"] == "float32");
  const Outcome before = octet_in(folder, "eval run/last.octet --data strokes --json");
  const Outcome imported = octet_in(folder, "import a.onnx --out back.octet --data strokes --json");
  CAPTURE(imported.err);
  REQUIRE(imported.code == 0);
  CHECK(imported.json()["test_error"] == before.json()["test_error"]);
  const Outcome after = octet_in(folder, "eval back.octet --data strokes --json");
  CHECK(after.json()["test_error"] == before.json()["test_error"]);
  // The file says its classes and how it normalises.
  CHECK(octet_in(folder, "import a.onnx --out again.octet").code == 0);
  check_refused(folder, "import a.onnx --out no.octet --mean 0.5 --deviation 0.5", 2,
                "normalises its pictures itself");
  check_refused(folder, "import a.onnx --out no.octet --classes a,b", 4,
                "2 class names for 10 scores");
  check_refused(folder, "import run/last.octet --out no.octet", 4, "not an ONNX file");
  check_refused(folder, "export run/last.octet --numbers integers", 2, "has no integer form");
  check_refused(folder, "export run/last.octet --edges", 2, "--edges");
  check_refused(folder, "export run/last.octet --sample 5", 2, "--data is missing");
  CHECK(!fs::exists(folder / "no.octet"));
  CHECK(!fs::exists(folder / "run/last.onnx"));
}

TEST_CASE("program: export writes the weights that products see, by layer") {
  const TemporaryFolder folder;
  train_small(folder, "'W=int4/absmax/channel;fc*:W=ternary/trained'");
  const Outcome before = octet_in(folder, "eval run/last.octet --data strokes --json");
  REQUIRE(octet_in(folder, "export run/last.octet --out a.onnx").code == 0);
  const Outcome imported = octet_in(folder, "import a.onnx --out back.octet --data strokes --json");
  CHECK(imported.json()["test_error"] == before.json()["test_error"]);
  // And of such a model integers are made of those weights too.
  const Outcome quantized =
      octet_in(folder, "quantize run/last.octet --data strokes --out q.octet --json");
  CAPTURE(quantized.err);
  REQUIRE(quantized.code == 0);
  CHECK(quantized.json()["float_test_error"] == before.json()["test_error"]);
}

TEST_CASE("program: export of a network in integers, with a sample to compare with") {
  const TemporaryFolder folder;
  train_small(folder, "integer-arithmetic-only");
  const Outcome exported = octet_in(
      folder, "export run/last.octet --out a.onnx --edges --sample 60 --data strokes --json");
  CAPTURE(exported.err);
  REQUIRE(exported.code == 0);
  CHECK(exported.json()["numbers"] == "integers");
  CHECK(fs::file_size(folder / "a.onnx.sample/pictures.u8") == 60 * 28 * 28);
  CHECK(fs::file_size(folder / "a.onnx.sample/labels.i32") == 60 * 4);
  CHECK(fs::file_size(folder / "a.onnx.sample/scores.f32") == 60 * 10 * 4);
  CHECK(fs::file_size(folder / "a.onnx.sample/edges/conv1.u8") == 60 * 12 * 12 * 4);
  CHECK(fs::file_size(folder / "a.onnx.sample/edges/pool1.u8") == 60 * 6 * 6 * 4);
  // Its float32 form can still be had, and compressed models are exported too.
  CHECK(octet_in(folder, "export run/last.octet --out b.onnx --numbers float32").code == 0);
  CHECK(octet_in(folder, "import b.onnx --out b.octet").code == 0);
}
