// The parts of the programs in examples/papers, and one of them run as its users do.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "examples/papers/common/claims.h"
#include "examples/papers/common/experiment.h"
#include "examples/papers/common/formats.h"
#include "examples/papers/common/kept_results.h"
#include "examples/papers/deep_compression/accounting.h"
#include "examples/papers/deep_compression/layer_table.h"
#include "examples/papers/deep_compression/published.h"
#include "examples/papers/deep_compression/recipes.h"
#include "examples/papers/deep_compression/synthetic_networks.h"
#include "framework/check.h"
#include "framework/files.h"
#include "framework/random.h"
#include "layers/build.h"
#include "quant/compression/pruning.h"
#include "tests/examples/octet_program.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::papers;

namespace {

// Two layers, of which the second has gaps longer than two bits can say.
const PublishedNetwork small{
    .name = "small",
    .layers = {{"conv", "conv1", 50, 4, 4, 2, 2, 30, 20}, {"ip", "fc1", 10, 3, 3, 2, 2, 5, 4}},
    .kept = 11,
    .size_pq = 6,
    .size_h = 5,
    .ratio_p = 9,
    .ratio_pq = 15,
    .ratio_h = 20,
    .error_dense = 1,
    .error = 1};

Model small_model() {
  return synthetic_model(parse_definition("network name=small input=20x20x4\n"
                                          "convolution name=conv1 channels=40 kernel=5 padding=1 "
                                          "groups=2\nrelu\nmax_pool window=3 stride=2\n"
                                          "linear name=fc1 units=30\n",
                                          "small"),
                         7);
}

// Section 1.6 of our notes on the paper: what a layer takes at density p of random positions, with
// gaps of at most 2^b. Fillers per weight: q / (1 - q) with q = (1 - p)^(2^b).
double predicted_share(double n, double p, int weight_bits, int index_bits) {
  const double q = std::pow(1 - p, std::exp2(index_bits));
  const double entries = n * p * (1 + q / (1 - q));
  return (entries * (weight_bits + index_bits) + 32 * (std::exp2(weight_bits) - 1)) / (32 * n);
}

// Bright above or bright below, with noise.
Task two_kinds_of_pictures() {
  Dataset set{
      .name = "kinds", .image = {4, 4, 1}, .pixels = {}, .labels = {}, .classes = {"a", "b"}};
  for (std::int32_t i = 0; i < 64; ++i) {
    set.labels.push_back(i % 2);
    for (int pixel = 0; pixel < 16; ++pixel)
      set.pixels.push_back(static_cast<std::uint8_t>(
          (pixel / 8 == i % 2 ? 90 : 60) +
          uniform_below(5, static_cast<std::uint64_t>(16 * i + pixel), 80)));
  }
  return {set, {}, set, measure_normalization(set)};
}

// Of a program, with its name in front of the arguments; what it prints is in out and err.
int exit_code_of(const std::string& command, const test::TemporaryFolder& folder) {
  const int status = std::system((std::string(test::papers_folder) + "/" + command + " >" +
                                  (folder / "out").string() + " 2>" + (folder / "err").string())
                                     .c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

TEST_CASE("papers: claims beside their bounds, and the exit code") {
  Claims claims;
  claims.add({.what = "error, %",
              .paper = 1.58,
              .ours = 1.5,
              .at_most = true,
              .bound = 1.64,
              .digits = 2});
  claims.add({.what = "ratio", .ours = 40, .at_most = false, .bound = 40, .digits = 1});
  CHECK(claims.exit_code() == 0);
  CHECK(claims.text() ==
        "claim     paper  ours  difference    bound  verdict\n"
        "error, %   1.58  1.50       -0.08  <= 1.64     pass\n"
        "ratio         -  40.0           -  >= 40.0     pass\n"
        "all 2 claims hold\n");
  claims.add({.what = "seconds", .ours = 3.5, .at_most = true, .bound = 3, .digits = 1});
  CHECK(claims.exit_code() == 3);
  CHECK(claims.text().ends_with("FAIL\n1 of 3 claims do not hold\n"));
  CHECK(claims.json()[1]["paper"].is_null());
  CHECK(claims.json()[2]["pass"] == false);
}

TEST_CASE("papers: a figure that is not a number passes nothing") {
  for (const bool at_most : {true, false})
    CHECK_FALSE(Claim{.what = "", .ours = NAN, .at_most = at_most, .bound = 1}.passes());
}

TEST_CASE("papers: nothing is claimed of what was not measured") {
  Claims claims;
  claims.add(std::nullopt, {.what = "absent", .bound = 1});
  CHECK(claims.all().empty());
  claims.add(0.5, {.what = "there", .bound = 1});
  REQUIRE(claims.all().size() == 1);
  CHECK(claims.all()[0].ours == 0.5);
}

TEST_CASE("papers: results that are kept are not made again") {
  const test::TemporaryFolder folder;
  Task task = two_kinds_of_pictures();
  const char* const network =
      "network name=small input=4x4x1\nlinear units=8\nrelu\nlinear units=classes\n";
  const Training how{.epochs = 2, .rate = 0.05f, .batch = 8};
  const std::vector<Variant> variants = {
      {.name = "float32", .precision = "float32", .how = how, .milestones = {1}},
      {.name = "four bits", .precision = "learned-step", .how = how}};
  FormatOptions options{.common = {.seed = 3, .seeds = 2}};
  const auto compare = [&] { return compare_formats(network, task, variants, options, how); };
  const auto lines = [&] { return test::text_of(folder / "kept" / "results.jsonl"); };
  const Outcomes without = compare();

  options.results = (folder / "kept").string();
  options.only = {"four bits"};
  const Outcomes part = compare();
  CHECK(part.mean("four bits") == without.mean("four bits"));
  CHECK(part.mean("float32") == std::nullopt);
  CHECK(part.gap("four bits") == std::nullopt);
  const std::string some = lines();
  CHECK(std::count(some.begin(), some.end(), '\n') == 4);  // two starts, two seeds

  // The other half goes on from the starts that are there.
  options.only = {};
  const Outcomes whole = compare();
  CHECK(whole.mean("float32") == without.mean("float32"));
  CHECK(whole.mean_after("float32", 1) == without.mean_after("float32", 1));
  const std::string all = lines();
  CHECK(all.substr(0, some.size()) == some);
  CHECK(std::count(all.begin(), all.end(), '\n') == 6);
  compare();
  CHECK(lines() == all);

  // What decides a result decides which is taken.
  options.common.seed = 4;
  options.common.seeds = 1;
  compare();
  CHECK(lines().substr(0, all.size()) == all);
  const std::string more = lines();
  CHECK(std::count(more.begin(), more.end(), '\n') == 6);  // seed 4 was the second of two
  task.drawn = 5;
  compare();
  CHECK(lines().substr(0, all.size()) == all);
  const std::string others = lines();
  CHECK(std::count(others.begin(), others.end(), '\n') == 9);
  task.drawn = {};

  // A line that was cut off is made again; one that says something else is named.
  write_file(folder / "kept" / "results.jsonl", std::string_view(all).substr(0, all.size() - 9));
  options.common = {.seed = 3, .seeds = 2};
  compare();
  const std::string again = lines();
  CHECK(std::count(again.begin(), again.end(), '\n') == 6);
  write_file(folder / "kept" / "results.jsonl", std::string_view("{}\n"));
  CHECK_THROWS_AS(compare(), Error);
  options.only = {"five bits"};
  options.results.clear();
  CHECK_THROWS_WITH_AS(compare(), "--only five bits: expected some of float32, four bits", Error);
}

TEST_CASE("papers: a drawn model has the tensors of its network") {
  const Model model = small_model();
  const Network network = build_network(model.definition);
  CHECK(network.parameters().size() == model.tensors.size());
  for (const Parameter* parameter : network.parameters()) {
    CAPTURE(parameter->name);
    REQUIRE(model.tensors.count(parameter->name) == 1);
    CHECK(model.tensors.at(parameter->name).shape() == parameter->value.shape());
  }
  const Tensor& weight = model.tensors.at("fc1.weight");
  double sum = 0, squares = 0;
  for (std::int64_t i = 0; i < weight.elements(); ++i) {
    sum += weight.floats()[i];
    squares += std::pow(weight.floats()[i], 2);
  }
  const auto n = static_cast<double>(weight.elements());
  CHECK(std::abs(sum / n) < 0.001);
  CHECK(squares / n == doctest::Approx(2 / (n / 30)).epsilon(0.03));
  CHECK_THROWS_AS(large_network("lenet5"), Error);
}

TEST_CASE("papers: AlexNet and VGG-16 have no parameter less than theirs") {
  CHECK_THROWS_AS(build_network(large_network("alexnet"), 60'965'223), Error);
  CHECK_THROWS_AS(build_network(large_network("vgg16"), 138'357'543), Error);
}

TEST_CASE("papers: bytes of a drawn model are those that the densities predict") {
  Model model = small_model();
  const Account account = compress_by_paper(small, model);
  const std::vector<LayerFigures> figures = layer_figures(small, account.encoded);
  REQUIRE(figures.size() == 3);
  CHECK(figures[0].weights == 2000);
  CHECK(figures[1].weights == 30 * 9 * 9 * 40);
  for (std::size_t i = 0; i < 2; ++i) {
    const PublishedLayer& layer = small.layers[i];
    CAPTURE(layer.name);
    CHECK(figures[i].kept == doctest::Approx(layer.kept).epsilon(0.001));
    CHECK(figures[i].weight_bits == layer.weight_bits);
    CHECK(figures[i].index_bits == layer.index_bits);
    CHECK(figures[i].size_pq ==
          doctest::Approx(100 * predicted_share(figures[i].weights, layer.kept / 100,
                                                layer.weight_bits, layer.index_bits))
              .epsilon(0.02));
    CHECK(figures[i].weight_bits_h < layer.weight_bits);
    CHECK(figures[i].size_h < figures[i].size_pq);
  }
  const StageBytes bytes = stage_bytes(account.encoded);
  CHECK(bytes.coded == account.encoded.bytes);
  CHECK(bytes.coded < bytes.shared);
  CHECK(bytes.shared < bytes.pruned);
  CHECK(bytes.pruned < 4 * model.parameters());
  CHECK(ratio(model, bytes.coded) == doctest::Approx(4.0 * static_cast<double>(model.parameters()) /
                                                     static_cast<double>(account.encoded.bytes)));

  const std::string table = layer_table(small, average({figures, figures}));
  CAPTURE(table);
  for (const char* part : {"\nconv ", " 2000 ", " 50.0 / 50 ", " 4.0 / 4 ", "\nall weights "})
    CHECK(table.find(part) != std::string::npos);
  PublishedNetwork other = small;
  other.layers[1].layer = "fc9";
  CHECK_THROWS_AS(layer_figures(other, account.encoded), Error);
}

TEST_CASE("papers: recipes take what the options say") {
  DeepCompressionOptions options;
  options.keep = "fc1=0.5,0.25";
  options.bits = "fc*=3";
  options.epochs = "7,8,9";
  const Recipe recipe = recipe_of("lenet5", options);
  CHECK(recipe.layers[0].density == 0.25);
  CHECK(recipe.layers[2].density == 0.5);
  CHECK(recipe.layers[3].bits == 3);
  CHECK(recipe.dense.epochs == 7);
  CHECK(recipe.prune.epochs == 8);
  CHECK(recipe.tune.epochs == 9);
  options.epochs = "7,8";
  CHECK_THROWS_AS(recipe_of("lenet5", options), Error);
  options = {};
  options.paper_settings = true;
  CHECK(recipe_of("lenet300", options).layers[1].density == doctest::Approx(0.09));
  CHECK(recipe_of("lenet300", options).layers[1].bits == 6);
  CHECK_THROWS_AS(recipe_of("alexnet", options), Error);
}

TEST_CASE("papers: deep_compression from training to verdict") {
  const test::TemporaryFolder folder;
  const std::string job =
      "deep_compression --data strokes --quick --network lenet300 --validation 2000 --json ";
  // Nine weights of ten in eight bits are not forty times smaller.
  CHECK(exit_code_of(job + "--epochs 1,1,0 --keep 0.9 --bits 8", folder) == 3);
  const std::string out = test::text_of(folder / "out");
  CAPTURE(out);
  CHECK(out.find(" claims do not hold\n") != std::string::npos);
  const nlohmann::json claims =
      nlohmann::json::parse(out.substr(out.rfind('\n', out.size() - 2) + 1))["claims"];
  REQUIRE(claims.size() == 2);
  CHECK(claims[1]["pass"] == false);
  CHECK(claims[1]["ours"] < 10);
  CHECK(exit_code_of(job + "--epochs 4,8,1", folder) == 0);
  CHECK(exit_code_of("deep_compression --experiment nothing", folder) == 2);
  CHECK(exit_code_of("deep_compression --data nowhere", folder) == 4);
}

TEST_CASE("papers: a program of number formats, from formats to verdict") {
  const test::TemporaryFolder folder;
  CHECK(exit_code_of("wage --experiment constants", folder) == 0);
  CHECK(test::text_of(folder / "out").find("alpha: 2 16 16 16 16 32 32 16\n") != std::string::npos);
  const std::string kept = " --results " + (folder / "kept").string();
  const std::string job = "wage --data strokes --quick --epochs 1 --json" + kept;
  CHECK(exit_code_of(job + " --only float32", folder) == 0);
  const std::string first = test::text_of(folder / "out");
  CAPTURE(first);
  // Of WAGE nothing is claimed but its constants; what was kept is printed again.
  CHECK(first.find("the claim holds\n") != std::string::npos);
  CHECK(exit_code_of(job + " --only float32", folder) == 0);
  CHECK(test::text_of(folder / "out") == first);
  CHECK(exit_code_of(job + " --only WAGE", folder) == 2);
  CHECK(test::text_of(folder / "err").find("expected some of float32, WAGE 2-8-8-8") !=
        std::string::npos);
}
