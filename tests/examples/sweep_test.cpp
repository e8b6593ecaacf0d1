// octet sweep: many trainings, one table.
#include <cmath>
#include <nlohmann/json.hpp>

#include "examples/cli/sweep_plot.h"
#include "examples/cli/sweep_table.h"
#include "examples/cli/toml.h"
#include "framework/check.h"
#include "framework/files.h"
#include "tests/examples/octet_program.h"

using namespace octet;
using namespace octet::test;

namespace {

const std::string tiny =
    "network name=tiny input=28x28x1\nconvolution channels=2 kernel=5 stride=4\n"
    "linear units=classes\n";
const std::string head = "data = \"strokes\"\nmodel = \"tiny.txt\"\nmax-steps = 6\n";

void write_sweep(const TemporaryFolder& folder, const std::string& text) {
  write_file(folder / "tiny.txt", tiny);
  write_file(folder / "s.toml", text);
}

}  // namespace

TEST_CASE("toml: entries in the order of the file, with their lines") {
  const auto tables = cli::toml::parse(
      "z = 1\na = [0.010, 1e-3, \"x\", true]\n\n[grid] # combinations\nlr = 2\n[[runs]]\nname = "
      "'b'\n"
      "[[runs]]\nname = 'a'\n",
      "s.toml");
  REQUIRE(tables.size() == 4);
  CHECK(tables[0].entries[0].key == "z");
  CHECK(tables[0].entries[1].line == 2);
  CHECK(tables[0].entries[1].array);
  CHECK(tables[0].entries[1].values[0].text == "0.01");
  CHECK(tables[0].entries[1].values[1].number() == 0.001);
  CHECK(tables[0].entries[1].values[3].text == "true");
  CHECK(tables[1].name == "grid");
  CHECK(tables[1].line == 4);
  CHECK(tables[2].element);
  CHECK(tables[2].entries[0].values[0].text == "b");
  CHECK(tables[3].entries[0].values[0].text == "a");
  CHECK_THROWS_WITH_AS(cli::toml::parse("a = 1\na = 2\n", "s.toml"),
                       doctest::Contains("s.toml:2: "), Error);
  CHECK_THROWS_WITH_AS(cli::toml::parse("a = 1979-05-27\n", "s.toml"),
                       doctest::Contains("s.toml:1: a: expected a number"), Error);
  CHECK_THROWS_AS(cli::toml::parse("[grid\n", "s.toml"), Error);
}

TEST_CASE("sweep: mean and spread by hand") {
  const double values[] = {2, 4, 9};
  const cli::Spread three = cli::spread(values);
  CHECK(three.n == 3);
  CHECK(three.mean == 5);
  CHECK(three.deviation == doctest::Approx(std::sqrt(13.0)));
  CHECK(three.least == 2);
  CHECK(three.most == 9);
  CHECK(std::isnan(cli::spread(std::span(values, 1)).deviation));
}

TEST_CASE("sweep: every combination with every seed, the last option changing fastest") {
  const TemporaryFolder folder;
  write_sweep(folder, head +
                          "seeds = [3, 5]\n[grid]\nprecision = [\"float32\", \"int8\"]\n"
                          "lr = [0.01, 0.02]\n");
  const Outcome listed = octet_in(folder, "sweep s.toml --dry-run");
  REQUIRE(listed.code == 0);
  CHECK(
      listed.out.starts_with("run 1 of 8  precision=float32 lr=0.01 seed=3  to do\n"
                             "run 2 of 8  precision=float32 lr=0.01 seed=5  to do\n"
                             "run 3 of 8  precision=float32 lr=0.02 seed=3  to do\n"));
  CHECK_FALSE(std::filesystem::exists(folder / "sweeps"));

  const Outcome done = octet_in(folder, "sweep s.toml --json --threads 1");
  CAPTURE(done.err);
  REQUIRE(done.code == 0);
  const auto table = text_of(folder / "sweeps/s/table.csv");
  CHECK(std::count(table.begin(), table.end(), '\n') == 9);
  CHECK(table.find("\n8,int8,0.02,5,done,") != std::string::npos);
  CHECK(text_of(folder / "sweeps/s/table.md").find("| int8") != std::string::npos);
  CHECK(done.json()["runs"].size() == 8);

  // The first is what octet train gives by itself.
  const Outcome alone = octet_in(folder,
                                 "train --data strokes --model tiny.txt --max-steps 6 --seed 3 "
                                 "--precision float32 --lr 0.01 --threads 1 --out alone --json");
  CHECK(done.json()["runs"][0]["state_hash"] == alone.json()["state_hash"]);

  // Nothing is done again; another option of the same file is a run more.
  const Outcome kept = octet_in(folder, "sweep s.toml");
  CHECK(kept.code == 0);
  CHECK(kept.out.find("run 8 of 8  precision=int8 lr=0.02 seed=5  kept: ") != std::string::npos);
  CHECK(text_of(folder / "sweeps/s/table.csv") == table);
}

