#include "layers/average_pooling_of_codes.h"

#include "framework/parallel.h"
#include "quant/integer/pooling_of_codes.h"

namespace octet {

void AveragePoolingOfCodes::set_formats(const std::string& layer, const Format& activations,
                                        const Format& errors) {
  const bool simulates = simulates_codes(activations);
  simulated_ = SimulatedCodes(simulates ? activations : Format{}, layer + ".activations");
  activations_ = Quantizer(simulates ? Format{} : activations, layer + ".activations");
  errors_ = Quantizer(errors, layer + ".errors");
}

void AveragePoolingOfCodes::evaluate(const Tensor& codes, const kernels::PoolGeometry& g,
                                     const Edge& edge, bool rectify, Tensor& output) {
  const std::int64_t n = codes.shape()[0], image = g.height * g.width * g.channels,
                     pooled = g.output_height * g.output_width * g.channels;
  const Averaging averaging(codes.scale(), codes.zero_point, g.window_height * g.window_width, edge,
                            rectify, RequantRounding::half_even);
  output.resize({n, g.output_height, g.output_width, g.channels}, Element::uint8);
  output.scales.assign(1, edge.scale);
  output.zero_point = edge.zero_point;
  parallel_for(n, 1, [&](std::int64_t first, std::int64_t last) {
    static thread_local Tensor sums;
    sums.resize({pooled}, Element::int32);
    for (std::int64_t i = first; i < last; ++i) {
      kernels::sum_windows(codes.data<std::uint8_t>() + i * image, Element::uint8, g,
                           sums.data<std::int32_t>());
      averaging.run(sums.data<std::int32_t>(), pooled, output.data<std::uint8_t>() + i * pooled);
    }
  });
}

std::vector<std::pair<std::string, Tensor*>> AveragePoolingOfCodes::state(
    const std::string& layer) {
  std::vector<std::pair<std::string, Tensor*>> all;
  if (input_quantizer()->format().scaling.smooth)
    all.emplace_back(layer + ".activation_range", &input_quantizer()->range());
  if (errors_.format().scaling.smooth) all.emplace_back(layer + ".error_range", &errors_.range());
  return all;
}

std::vector<std::pair<std::string, Quantizer*>> AveragePoolingOfCodes::quantizers() {
  return {{"activations", &activations_}, {"errors", &errors_}};
}

void AveragePoolingOfCodes::forward(const Tensor& input, const kernels::PoolGeometry& g,
                                    const Outlet& outlet, const Pass& pass, Tensor& output) {
  const std::int64_t n = input.shape()[0], image = g.height * g.width * g.channels,
                     pooled = g.output_height * g.output_width * g.channels;
  const auto* codes = static_cast<const std::uint8_t*>(input.raw());
  const auto product = [&](const products::SumsBody& body) {
    parallel_for(n, 1, [&](std::int64_t first, std::int64_t last) {
      static thread_local Tensor sums;
      sums.resize({pooled}, Element::int32);
      for (std::int64_t i = first; i < last; ++i) {
        kernels::sum_windows(codes + i * image, input.element(), g, sums.data<std::int32_t>());
        body(i, 1, sums.data<std::int32_t>());
      }
    });
  };
  const float scale = input.scale() / static_cast<float>(g.window_height * g.window_width);
  emission_.sums(outlet, pass, {n, g.output_height, g.output_width, g.channels}, {&scale, 1}, {},
                 nullptr, product, output);
}

void AveragePoolingOfCodes::backward(const Tensor& error, const Tensor& input,
                                     const kernels::PoolGeometry& g, const Outlet& outlet,
                                     const Pass& pass, Tensor& passed) {
  const Tensor* e = &error;
  if (error.element() == Element::float32) {
    errors_.encode(error, pass, error_codes_);
    e = &error_codes_;
  }
  const std::int64_t n = error.shape()[0], image = g.height * g.width * g.channels,
                     pooled = g.output_height * g.output_width * g.channels;
  const auto product = [&](const products::SumsBody& body) {
    parallel_for(n, 1, [&](std::int64_t first, std::int64_t last) {
      static thread_local Tensor sums;
      sums.resize({image}, Element::int32);
      for (std::int64_t i = first; i < last; ++i) {
        kernels::spread_windows(e->data<std::int8_t>() + i * pooled, g, sums.data<std::int32_t>());
        body(i, 1, sums.data<std::int32_t>());
      }
    });
  };
  const float scale = e->scale() / static_cast<float>(g.window_height * g.window_width);
  emission_.sums(outlet, pass, {n, g.height, g.width, g.channels}, {&scale, 1}, {},
                 outlet.mask ? &input : nullptr, product, passed);
}

}  // namespace octet
