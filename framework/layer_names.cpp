#include "framework/layer_names.h"

namespace octet {
namespace {

std::string short_name(const std::string& kind) {
  static const std::map<std::string, std::string> names = {
      {"convolution", "conv"},  {"linear", "fc"},     {"max_pool", "pool"},
      {"average_pool", "pool"}, {"batch_norm", "bn"}, {"global_average_pool", "pool"}};
  const auto found = names.find(kind);
  return found == names.end() ? kind : found->second;
}

}  // namespace

std::string AutomaticNames::next(const std::string& kind) {
  const std::string name = short_name(kind);
  return name + std::to_string(++counts_[name]);
}

}  // namespace octet