TEST_CASE("sweep: a run that fails is told, the others go on") {
  const TemporaryFolder folder;
  write_sweep(folder, head +
                          "lr = 0.01\n[[runs]]\nname = \"diverges\"\nprecision = \"float32\"\n"
                          "lr = 1000.0\nmomentum = 0.99\nmax-steps = 60\n[[runs]]\nname = "
                          "\"learns\"\nprecision = \"int8\"\n");
  const Outcome done = octet_in(folder, "sweep s.toml --json");
  CHECK(done.code == 1);
  const auto runs = done.json()["runs"];
  REQUIRE(runs.size() == 2);
  CHECK(runs[0]["status"] == "failed");
  CHECK(runs[1]["status"] == "done");
  CHECK(text_of(folder / "sweeps/s/table.csv").find("the loss became") != std::string::npos);
}

TEST_CASE("sweep: interrupted in a run, it goes on to the same table") {
  const TemporaryFolder folder;
  const std::string text = head + "save-every = 1\nseeds = 2\n";
  write_sweep(folder, text);
  const Outcome whole = octet_in(folder, "sweep s.toml --out whole --threads 1 --json");
  CAPTURE(whole.err);
  REQUIRE(whole.code == 0);
  const Outcome begun = octet_in(folder, "sweep s.toml --out parts --threads 1 --dry-run --json");
  REQUIRE(begun.code == 0);
  const std::string run = begun.json()["runs"][0]["folder"];
  const std::string command = "cd " + folder.path().string() + " && { " + octet_program +
                              " sweep s.toml --out parts --threads 1 >/dev/null 2>&1 & } ; pid=$!; "
                              "while kill -0 $pid 2>/dev/null && ! test -e " +
                              run +
                              "/last.octet; do sleep 0.005; done; kill -INT $pid 2>/dev/null; "
                              "wait $pid";
  (void)std::system(command.c_str());
  const Outcome rest = octet_in(folder, "sweep s.toml --out parts --threads 1 --json");
  CAPTURE(rest.err);
  REQUIRE(rest.code == 0);
  for (int i = 0; i < 2; ++i) {
    CHECK(rest.json()["runs"][i]["state_hash"] == whole.json()["runs"][i]["state_hash"]);
    CHECK(rest.json()["runs"][i]["test_error"] == whole.json()["runs"][i]["test_error"]);
  }
}

TEST_CASE("sweep: a run that lacks only its test is tested as it would have been") {
  const TemporaryFolder folder;
  write_sweep(folder, head + "test-augmentation = \"mirror\"\n");
  const Outcome whole = octet_in(folder, "sweep s.toml --json");
  CAPTURE(whole.err);
  REQUIRE(whole.code == 0);
  const std::string run = whole.json()["runs"][0]["folder"];
  const Outcome plain = octet_in(folder, "eval " + run + "/last.octet --data strokes --json");
  CHECK(plain.json()["test_error"] != whole.json()["runs"][0]["test_error"]);
  std::filesystem::remove(folder / run / "result.json");
  const Outcome again = octet_in(folder, "sweep s.toml --json");
  CAPTURE(again.err);
  REQUIRE(again.code == 0);
  CHECK(again.json()["runs"][0]["test_error"] == whole.json()["runs"][0]["test_error"]);
  CHECK(text_of(folder / (run + ".log")).find("rows: label") != std::string::npos);  // octet eval's
}

