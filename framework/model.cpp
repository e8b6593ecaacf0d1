#include "framework/model.h"

#include <algorithm>
#include <iterator>
#include <sstream>

#include "framework/check.h"

namespace octet {

bool is_parameter(std::string_view name) {
  return !name.starts_with("optimizer.") && (name.ends_with(".weight") || name.ends_with(".bias") ||
                                             name.ends_with(".gamma") || name.ends_with(".beta"));
}

const std::string& Model::attribute(const std::string& key) const {
  const auto found = attributes.find(key);
  check(found != attributes.end(), Failure::data, "the model of ", definition.name,
        " lacks the attribute '", key, "'");
  return found->second;
}

std::vector<std::string> Model::float_layers() const {
  const auto found = attributes.find("float_layers");
  if (found == attributes.end()) return {};
  std::istringstream words(found->second);
  return {std::istream_iterator<std::string>(words), {}};
}

std::int64_t Model::parameters() const {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : tensors)
    if (is_parameter(name)) count += tensor.elements();
  return count;
}

bool same_bits(const Model& a, const Model& b) {
  return a.definition == b.definition && a.attributes == b.attributes &&
         std::equal(a.tensors.begin(), a.tensors.end(), b.tensors.begin(), b.tensors.end(),
                    [](const auto& x, const auto& y) {
                      return x.first == y.first && same_bits(x.second, y.second);
                    });
}

}  // namespace octet
