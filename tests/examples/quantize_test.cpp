// octet quantize: codes without training, from a few pictures.
#include "framework/files.h"
#include "layers/build.h"
#include "quant/compression/model_file.h"
#include "tests/examples/octet_program.h"

using namespace octet;
using namespace octet::test;

namespace {

const std::string net =
    "network name=tiny input=28x28x1\n"
    "convolution channels=4 kernel=5 stride=2\nbatch_norm\nrelu\nmax_pool window=2\n"
    "residual\nconvolution channels=4 kernel=3 padding=1\nend\nrelu\n"
    "linear units=32\nrelu\nlinear units=classes\n";

// tiny.txt, and float.octet from a short run, which all tests share.
void make_model(const TemporaryFolder& folder) {
  static std::string bytes;
  write_file(folder / "tiny.txt", net);
  if (bytes.empty()) {
    const Outcome made = octet_in(folder,
                                  "train --data strokes --model tiny.txt --max-steps 120 --lr 0.02 "
                                  "--precision float32 --out run");
    CAPTURE(made.err);
    REQUIRE(made.code == 0);
    bytes = text_of(folder / "run/last.octet");
  }
  write_file(folder / "float.octet", bytes);
}

const std::string quick = "quantize float.octet --data strokes --validation 0.02 ";

}  // namespace

TEST_CASE("quantize: a file of codes that every verb opens, the same in integers") {
  const TemporaryFolder folder;
  make_model(folder);
  const Outcome made = octet_in(folder, quick + "--report 100 --json --threads 1");
  CAPTURE(made.err);
  REQUIRE(made.code == 0);
  CHECK(made.err.empty());
  const nlohmann::json result = made.json();
  CHECK(result["model"] == "float-quantized.octet");
  CHECK(result["precision"] == "integer-arithmetic-only");
  CHECK(result["integer"] == true);
  CHECK(result["float_layers"].empty());
  CHECK(result["bytes"] == std::filesystem::file_size(folder / "float-quantized.octet"));
  CHECK(result["test_error"].get<double>() - result["float_test_error"].get<double>() < 0.02);
  CHECK(result["drop_points"].get<double>() ==
        doctest::Approx(
            100 * (result["test_error"].get<double>() - result["float_test_error"].get<double>())));
  // conv1, conv2, residual1, fc1, fc2: the worst first.
  REQUIRE(result["layers"].size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(result["layers"][i]["snr_db"] > 20);
    if (i > 0) CHECK(result["layers"][i - 1]["loss_change"] >= result["layers"][i]["loss_change"]);
  }
  // The same file whatever the threads.
  const std::string bytes = text_of(folder / "float-quantized.octet");
  CHECK(octet_in(folder, quick + "--report 0 --threads 2").code == 0);
  CHECK(text_of(folder / "float-quantized.octet") == bytes);

  const Outcome verified = octet_in(folder, "verify float-quantized.octet --data strokes --json");
  CAPTURE(verified.err);
  CHECK(verified.code == 0);
  CHECK(verified.json()["different"] == 0);
  CHECK(verified.json()["compared"] > 0);
  for (const char* execution : {"float", "integer"}) {
    const Outcome tested = octet_in(
        folder,
        std::string("eval float-quantized.octet --data strokes --json --execution ") + execution);
    CAPTURE(tested.err);
    CHECK(tested.json()["test_error"] == result["test_error"]);
  }
  CHECK(octet_in(folder, "eval float.octet --data strokes --json").json()["test_error"] ==
        result["float_test_error"]);
  CHECK(octet_in(folder, "inspect float-quantized.octet").out.find("conv1.weight") !=
        std::string::npos);
  REQUIRE(octet_in(folder, "data export strokes --out pictures --count 20").code == 0);
  CHECK(octet_in(folder, "predict float-quantized.octet pictures/test/3/*.png").code == 0);
  const Outcome resumed = octet_in(folder,
                                   "train --data strokes --resume-from float-quantized.octet "
                                   "--max-steps 3 --out more");
  CAPTURE(resumed.err);
  CHECK(resumed.code == 0);
  const Outcome compressed = octet_in(folder,
                                      "compress float-quantized.octet --data strokes --prune 0.5 "
                                      "--prune-epochs 0 --share-epochs 0 --out small.octet");
  CAPTURE(compressed.err);
  CHECK(compressed.code == 0);
  check_refused(
      folder, "quantize float-quantized.octet --data strokes", 2,
      "float-quantized.octet: conv1.weight holds codes already: expected a model that was "
      "not quantised");
}

TEST_CASE("quantize: layers are kept in float32 until the bound is met") {
  const TemporaryFolder folder;
  make_model(folder);
  // 2-bit weights cost more than that.
  const Outcome made =
      octet_in(folder, quick + "--report 200 --weights 2 --max-drop 1 --json --out two.octet");
  CAPTURE(made.err);
  REQUIRE(made.code == 0);
  const nlohmann::json result = made.json();
  CHECK(result["held_out_drop_points"] <= 1);
  REQUIRE(!result["float_layers"].empty());
  const std::string first = result["float_layers"][0];
  CHECK(result["layers"][0]["name"] == first);
  CHECK(result["layers"][0]["in_float"] == true);
  CHECK(result["integer"] == false);
  const Model model = read_model(folder / "two.octet");
  CHECK(model.float_layers().size() == result["float_layers"].size());
  CHECK(octet_in(folder, "eval two.octet --data strokes --json").json()["test_error"] ==
        result["test_error"]);
  const std::string refusal = ": is kept in float32";
  check_refused(folder, "eval two.octet --data strokes --execution integer", 2, refusal);
  check_refused(folder, "verify two.octet --data strokes", 2, refusal);
  // What no number of layers can meet.
  check_refused(folder, quick + "--report 50 --max-drop -50 --out none.octet", 3,
                "--max-drop -50: still");
  CHECK_FALSE(std::filesystem::exists(folder / "none.octet"));
}

