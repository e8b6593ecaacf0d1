#include "quant/compression/compression_table.h"

#include <doctest/doctest.h>

#include <sstream>

#include "quant/compression/model_file.h"
#include "tests/quant/compression/random_models.h"

namespace octet {
namespace {
using namespace compression_test;

std::vector<std::vector<std::string>> words_of(const std::string& text) {
  std::vector<std::vector<std::string>> lines;
  std::istringstream input(text);
  for (std::string line; std::getline(input, line);) {
    std::istringstream words(line);
    lines.emplace_back();
    for (std::string word; words >> word;) lines.back().push_back(word);
  }
  return lines;
}

TEST_CASE("compression table: rows, totals and the ratio of the whole file") {
  Draw draw(1);
  Model model = empty_model();
  model.tensors["conv1.weight"] = clustered(draw, Shape{20, 25}, 15, 0.6f);
  model.tensors["fc1.weight"] = clustered(draw, Shape{100, 200}, 31, 0.08f);
  model.tensors["conv1.bias"] = filled(Shape{20}, 0.5f);
  model.tensors["fc1.bias"] = any_bits(draw, Shape{100}, Element::float32);
  model.tensors["fc1.activation_range"] = filled(Shape{1}, 2.5f);
  model.tensors["optimizer.momentum.fc1.weight"] = any_bits(draw, Shape{200}, Element::float32);
  std::vector<TensorReport> reports;
  const auto bytes = static_cast<std::int64_t>(encode(model, {}, &reports).size());
  CHECK(count_parameters(reports) == model.parameters());
  CHECK(count_parameters(reports) == 20620);

  const std::string table = compression_table(reports, bytes);
  const auto lines = words_of(table);
  REQUIRE(lines.size() == 8);
  CHECK(lines[1][0] == "conv1");
  CHECK(lines[2][0] == "fc1");
  CHECK(lines[3][0] == "all");
  CHECK(lines[4][0] == "biases");
  CHECK(lines[5][0] == "rest");
  CHECK(lines[6][0] == "file");
  CHECK(lines[7][0] == "ratio");
  for (const TensorReport& report : reports) {
    if (report.name != "fc1.weight") continue;
    CHECK(lines[2][1] == "20000");
    CHECK(lines[2][3] == std::to_string(report.weight_bits) + ".0");
    CHECK(lines[2][5] == std::to_string(report.index_bits) + ".0");
    CHECK(lines[2][7] == std::to_string(report.pruned_bytes));
    CHECK(lines[2][8] == std::to_string(report.shared_bytes));
    CHECK(lines[2][9] == std::to_string(report.payload_bytes));
    CHECK(lines[2][10] == std::to_string(report.entropy_bytes));
  }
  // Weights, biases and the rest are the file.
  CHECK(lines[3][2] == "20500");
  CHECK(lines[4][1] == "120");
  CHECK(std::stoll(lines[3][10]) + std::stoll(lines[4][9]) + std::stoll(lines[5][4]) == bytes);
  CHECK(lines[6][1] == "20620");
  CHECK(lines[6][2] == std::to_string(bytes));
  CHECK(std::stod(lines[7][1]) ==
        doctest::Approx(4.0 * 20620 / static_cast<double>(bytes)).epsilon(0.01));
  CHECK(table.find(" \n") == std::string::npos);
}

TEST_CASE("compression table: a file without parameters") {
  const auto lines = words_of(compression_table({}, 100));
  REQUIRE(lines.size() == 6);
  CHECK(lines[5][1] == "0.00");
}

}  // namespace
}  // namespace octet
