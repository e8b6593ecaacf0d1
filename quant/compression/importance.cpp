#include "quant/compression/importance.h"

#include <numeric>

namespace octet {

std::vector<std::vector<float>> measure_importance(Network& network, const Loss& loss,
                                                   DataLoader& loader, std::int64_t batches,
                                                   std::uint64_t seed) {
  constexpr double share_of_mean = 0.02;
  const std::vector<Parameter*> parameters = network.parameters();
  std::vector<std::vector<float>> importance;
  for (const Parameter* parameter : parameters)
    importance.emplace_back(static_cast<std::size_t>(parameter->value.elements()));
  Tensor error;
  std::int64_t seen = 0, pictures = 0;
  loader.start(0);
  for (const Batch* batch; seen < batches && (batch = loader.next()); ++seen) {
    const Pass pass{.training = true, .seed = seed, .step = static_cast<std::uint64_t>(seen)};
    loss.evaluate(network.forward(batch->images, pass), batch->labels, &error);
    network.backward(error, pass);
    pictures += static_cast<std::int64_t>(batch->labels.size());
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      const float* const gradient = parameters[p]->gradient.floats();
      for (std::size_t i = 0; i < importance[p].size(); ++i)
        importance[p][i] += gradient[i] * gradient[i];
    }
  }
  if (seen == 0) return importance;
  const double batch = static_cast<double>(pictures) / static_cast<double>(seen);
  const double scale = 0.5 * batch / static_cast<double>(seen);
  for (std::vector<float>& of_parameter : importance) {
    const double sum = std::accumulate(of_parameter.begin(), of_parameter.end(), 0.0);
    const double mean = of_parameter.empty() ? 0 : sum / static_cast<double>(of_parameter.size());
    for (float& value : of_parameter)
      value = static_cast<float>(scale * (static_cast<double>(value) + share_of_mean * mean));
  }
  return importance;
}

}  // namespace octet
