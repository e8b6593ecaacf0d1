#include "examples/cli/verify_model.h"

#include <algorithm>
#include <cstring>
#include <iostream>

#include "framework/check.h"
#include "layers/flow.h"

namespace octet::cli {
namespace {

struct Comparison {
  std::int64_t compared = 0, different = 0, plain_different = 0;
  std::int32_t most = 0;  // largest difference
};

// A layer of the network, inside blocks too, by its name.
const FlowLayer* find_layer(const Layers& layers, const std::string& name) {
  for (const auto& layer : layers) {
    if (layer->name() == name) return dynamic_cast<const FlowLayer*>(layer.get());
    for (const Branch& branch : layer->branches())
      if (const FlowLayer* found = find_layer(*branch.layers, name)) return found;
  }
  return nullptr;
}

// Codes as they are, scores in their own steps.
std::vector<std::int32_t> codes_of(const Tensor& tensor) {
  std::vector<std::int32_t> codes(static_cast<std::size_t>(tensor.elements()));
  if (tensor.element() == Element::uint8) {
    std::copy_n(tensor.data<std::uint8_t>(), codes.size(), codes.begin());
  } else {
    std::copy_n(tensor.data<std::int32_t>(), codes.size(), codes.begin());
  }
  return codes;
}

void compare(const Tensor& trained, const Tensor& integer, Comparison& result) {
  const std::vector<std::int32_t> codes = codes_of(integer);
  if (trained.elements() != integer.elements() ||
      (trained.element() == Element::uint8 && trained.scales != integer.scales)) {
    result.different += integer.elements();
    result.compared += integer.elements();
    return;
  }
  std::vector<std::int32_t> others(codes.size());
  if (trained.element() == Element::uint8) {
    others = codes_of(trained);
  } else {
    std::transform(trained.floats(), trained.floats() + trained.elements(), others.begin(),
                   [&](float score) {
                     return static_cast<std::int32_t>(std::lrint(score / integer.scale()));
                   });
  }
  for (std::size_t i = 0; i < codes.size(); ++i) {
    result.different += codes[i] != others[i];
    result.most = std::max(result.most, std::abs(codes[i] - others[i]));
  }
  result.compared += integer.elements();
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
  Tensor codes;
  std::vector<std::vector<std::int32_t>> fast(results.size());
  Progress progress;
  while (const Batch* batch = loader.next()) {
    network.forward(batch->images, {});
    integer.encode(batch->images, codes);
    const bool also_plain = done < plain;
    integer.run_watched(codes, [&](std::size_t stage, const Tensor& output) {
      compare(*layers[stage]->latest_output(), output, results[stage]);
      if (also_plain) fast[stage] = codes_of(output);
    });
    if (also_plain)
      integer.run_plain(codes, [&](std::size_t stage, const Tensor& output) {
        const std::vector<std::int32_t> defined = codes_of(output);
        for (std::size_t i = 0; i < defined.size(); ++i)
          results[stage].plain_different += defined[i] != fast[stage][i];
      });
    done += batch->images.shape()[0];
    progress.show("verify", static_cast<double>(done) / static_cast<double>(splits.test.size()));
  }
  progress.clear();
  Comparison all;
  std::cout << "stage             kind            codes compared   different  largest\n";
  for (std::size_t i = 0; i < results.size(); ++i) {
    const Comparison& r = results[i];
    std::cout << format_text("%-16.16s  %-13s %16lld %11lld %8d\n",
                             integer.stages()[i].name.c_str(),
                             std::string(print(integer.stages()[i].kind)).c_str(),
                             static_cast<long long>(r.compared),
                             static_cast<long long>(r.different), r.most);
    all.compared += r.compared;
    all.different += r.different;
    all.plain_different += r.plain_different;
  }
  std::cout << format_text(
                   "network that trains against integers: %lld of %lld codes differ on %lld "
                   "pictures\nfast against plain loops: %lld codes differ on %lld pictures",
                   static_cast<long long>(all.different), static_cast<long long>(all.compared),
                   static_cast<long long>(done), static_cast<long long>(all.plain_different),
                   static_cast<long long>(std::min(done, (plain + 99) / 100 * 100)))
            << std::endl;
  const std::int64_t different = all.different + all.plain_different;
  if (common.json)
    std::cout << Json{{"different", different}, {"compared", all.compared}}.dump() << std::endl;
  return different == 0 ? 0 : static_cast<int>(Failure::mismatch);
}

}  // namespace octet::cli
