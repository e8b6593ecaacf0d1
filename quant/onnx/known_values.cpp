#include "quant/onnx/known_values.h"

#include <algorithm>
#include <cmath>

#include "framework/check.h"

namespace octet {

KnownValues::KnownValues(OnnxGraph& graph) : graph_(graph) {
  std::erase_if(graph.nodes, [&](const OnnxNode& node) { return take(node); });
}

const OnnxTensor* KnownValues::constant(const std::string& name) const {
  const auto same = same_.find(name);
  const auto found = graph_.constants.find(same == same_.end() ? name : same->second);
  return found == graph_.constants.end() ? nullptr : &found->second;
}

const OnnxTensor& KnownValues::reals(const OnnxNode& node, std::size_t input,
                                     const char* what) const {
  const OnnxTensor* found = input < node.inputs.size() ? constant(node.inputs[input]) : nullptr;
  check(found != nullptr && found->type == OnnxTensor::Type::float32, Failure::data, print(node),
        ": expected ", what, " as a constant of float32");
  const float* const values = found->floats();
  check(std::all_of(values, values + found->elements(), [](float x) { return std::isfinite(x); }),
        Failure::data, print(node), ": ", what, ": expected finite numbers");
  return *found;
}

std::optional<std::vector<std::int64_t>> KnownValues::dimensions(const std::string& name) const {
  if (const auto found = numbers_.find(name); found != numbers_.end()) return found->second;
  const OnnxTensor* known = constant(name);
  if (!known || known->type != OnnxTensor::Type::int64 || known->elements() > 8) return {};
  return std::vector<std::int64_t>(known->integers(), known->integers() + known->elements());
}

// Whether pictures need the node no more.
bool KnownValues::take(const OnnxNode& node) {
  const std::string& output = node.outputs.front();
  if (node.inputs.empty()) return false;
  const std::string& input = node.inputs.front();
  if (node.op == "Identity" && constant(input)) {
    const auto same = same_.find(input);
    const std::string origin = same == same_.end() ? input : same->second;
    same_[output] = origin;
  } else if (node.op == "Shape" && node.attributes.empty() && !constant(input)) {
    shapes_[output] = true;
  } else if (node.op == "Gather" && shapes_.contains(input) && node.inputs.size() == 2) {
    if (dimensions(node.inputs[1]) != std::vector<std::int64_t>{0}) return false;
    numbers_[output] = {0};
  } else if (node.op == "Unsqueeze" && numbers_.contains(input)) {
    const std::vector<std::int64_t> copy = numbers_[input];
    numbers_[output] = copy;
  } else if (node.op == "Concat" && node.inputs.size() <= 8) {
    std::vector<std::int64_t> all;
    for (const std::string& part : node.inputs) {
      const auto some = dimensions(part);
      if (!some || all.size() + some->size() > 8) return false;
      all.insert(all.end(), some->begin(), some->end());
    }
    numbers_[output] = all;
  } else {
    return false;
  }
  return true;
}

}  // namespace octet
