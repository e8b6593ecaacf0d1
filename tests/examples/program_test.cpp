// The program as its users meet it: exit codes, one-line errors, files whole or untouched.
#include <unistd.h>

#include <csignal>

#include "framework/files.h"
#include "quant/compression/model_file.h"
#include "quant/numbers/recipes.h"
#include "tests/examples/octet_program.h"

using namespace octet;
using namespace octet::test;
namespace fs = std::filesystem;

namespace {

// Begins a training of three epochs, sends `signal` once the first is done, returns the exit code.
int interrupted_training(const TemporaryFolder& folder, const std::string& out, int signal) {
  std::fflush(nullptr);  // or the child prints again what is buffered
  const pid_t child = fork();
  if (child == 0) {
    if (chdir(folder.path().c_str()) != 0 || !std::freopen("out", "w", stdout) ||
        !std::freopen("err", "w", stderr))
      _exit(99);
    execl(octet_program, "octet", "train", "--data", "strokes", "--model", "tiny.txt", "--epochs",
          "3", "--json", "--out", out.c_str(), nullptr);
    _exit(99);
  }
  for (int wait = 0; wait < 6000; ++wait) {
    const std::string rows = text_of(folder / (out + "/metrics.csv"));
    if (std::count(rows.begin(), rows.end(), '\n') >= 2) break;
    usleep(10000);
  }
  kill(child, signal);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

const std::string small_net =
    "network name=tiny input=28x28x1\n"
    "convolution channels=4 kernel=5 stride=2\nmax_pool window=2\nlinear units=classes\n";

const std::string quick = "train --data strokes --model tiny.txt --max-steps 30 --epochs 1 ";

}  // namespace

TEST_CASE("program: train, eval, compress, inspect and predict, from data to label") {
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", small_net);
  const Outcome trained = octet_in(
      folder, "train --data strokes --model tiny.txt --epochs 1 --lr 0.02 --out run --json");
  CAPTURE(trained.err);
  REQUIRE(trained.code == 0);
  CHECK(trained.json()["epochs"] == 1);
  CHECK(trained.json()["model"] == "run/last.octet");
  CHECK(trained.json()["state_hash"].get<std::string>().size() == 16);
  const double error = trained.json()["test_error"];
  CHECK(error < 0.4);
  for (const char* file : {"config.toml", "metrics.csv", "last.octet", "best.octet"})
    CHECK(fs::exists(folder / (std::string("run/") + file)));

  const Outcome evaluated = octet_in(folder, "eval run/last.octet --data strokes --json");
  REQUIRE(evaluated.code == 0);
  CHECK(evaluated.json()["test_error"] == error);
  CHECK(evaluated.json()["execution"] == "float");
  CHECK(evaluated.json()["precision"] == "int8");

  const Outcome compressed = octet_in(folder,
                                      "compress run/last.octet --data strokes --prune 0.5 "
                                      "--prune-epochs 1 --share-epochs 1 --json");
  CAPTURE(compressed.err);
  REQUIRE(compressed.code == 0);
  const nlohmann::json result = compressed.json();
  CHECK(result["model"] == "run/last-compressed.octet");
  CHECK(result["float_test_error"] == error);
  CHECK(result["bytes"] == fs::file_size(folder / "run/last-compressed.octet"));
  CHECK(result["ratio"].get<double>() ==
        doctest::Approx(4.0 * result["parameters"].get<double>() / result["bytes"].get<double>()));
  const Outcome again = octet_in(folder, "eval run/last-compressed.octet --data strokes --json");
  CHECK(again.json()["test_error"] == result["test_error"]);
  CHECK(octet_in(folder, "eval run/last-compressed.octet --data strokes --json --threads 1")
            .json()["test_error"] == result["test_error"]);
  CHECK(octet_in(folder,
                 "compress run/last.octet --data strokes --prune-epochs 0 --share-epochs 0 "
                 "--max-error 0.001 --out x.octet")
            .code == 3);

  const Outcome inspected = octet_in(folder, "inspect run/last-compressed.octet --json");
  REQUIRE(inspected.code == 0);
  CHECK(inspected.json()["parameters"] == result["parameters"]);
  CHECK(inspected.out.find("conv1.weight") != std::string::npos);
  REQUIRE(octet_in(folder,
                   "compress run/last.octet --data strokes --prune-epochs 0 --share-epochs 0 "
                   "--coder rans --out rans.octet")
              .code == 0);
  const Outcome by_rans = octet_in(folder, "inspect rans.octet --json");
  REQUIRE(by_rans.code == 0);
  const nlohmann::json told = by_rans.json();
  const auto& tensors = told["tensors"];
  CHECK(std::any_of(tensors.begin(), tensors.end(),
                    [](const nlohmann::json& tensor) { return tensor["coding"] == "rans"; }));
  CHECK(by_rans.out.find("P+Q+C") != std::string::npos);

  REQUIRE(octet_in(folder, "data export strokes --out pictures --count 20").code == 0);
  const Outcome predicted =
      octet_in(folder, "predict run/last-compressed.octet pictures/test/*/*.png --json");
  REQUIRE(predicted.code == 0);
  CHECK(predicted.json()["predictions"].size() == 20);
  write_file(folder / "bad.png", "not a picture");
  check_refused(folder, "predict run/last.octet bad.png", 4, "bad.png");
  CHECK(octet_in(folder, "predict run/last.octet bad.png --skip-bad").code == 0);
  // The exported pictures are an image folder, and a model of it knows its classes.
  CHECK(octet_in(folder, "train --data pictures --model tiny.txt --epochs 1 --batch 8 --out own")
            .code == 0);
  CHECK(octet_in(folder, "eval own/last.octet --data pictures").code == 0);
}

TEST_CASE("program: the same seed gives the same bits with one thread and with two") {
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", small_net);
  const auto hash = [&](const char* options, const char* out) {
    return octet_in(folder, quick + options + " --json --out " + out)
        .json()["state_hash"]
        .get<std::string>();
  };
  const std::string one = hash("--threads 1", "a");
  CHECK(hash("--threads 2", "b") == one);
  CHECK(hash("--threads 2 --seed 2", "c") != one);
  CHECK(hash("--precision float32", "d") == hash("--precision float32", "e"));
}

TEST_CASE("program: interrupted and resumed, a run ends in the same state") {
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", small_net);
  const std::string train = "train --data strokes --model tiny.txt --epochs 3 --json ";
  const std::string whole = octet_in(folder, train + "--out whole").json()["state_hash"];
  for (const auto& [signal, code] : {std::pair<int, int>{SIGINT, 130}, {SIGTERM, 143}}) {
    const std::string out = "cut" + std::to_string(code);
    CHECK(interrupted_training(folder, out, signal) == code);
    const Outcome resumed = octet_in(folder, "train --json --resume " + out);
    CAPTURE(resumed.err);
    REQUIRE(resumed.code == 0);
    CHECK(resumed.json()["state_hash"] == whole);
  }
}

TEST_CASE(
    "program: killed at any moment and resumed, a run with batch norm ends in the same state") {
  const TemporaryFolder folder;
  const std::string train =
      "train --data strokes --model resnet8 --input 16x16x1 --batch 64 --max-steps 150 --json ";
  const std::string whole = octet_in(folder, train + "--out whole").json()["state_hash"];
  for (const std::string step : {"5", "10", "50"}) {
    CAPTURE(step);
    // No warning, no chance to save: what is in last.octet is from --save-every.
    const std::string out = "cut" + step;
    REQUIRE(kill_at_step(folder, train + "--save-every 3", out, step));
    const Outcome resumed = octet_in(folder, "train --json --resume " + out);
    CAPTURE(resumed.err);
    REQUIRE(resumed.code == 0);
    CHECK(resumed.out.find("resumed after ") != std::string::npos);
    CHECK(resumed.json()["state_hash"] == whole);
  }
}

TEST_CASE("verify: int8 repeats bit for bit on every instruction set and any number of threads") {
  const TemporaryFolder folder;
  REQUIRE(octet_in(folder,
                   "train --data strokes --model resnet8 --input 16x16x1 --batch 16 --max-steps 10 "
                   "--threads 2 --out run")
              .code == 0);
  for (const char* isa : {"AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI", "ALL"})
    for (const char* threads : {"1", "3"}) {
      CAPTURE(std::string(isa) + " " + threads);
      const Outcome again =
          octet_in(folder, std::string("verify run --steps 10 --json --threads ") + threads,
                   std::string("ONEDNN_MAX_CPU_ISA=") + isa);
      CAPTURE(again.out);
      CHECK(again.code == 0);
      CHECK(again.json()["different"] == 0);
      CHECK(again.json()["compared"] == 4);
    }
}

TEST_CASE("verify: a run repeats bit for bit, and one that was changed does not") {
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", small_net);
  REQUIRE(octet_in(folder, quick + "--threads 2 --out run").code == 0);
  const Outcome same = octet_in(folder, "verify run --threads 1 --steps 10 --json");
  CAPTURE(same.err);
  CHECK(same.code == 0);
  CHECK(same.json()["different"] == 0);
  CHECK(same.json()["compared"] == 4);  // after steps 1, 2, 5, 10
  std::string hashes = text_of(folder / "run/hashes.csv");
  const std::size_t digit = hashes.find("5,") + 2;
  hashes[digit] = hashes[digit] == '0' ? '1' : '0';
  write_file(folder / "run/hashes.csv", hashes);
  const Outcome other = octet_in(folder, "verify run --steps 10 --json");
  CHECK(other.code == 6);
  CHECK(other.json()["different"] == 1);
  check_refused(folder, "verify nowhere", 4, "nowhere");
  write_file(folder / "run/hashes.csv", "not,it\n");
  check_refused(folder, "verify run", 4, "hashes.csv");
}

TEST_CASE("program: options come from file, environment and command line, in that order") {
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", small_net);
  write_file(folder / "options.toml", "batch = 16\nseed = 5\nlr = 0.5\n");
  REQUIRE(octet_in(folder, quick + "--config options.toml --lr 0.02 --out run",
                   "OCTET_SEED=6 OCTET_LR=0.3")
              .code == 0);
  const std::string config = text_of(folder / "run/config.toml");
  CAPTURE(config);
  CHECK(config.find("batch = 16\n") != std::string::npos);
  CHECK(config.find("seed = 6\n") != std::string::npos);
  CHECK(config.find("lr = 0.02\n") != std::string::npos);
  write_file(folder / "wrong.toml", "bach = 16\n");
  check_refused(folder, quick + "--config wrong.toml", 2, "did you mean --batch?");
  // A name is that of a file that comes with the program.
  REQUIRE(octet_in(folder,
                   "train --config wage-mnist --data strokes --model tiny.txt --max-steps 1 "
                   "--epochs 1 --out named")
              .code == 0);
  CHECK(text_of(folder / "named/config.toml").find("precision = \"wage\"") != std::string::npos);
  check_refused(folder, quick + "--config wage-mnits", 2, "wage-mnist");
}

TEST_CASE("program: recipes are listed with formats that say the same") {
  const TemporaryFolder folder;
  const Outcome listed = octet_in(folder, "recipes --json");
  CHECK(listed.code == 0);
  const nlohmann::json all = listed.json();
  CHECK(all.size() == recipes().size());
  for (const auto& recipe : all) {
    const std::string name = recipe["name"], formats = recipe["formats"];
    CAPTURE(name);
    CHECK(octet_in(folder, "recipes").out.find(name + ": ") != std::string::npos);
    if (name != "float32") CHECK(print(parse_precision(formats)) == name);
  }
}

TEST_CASE("program: wrong usage is one line and exit code 2") {
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", small_net);
  check_refused(folder, "trian --data strokes", 2, "did you mean train?");
  check_refused(folder, "train --data strokes --epohcs 3", 2, "did you mean --epochs?");
  check_refused(folder, "train --data strokes --epochs many", 2, "--epochs");
  check_refused(folder, "train --data strokes --epochs 0", 2, "--epochs");
  check_refused(folder, "train --data strokes --precision int7", 2, "unknown recipe 'int7'");
  check_refused(folder, "train --data strokes --precision int8/absmax", 2, "expected the role");
  check_refused(folder, "recipes wgae", 2, "did you mean wage?");
  check_refused(folder, "train --data strokes --config wage-mnits", 2, "did you mean wage-mnist?");
  check_refused(folder, "train --data strokes --precision 'int8;frist:W=f32'", 2,
                "called frist, expected first, last, ");
  check_refused(folder, "train --data strokes --model lenet6", 2, "unknown network 'lenet6'");
  check_refused(folder, "train", 2, "--data");
  check_refused(folder, "train --data strokes --config none.toml", 2, "none.toml");
  write_file(folder / "wrong.txt",
             "network name=n input=28x28x1\nconvolution channels=4 kernel=99\n");
  check_refused(folder, "train --data strokes --model wrong.txt", 2, "conv1");
  write_file(folder / "ten.txt", "network name=n input=28x28x1\nlinear units=7\n");
  check_refused(folder, "train --data strokes --model ten.txt", 2, "7 scores");
  CHECK(octet_in(folder, "").code == 2);
  CHECK(octet_in(folder, "--help").code == 0);
  CHECK(octet_in(folder, "train --help").out.find("Examples:") != std::string::npos);
  CHECK(octet_in(folder, "--version").out.find("octet 0.") == 0);
  REQUIRE(octet_in(folder, quick + "--out run").code == 0);
  check_refused(folder, quick + "--out run", 2, "already holds a run");
}

TEST_CASE("program: missing or damaged data is one line and exit code 4") {
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", small_net);
  check_refused(folder, "train --data mnist", 4, "octet data get mnist");
  check_refused(folder, "train --data no/such/folder", 4, "no/such/folder");
  check_refused(folder, "eval missing.octet --data strokes", 4, "missing.octet");
  REQUIRE(octet_in(folder, quick + "--out run").code == 0);
  Bytes bytes = read_file(folder / "run/best.octet");
  bytes[bytes.size() / 2] ^= 1;
  write_file(folder / "flipped.octet", bytes.data(), bytes.size());
  write_file(folder / "cut.octet", bytes.data(), bytes.size() / 3);
  check_refused(folder, "eval flipped.octet --data strokes", 4, "flipped.octet");
  check_refused(folder, "inspect cut.octet", 4, "cut.octet");
  check_refused(folder, "train --resume elsewhere", 4, "elsewhere");
}

TEST_CASE("program: a resumed run keeps its own options, and only some may change") {
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", small_net);
  REQUIRE(octet_in(folder, quick + "--lr 0.02 --out run").code == 0);
  REQUIRE(octet_in(folder, "train --resume run --max-steps 40", "OCTET_LR=0.5 OCTET_SEED=9").code ==
          0);
  const std::string config = text_of(folder / "run/config.toml");
  CHECK(config.find("lr = 0.02\n") != std::string::npos);
  CHECK(config.find("seed = 1\n") != std::string::npos);
  CHECK(config.find("max-steps = 40\n") != std::string::npos);
  // What has all its steps is tested again; what has more than it is to have is refused.
  const Outcome done = octet_in(folder, "train --resume run --json");
  REQUIRE(done.code == 0);
  CHECK(done.out.find("all 40 steps are done") != std::string::npos);
  CHECK(done.out.find("after 40 steps, ") != std::string::npos);
  CHECK(done.json()["steps"] == 40);
  check_refused(folder, "train --resume run --max-steps 20", 2, "40 steps are done already");
  check_refused(folder, "train --resume run --seed 2", 2, "--seed cannot change");
  check_refused(folder, "train --resume run --batch=8", 2, "--batch cannot change");
}

TEST_CASE("program: a model file that cannot be used is refused before memory is taken") {
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", small_net);
  REQUIRE(octet_in(folder, quick + "--out run").code == 0);
  const Model good = read_model(folder / "run/best.octet");
  const auto refuse = [&](const char* definition, const char* key, const char* value,
                          const char* words) {
    Model bad = good;
    if (definition) bad.definition = parse_definition(definition, "test");
    if (key) bad.attributes[key] = value;
    write_model(folder / "bad.octet", bad);
    check_refused(folder, "eval bad.octet --data strokes", 4, words);
    check_refused(folder, "eval bad.octet --data strokes", 4, "bad.octet: ");
  };
  refuse("network name=n input=28x28x1\nlinear units=25000\nlinear units=25000\n", nullptr, nullptr,
         "parameters");
  refuse("network name=n input=28x28x2\nlinear units=10\n", nullptr, nullptr, "channels");
  refuse("network name=n input=28x28x1\nlinear units=10\nswish\n", nullptr, nullptr, "swish");
  refuse(nullptr, "classes", "a\nb\nc", "3 class names for 10 scores");
  refuse(nullptr, "precision", "int99", "int99");
  refuse(nullptr, "loss", "hinge", "hinge");
  refuse(nullptr, "deviation", "0", "deviation");
  refuse(nullptr, "mean", "1 2 3", "mean");
}

TEST_CASE("program: what cannot be written ends with 1 and leaves nothing half-written") {
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", small_net);
  write_file(folder / "file", "in the way");
  check_refused(folder, quick + "--out file/run", 1, "file/run");
  check_refused(folder, quick + "--out /proc/octet", 1, "/proc/octet");
  REQUIRE(octet_in(folder, quick + "--out run").code == 0);
  check_refused(folder,
                "compress run/last.octet --data strokes --prune-epochs 0 --share-epochs 0 --out "
                "/dev/full/x.octet",
                1, "/dev/full/x.octet");
  // Known before the work is done.
  check_refused(folder, "compress run/last.octet --data strokes --out nowhere/x.octet", 1,
                "nowhere/x.octet");
}

TEST_CASE("program: a loss that is not a number ends with 5") {
  const TemporaryFolder folder;
  write_file(folder / "tiny.txt", small_net);
  check_refused(folder, quick + "--lr 1000 --precision float32 --out run", 5, "loss");
}

TEST_CASE("program: doctor and data list") {
  const TemporaryFolder folder;
  const Outcome doctor = octet_in(folder, "doctor --json");
  REQUIRE(doctor.code == 0);
  CHECK(doctor.json().contains("int8_convolution"));
  CHECK(doctor.json().contains("own_convolution"));
  const Outcome capped = octet_in(folder, "doctor --json", "ONEDNN_MAX_CPU_ISA=AVX2");
  REQUIRE(capped.code == 0);
  CHECK(capped.json()["int8_convolution"] == false);
  CHECK(capped.json()["own_convolution"] == false);
  CHECK(octet_in(folder, "data list --json").json()["data"].size() >= 6);
  CHECK(octet_in(folder, "data check strokes").code == 0);
  check_refused(folder, "data get mnist --offline", 4, "offline");
}
