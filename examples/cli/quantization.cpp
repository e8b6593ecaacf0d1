#include "examples/cli/quantization.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>

#include "examples/cli/interrupt.h"
#include "framework/check.h"
#include "framework/files.h"
#include "framework/parallel.h"
#include "layers/equalize.h"
#include "layers/float_model.h"
#include "layers/flow.h"
#include "layers/losses.h"
#include "quant/compression/model_file.h"

namespace octet::cli {
namespace {

Precision precision_of(const QuantizeOptions& options) {
  std::string text = "W=int" + std::to_string(options.weights) + "/absmax/channel,A=uint" +
                     std::to_string(options.activations) + "/minmax";
  return parse_precision(options.dynamic ? text : text + "/smooth");
}

Dataset first_of(const Dataset& data, std::int64_t count) {
  Dataset part = data;
  part.labels.resize(static_cast<std::size_t>(std::min(count, data.size())));
  part.pixels.resize(part.labels.size() * static_cast<std::size_t>(data.image.elements()));
  return part;
}

// 10 log10 of the squares of `reals` over those of the difference; infinite where there is none.
double signal_to_noise(const Tensor& reals, const Tensor& quantized) {
  double signal = 0, noise = 0;
  for (std::int64_t i = 0; i < reals.elements(); ++i) {
    const double x = reals.floats()[i], y = quantized.floats()[i];
    signal += x * x;
    noise += (x - y) * (x - y);
  }
  return noise > 0 ? 10 * std::log10(signal / noise) : std::numeric_limits<double>::infinity();
}

}  // namespace

Quantization::Quantization(const QuantizeOptions& options)
    : options_(options), original_(open_model(options.model)) {
  for (const auto& [name, tensor] : original_.tensors)
    check(!is_parameter(name) || tensor.element() == Element::float32, Failure::usage,
          options.model, ": ", name,
          " holds codes already: expected a model that was not quantised");
  splits_ = load_data(options.data, original_.definition.input, original_.definition.input);
  check_classes(original_, splits_.train);
  const auto held =
      static_cast<std::int64_t>(options.validation * static_cast<double>(splits_.train.size()));
  check(held > 0, Failure::usage, "--validation: expected a share of the ", splits_.train.size(),
        " training pictures that is at least one of them, got ", options.validation);
  held_ = octet::hold_out(splits_.train, held, options.common.seed);
  reported_ = first_of(held_, options.report);
  check(options.calibration <= splits_.train.size(), Failure::usage,
        "--calibration: expected at most the ", splits_.train.size(),
        " training pictures that are not held out, got ", options.calibration);
  const Dataset pictures = octet::hold_out(splits_.train, options.calibration, options.common.seed);
  normalization_ = normalization_of(original_);
  DataLoader loader(pictures, {.batch = 100, .normalization = normalization_});
  loader.start(0);
  while (const Batch* batch = loader.next()) batches_.push_back(batch->images);
  loss_ = make_loss(original_.attribute("loss"));
  how_.precision = precision_of(options);
}

Metrics Quantization::measure(const Model& model, const Dataset& data) {
  if (interrupt() != 0) throw Interrupted{interrupt(), ": nothing was written"};
  Network network = build_network(model);
  DataLoader loader(data, {.batch = 250, .normalization = normalization_});
  return evaluate(network, *loss_, loader);
}

Metrics Quantization::measure_quantized() {
  return measure(quantize(float_, calibration_, how_), held_);
}

void Quantization::begin_with(Model model) {
  float_ = std::move(model);
  calibration_ =
      calibrate(float_, batches_,
                {.method = parse_range_method(options_.method), .percentile = options_.percentile},
                how_.precision.activations);
  metrics_ = measure_quantized();
}

void Quantization::choose_equalization() {
  how_.correct_biases = options_.correct_biases == "on";
  const Model plain = float_model(original_);
  Model equal = plain;
  const int pairs = options_.equalize == "off" ? 0 : octet::equalize(equal);
  if (pairs == 0) return begin_with(plain);
  if (options_.equalize == "on") {
    equalized_ = true;
    return begin_with(std::move(equal));
  }
  begin_with(plain);
  const Calibration calibration = calibration_;
  const Metrics metrics = metrics_;
  begin_with(std::move(equal));
  equalized_ = metrics_.loss() < metrics.loss();
  std::cout << "equalisation of " << pairs << (pairs == 1 ? " pair" : " pairs")
            << " of layers: " << (equalized_ ? "on" : "off")
            << format_text(", held-out loss %.5f with it, %.5f without", metrics_.loss(),
                           metrics.loss())
            << std::endl;
  if (equalized_) return;
  float_ = plain;
  calibration_ = calibration;
  metrics_ = metrics;
}

void Quantization::choose_correction() {
  if (options_.correct_biases != "auto") return;
  how_.correct_biases = true;
  const Metrics corrected = measure_quantized();
  how_.correct_biases = corrected.loss() < metrics_.loss();
  std::cout << "bias correction: " << (how_.correct_biases ? "on" : "off")
            << format_text(", held-out loss %.5f with it, %.5f without", corrected.loss(),
                           metrics_.loss())
            << std::endl;
  if (how_.correct_biases) metrics_ = corrected;
}

// Each layer alone, the others in float32.
void Quantization::report_layers() {
  // Under formats, even of no layer, each layer gives its own values and does not rectify or add.
  PostTraining alone{.precision = parse_precision("integer-arithmetic-only")};
  alone.float_layers = quantized_layers(float_, alone.precision);
  Network exact = build_network(quantize(float_, calibration_, alone));
  exact.forward(batches_.front(), {});
  const Metrics untouched = measure(float_, reported_);
  alone = how_;
  const std::vector<std::string> all = quantized_layers(float_, how_.precision);
  Progress progress;
  for (std::size_t i = 0; i < all.size(); ++i) {
    progress.show("layer " + all[i], static_cast<double>(i) / static_cast<double>(all.size()));
    alone.float_layers = all;
    std::erase(alone.float_layers, all[i]);
    const Model model = quantize(float_, calibration_, alone);
    Network network = build_network(model);
    network.forward(batches_.front(), {});
    const FlowLayer& layer = *find_layer(network.layers(), all[i]);
    const Metrics measured = measure(model, reported_);
    LayerReport report{.name = all[i], .kind = layer.spec().kind};
    if (const auto weight = model.tensors.find(all[i] + ".weight"); weight != model.tensors.end())
      report.weights = weight->second.elements();
    report.decibels = signal_to_noise(*find_layer(exact.layers(), all[i])->latest_output(),
                                      *layer.latest_output());
    report.loss_change = measured.loss() - untouched.loss();
    report.error_change = measured.error() - untouched.error();
    layers_.push_back(std::move(report));
  }
  std::stable_sort(layers_.begin(), layers_.end(), [](const LayerReport& a, const LayerReport& b) {
    return a.loss_change > b.loss_change;
  });
}

// The worst layers stay in float32 until the bound is met.
void Quantization::keep_layers() {
  const auto drop = [&] { return 100 * (metrics_.error() - float_metrics_.error()); };
  for (std::size_t kept = 0; drop() > options_.max_drop; ++kept) {
    check(kept + 1 < layers_.size(), Failure::bound, "--max-drop ", options_.max_drop, ": still ",
          drop(), " points are lost on the pictures held out with ", layers_.size() - 1, " of ",
          layers_.size(), " layers in float32; nothing was written");
    layers_[kept].in_float = true;
    how_.float_layers.push_back(layers_[kept].name);
    metrics_ = measure_quantized();
    std::cout << "in float32: " << layers_[kept].name
              << format_text(", %.2f points lost on the pictures held out", drop()) << std::endl;
  }
}

void Quantization::print_layers() const {
  std::size_t width = 16;
  for (const LayerReport& layer : layers_) width = std::max(width, layer.name.size());
  const auto name = [&](std::string text) {
    text.resize(width, ' ');
    return text;
  };
  std::cout << "\none layer quantised at a time, on " << reported_.size()
            << " pictures held out, the worst first\n"
            << name("layer") << "  kind                  weights  SNR dB  loss change  points\n";
  for (const LayerReport& layer : layers_)
    std::cout << name(layer.name)
              << format_text("  %-19.19s %9lld %7.1f %+12.5f %+7.2f%s\n", layer.kind.c_str(),
                             static_cast<long long>(layer.weights), layer.decibels,
                             layer.loss_change, 100 * layer.error_change,
                             layer.in_float ? "  in float32" : "");
  std::cout << std::endl;
}

int Quantization::work() {
  check_writable(options_.out);
  catch_interrupts();
  std::cout << options_.model << ": " << original_.parameters() << " parameters, "
            << splits_.train.name << ", " << options_.calibration << " pictures to calibrate on, "
            << held_.size() << " held out, " << threads()
            << (threads() == 1 ? " thread" : " threads") << "\nprecision " << print(how_.precision)
            << (options_.dynamic ? "" : ", ranges by " + options_.method) << std::endl;
  original_ = float_weights(original_);
  float_metrics_ = measure(original_, held_);
  choose_equalization();
  choose_correction();
  if (options_.report > 0) report_layers();
  if (options_.bounded) keep_layers();
  if (!layers_.empty()) print_layers();
  return finish();
}

int Quantization::finish() {
  const Model quantized = quantize(float_, calibration_, how_);
  const Bytes bytes = encode(quantized);
  if (interrupt() != 0) throw Interrupted{interrupt(), ": nothing was written"};
  release_interrupts();
  const Model decoded = write_checked(options_.out, bytes, quantized);
  const Metrics of_float = measure(original_, splits_.test),
                of_codes = measure(decoded, splits_.test);
  const auto size = static_cast<std::int64_t>(bytes.size());
  const double ratio =
      4.0 * static_cast<double>(original_.parameters()) / static_cast<double>(size);
  const double drop = 100 * (of_codes.error() - of_float.error()),
               held_drop = 100 * (metrics_.error() - float_metrics_.error());
  const std::string obstacle = integer_obstacle(build_network(decoded).layers(), how_.precision);
  std::cout << "held out:  float32 " << percent(float_metrics_) << ", quantised "
            << percent(metrics_) << format_text(", %+.2f points\n", held_drop)
            << "test error of the model in float32  " << percent(of_float)
            << "\ntest error of the quantised file    " << percent(of_codes)
            << format_text(
                   ", %+.2f points\n%lld bytes, %.2f times smaller than %lld parameters in "
                   "float32\n",
                   drop, static_cast<long long>(size), ratio,
                   static_cast<long long>(original_.parameters()))
            << "in integers: " << (obstacle.empty() ? "yes (octet verify)" : "no, " + obstacle)
            << "\nmodel: " << options_.out << std::endl;
  if (!options_.common.json) return 0;
  Json layers = Json::array();
  for (const LayerReport& layer : layers_)
    layers.push_back({{"name", layer.name},
                      {"kind", layer.kind},
                      {"weights", layer.weights},
                      {"snr_db", layer.decibels},
                      {"loss_change", layer.loss_change},
                      {"error_change", layer.error_change},
                      {"in_float", layer.in_float}});
  std::cout << Json{{"float_test_error", of_float.error()},
                    {"test_error", of_codes.error()},
                    {"drop_points", drop},
                    {"held_out_drop_points", held_drop},
                    {"precision", print(how_.precision)},
                    {"method", options_.dynamic ? "dynamic" : options_.method},
                    {"equalized", equalized_},
                    {"biases_corrected", how_.correct_biases},
                    {"float_layers", how_.float_layers},
                    {"integer", obstacle.empty()},
                    {"parameters", original_.parameters()},
                    {"bytes", size},
                    {"ratio", ratio},
                    {"layers", layers},
                    {"model", options_.out}}
                   .dump()
            << std::endl;
  return 0;
}

}  // namespace octet::cli