TEST_CASE("quantize: ranges found at run time, and 16 bits, run in float only") {
  const TemporaryFolder folder;
  make_model(folder);
  for (const char* options : {"--dynamic", "--activations 16"}) {
    CAPTURE(options);
    const Outcome made = octet_in(folder, quick + options + " --report 50 --json --out q.octet");
    CAPTURE(made.err);
    REQUIRE(made.code == 0);
    CHECK(made.json()["integer"] == false);
    CHECK(made.json()["drop_points"] < 2);
    CHECK(octet_in(folder, "eval q.octet --data strokes --json").json()["test_error"] ==
          made.json()["test_error"]);
    check_refused(folder, "verify q.octet --data strokes", 2,
                  "network tiny has no integer form: precision W=int8/absmax/channel,A=uint");
  }
}

TEST_CASE("quantize: every method, on and off") {
  const TemporaryFolder folder;
  make_model(folder);
  for (const char* options :
       {"--method minmax --equalize on --correct-biases on", "--method entropy --equalize off",
        "--method percentile --percentile 99.9 --correct-biases off --calibration 150"}) {
    CAPTURE(options);
    const Outcome made = octet_in(folder, quick + options + " --report 0 --json --out q.octet");
    CAPTURE(made.err);
    REQUIRE(made.code == 0);
    const nlohmann::json result = made.json();
    CHECK(result["drop_points"] < 2);
    const std::string text = options;
    CHECK(text.find(result["method"].get<std::string>()) != std::string::npos);
    if (text.find("--equalize") != std::string::npos)
      CHECK(result["equalized"] == (text.find("--equalize on") != std::string::npos));
    if (text.find("--correct-biases") != std::string::npos)
      CHECK(result["biases_corrected"] == (text.find("--correct-biases on") != std::string::npos));
  }
}

TEST_CASE("quantize: refusals") {
  const TemporaryFolder folder;
  make_model(folder);
  const auto refused = [&](const std::string& options, int code, const std::string& words) {
    check_refused(folder, "quantize " + options, code, words);
  };
  const std::string of = "float.octet --data strokes ";
  refused("none.octet --data strokes", 4, "none.octet");
  refused("tiny.txt --data strokes", 4, "tiny.txt: expected a model file");
  refused("float.octet", 2, "--data is required");
  refused("float.octet --data nowhere", 4, "nowhere");
  refused(of + "--method median", 2, "--method");
  refused(of + "--calibration 0", 2, "--calibration");
  refused(of + "--calibration 50000", 2,
          "--calibration: expected at most the 19000 training pictures that are not held out, got "
          "50000");
  refused(of + "--weights 9", 2, "--weights");
  refused(of + "--activations 12", 2, "--activations");
  refused(of + "--equalize maybe", 2, "--equalize");
  refused(of + "--validation 0", 2, "--validation: expected a share of the 20000");
  refused(of + "--dynamic --activations 16", 2, "--dynamic: expected no --activations beside it");
  refused(of + "--dynamic --method mse", 2, "--dynamic: expected no --method beside it");
  refused(of + "--percentile 99", 2, "--percentile: expected --method percentile beside it, got");
  refused(of + "--max-drop 1 --report 0", 2, "--max-drop: expected a --report");
  refused(of + "--out float.octet", 2,
          "float.octet: --out is the model itself, which would be lost");
  refused(of + "--out nowhere/q.octet", 1, "nowhere/q.octet");
  refused(of + "--metod mse", 2, "did you mean --method?");
}

TEST_CASE("program: whatever octet quantize makes can be exported") {
  const TemporaryFolder folder;
  REQUIRE(octet_in(folder,
                   "train --data strokes --precision float32 --max-steps 40 --lr 0.02 --out run")
              .code == 0);
  const std::string quantize =
      "quantize run/last.octet --data strokes --calibration 20 --report 50 --out q.octet ";
  for (const std::string options : {"", "--dynamic", "--activations 16", "--weights 4",
                                    "--weights 2 --max-drop 0 --equalize off"}) {
    CAPTURE(options);
    const Outcome made = octet_in(folder, quantize + options + " --json");
    if (made.code == 3) continue;  // --max-drop of 0 may not be met
    REQUIRE(made.code == 0);
    const Outcome exported =
        octet_in(folder, "export q.octet --numbers float32 --out q.onnx --json");
    CAPTURE(exported.err);
    CHECK(exported.code == 0);
    CHECK(exported.json()["numbers"] == "float32");
    CHECK(octet_in(folder, "export q.octet --out a.onnx").code == 0);
  }
}
