#include "framework/model.h"

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

std::int64_t Model::parameters() const {
  std::int64_t count = 0;
  for (const auto& [name, tensor] : tensors)
    if (is_parameter(name)) count += tensor.elements();
  return count;
}

}  // namespace octet