TEST_CASE("sweep: the course of the runs, means over seeds after each epoch") {
  const TemporaryFolder folder;
  write_sweep(folder,
              "data = \"strokes\"\nmodel = \"lenet5\"\nvalidation = 0.5\nseeds = 2\n[grid]\n"
              "lr = [0.1, 0.2]\n[plot]\nx = \"minutes\"\n");
  const cli::SweepPlan plan = cli::read_plan((folder / "s.toml").string());
  REQUIRE(plan.runs.size() == 4);
  CHECK(plan.plot->y == "validation_error");
  std::vector<cli::Result> results(4);
  for (std::size_t i = 0; i < 3; ++i) results[i].status = cli::Status::done;
  results[0].course = {{"minutes", {1, 2}}, {"validation_error", {0.5, 0.25}}};
  results[1].course = {{"minutes", {3, 4}}, {"validation_error", {0.3, 0.25}}};
  results[2].course = {{"minutes", {2, 4}}, {"validation_error", {0.75, 0.5}}};
  results[3].course = {{"minutes", {9}}, {"validation_error", {0.9}}};  // not done
  const cli::PlotFiles files = cli::plot_files(plan, results);
  CHECK(files.data ==
        "# minutes, mean of validation_error, standard deviation\n# lr 0.1\n2 40 14.1421356\n"
        "3 25 0\n\n\n# lr 0.2\n2 75 0\n4 50 0\n");
  CHECK(files.script.find("with yerrorlines") != std::string::npos);
}

TEST_CASE("sweep: a run's course is read from its metrics") {
  const TemporaryFolder folder;
  write_file(folder / "metrics.csv",
             "epoch,step,loss,error,validation_error,images_per_second,seconds,state_hash\n"
             "1,10,2.5,0.75,0.5,100,30,a\n2,20,1.5,0.5,0.25,100,90,b\n3,30,1.0,0.");
  cli::Result result;
  cli::add_metrics(folder.path(), result);
  CHECK(result.course.at("epoch") == std::vector<double>{1, 2});
  CHECK(result.course.at("minutes") == std::vector<double>{0.5, 1.5});
  CHECK(result.course.at("train_error") == std::vector<double>{0.75, 0.5});
  CHECK(result.course.at("validation_error") == std::vector<double>{0.5, 0.25});
  CHECK(result.course.at("loss") == std::vector<double>{2.5, 1.5});
}

TEST_CASE("sweep: without bfloat16's instructions its runs are refused before any is trained") {
  const TemporaryFolder folder;
  write_sweep(folder, head + "[grid]\nprecision = [\"int8\", \"bfloat16\"]\n");
  const Outcome refused = octet_in(folder, "sweep s.toml", "ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI");
  CHECK(refused.code == 2);
  CHECK(refused.error_lines() == 1);
  CHECK(refused.err.find("--simulate-bfloat16") != std::string::npos);
  CHECK(std::filesystem::is_empty(folder / "sweeps/s/runs"));
}

TEST_CASE("sweep: what is mistyped is refused with its line before anything runs") {
  const TemporaryFolder folder;
  for (const auto& [text, words] : {
           std::pair<std::string, std::string>{"lrr = 1\n", "s.toml:4: unknown option --lrr"},
           {"lr = \"fast\"\n", "s.toml:4: --lr"},
           {"precision = \"int99\"\n", "unknown recipe 'int99'"},
           {"[grid]\nlr = []\n", "s.toml:5: "},
           {"[gird]\nlr = [1]\n", "s.toml:4: "},
           {"[plot]\ny = \"speed\"\n[grid]\nlr = [0.1]\n", "speed"},
           {"validation = 0\n[plot]\nx = \"epoch\"\n", "expected validation above 0"},
           {"[plot]\nx = \"epoch\"\ny = \"test_error\"\n", "validation_error, train_error, loss"},
           {"seeds = 0\n", "seeds"},
           {"[grid]\nlr = [0.1, 0.1]\n", "the same"},
       }) {
    CAPTURE(text);
    write_sweep(folder, head + text);
    const Outcome refused = octet_in(folder, "sweep s.toml");
    CAPTURE(refused.err);
    CHECK(refused.code == 2);
    CHECK(refused.error_lines() == 1);
    CHECK(refused.err.find(words) != std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(folder / "sweeps"));
}
