#include "examples/cli/verify_model.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "framework/check.h"
#include "layers/flow.h"

namespace octet::cli {
namespace {

struct Comparison {
  std::int64_t compared = 0, different = 0, plain_different = 0;
  double most = 0;  // largest difference
};

// The number at a place: a code, a score in its own steps, or a real.
double number_at(const Tensor& tensor, std::int64_t i) {
  switch (tensor.element()) {
    case Element::uint8:
      return tensor.data<std::uint8_t>()[i];
    case Element::int32:
      return tensor.data<std::int32_t>()[i];
    default:
      return static_cast<double>(tensor.floats()[i]);
  }
}

void count(const Tensor& one, const Tensor& other, std::int64_t& different, double& most) {
  for (std::int64_t i = 0; i < one.elements(); ++i) {
    const double distance = std::abs(number_at(one, i) - number_at(other, i));
    different += distance != 0;
    most = std::max(most, distance);
  }
}

void first_of(const Tensor& codes, Tensor& image) {
  const Shape shape = codes.shape().without_front();
  image.resize(shape.with_front(1), Element::uint8);
  image.scales = codes.scales;
  image.zero_point = codes.zero_point;
  std::copy_n(codes.data<std::uint8_t>(), image.elements(), image.data<std::uint8_t>());
}

// What a layer of the network gave and the stage's output; scores leave the network as reals.
void compare(const Tensor& trained, const Tensor& integer, Comparison& result) {
  result.compared += integer.elements();
  const bool scores = integer.element() == Element::int32;
  if (trained.elements() != integer.elements() ||
      (!scores && (trained.element() != Element::uint8 || trained.scales != integer.scales))) {
    result.different += integer.elements();
    return;
  }
  Tensor reals;
  if (scores) decode(integer, reals);
  count(trained, scores ? reals : integer, result.different, result.most);
}

}  // namespace

int verify_model(const std::string& file, const std::string& data, std::int64_t plain,
                 const CommonOptions& common) {
  const Model model = open_model(file);
  Network network = build_network(model);
  IntegerNetwork integer = lower(network, model.attribute("precision"));
  const DataOptions options{.data = data.empty() ? model.attribute("dataset") : data};
  const Splits splits = load_data(options, model.definition.input, model.definition.input);
  check_classes(model, splits.test);
  std::vector<const FlowLayer*> layers;
  for (const Stage& stage : integer.stages())
    layers.push_back(find_layer(network.layers(), stage.name));
  std::vector<Comparison> results(integer.stages().size());
  DataLoader loader(splits.test, {.batch = 100, .normalization = normalization_of(model)});
  loader.start(0);
  std::int64_t done = 0;
  Tensor codes, alone;
  std::vector<Tensor> fast(results.size());
  std::int64_t runs_different = 0;
  Progress progress;
  while (const Batch* batch = loader.next()) {
    network.forward(batch->images, {});
    integer.encode(batch->images, codes);
    const bool also_plain = done < plain;
    integer.run_watched(codes, [&](std::size_t stage, const Tensor& output) {
      compare(*layers[stage]->latest_output(), output, results[stage]);
      if (also_plain || stage + 1 == results.size()) fast[stage] = output;
    });
    double ignored = 0;
    // As predictions run: all stages at once, all images together, and the first one alone.
    count(integer.run(codes), fast.back(), runs_different, ignored);
    first_of(codes, alone);
    count(integer.run(alone), fast.back(), runs_different, ignored);
    if (also_plain)
      integer.run_plain(codes, [&](std::size_t stage, const Tensor& output) {
        count(output, fast[stage], results[stage].plain_different, ignored);
      });
    done += batch->images.shape()[0];
    progress.show("verify", static_cast<double>(done) / static_cast<double>(splits.test.size()));
  }
  progress.clear();
  Comparison all;
  std::cout << "stage             kind            codes compared   different  largest\n";
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Comparison& r = results[i];
    std::cout << format_text(
        "%-16.16s  %-13s %16lld %11lld %8.3g\n", integer.stages()[i].name.c_str(),
        std::string(print(integer.stages()[i].kind)).c_str(), static_cast<long long>(r.compared),
        static_cast<long long>(r.different), r.most);
    all.compared += r.compared;
    all.different += r.different;
    all.plain_different += r.plain_different;
  }
  std::cout
      << format_text(
             "network that trains against integers: %lld of %lld codes differ on %lld "
             "pictures\nall stages at once, in batches and one picture of each alone: %lld scores "
             "differ\nfast against plain loops: %lld codes differ on %lld pictures",
             static_cast<long long>(all.different), static_cast<long long>(all.compared),
             static_cast<long long>(done), static_cast<long long>(runs_different),
             static_cast<long long>(all.plain_different),
             static_cast<long long>(std::min(done, (plain + 99) / 100 * 100)))
      << std::endl;
  const std::int64_t different = all.different + all.plain_different + runs_different;
  if (common.json)
    std::cout << Json{{"different", different}, {"compared", all.compared}}.dump() << std::endl;
  return different == 0 ? 0 : static_cast<int>(Failure::mismatch);
}

}  // namespace octet::cli
