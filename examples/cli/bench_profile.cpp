#include "examples/cli/bench_profile.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>

#include "examples/cli/session.h"
#include "framework/parallel.h"
#include "framework/products.h"
#include "framework/profile.h"
#include "framework/random.h"
#include "layers/losses.h"

namespace octet::cli {
namespace {

struct Roofs {
  double int8_product, float32_product, bfloat16_product;  // operations a second; 0: has none
  double memory;                                           // bytes a second, read and written
};

double least_seconds(int repeats, const std::function<void()>& body) {
  double least = 1e30;
  for (int i = 0; i <= repeats; ++i) {
    const Stopwatch watch;
    body();
    if (i > 0) least = std::min(least, watch.seconds());  // the first one builds primitives
  }
  return least;
}

// A convolution that keeps any processor busy: 3x3, 256 to 256 channels.
double product_roof(Element element) {
  const Shape image{32, 16, 16, 256}, filters{256, 3, 3, 256};
  const bool reals = is_real(element);
  Tensor input(image, reals ? Element::float32 : element), weight(filters, input.element()), output;
  for (Tensor* tensor : {&input, &weight})
    for (std::int64_t i = 0; i < tensor->elements(); ++i) {
      const int code = static_cast<int>(uniform_below(1, static_cast<std::uint32_t>(i), 31)) - 15;
      if (reals) {
        tensor->floats()[i] = static_cast<float>(code);
      } else {
        tensor->data<std::int8_t>()[i] = static_cast<std::int8_t>(code);
      }
    }
  if (element == Element::bfloat16) {
    const Tensor floats = input;
    convert(floats, element, input);
  }
  const Window window{3, 3, 1, 1, 1, 1, 1, 1};
  const double operations = 2.0 * static_cast<double>(image.elements()) * 9 * 256;
  return operations / least_seconds(7, [&] {
           products::convolution(input, weight, nullptr, window, output, {element});
         });
}

double memory_roof() {
  const Tensor from = [] {
    Tensor tensor(Shape{1 << 26});  // 256 MiB: beyond any cache
    tensor.fill_zero();
    return tensor;
  }();
  Tensor to(from.shape());
  const double seconds = least_seconds(3, [&] {
    parallel_for(from.elements(), 1, [&](std::int64_t begin, std::int64_t end) {
      std::memcpy(to.floats() + begin, from.floats() + begin,
                  static_cast<std::size_t>(end - begin) * sizeof(float));
    });
  });
  return 2 * static_cast<double>(from.bytes()) / seconds;
}

Dataset random_pictures(const Shape& image, std::int64_t batch) {
  Dataset data{.name = "random", .image = image};
  // Many batches an epoch, as in real trainings, unless that would take gigabytes.
  const std::int64_t count =
      std::max(batch, std::min(64 * batch, (std::int64_t{1} << 26) / image.elements()));
  data.pixels.resize(static_cast<std::size_t>(count * image.elements()));
  for (std::size_t i = 0; i < data.pixels.size(); ++i)
    data.pixels[i] = static_cast<std::uint8_t>(random_bits(1, static_cast<std::uint32_t>(i)));
  for (std::int64_t i = 0; i < count; ++i) data.labels.push_back(static_cast<std::int32_t>(i % 10));
  for (int i = 0; i < 10; ++i) data.classes.push_back(std::to_string(i));
  return data;
}

bool is_product(const profile::Row& row) { return row.part.ends_with("product"); }

double roof_of(const profile::Row& row, const Roofs& roofs) {
  if (row.part == "int8 product") return row.operations / roofs.int8_product;
  if (row.part == "float32 product") return row.operations / roofs.float32_product;
  if (row.part == "bfloat16 product") return row.operations / roofs.bfloat16_product;
  return row.bytes / roofs.memory;
}

struct Measured {
  std::vector<profile::Row> rows;
  std::int64_t steps = 0;
  double seconds = 0;
};

Measured measure(const WorkOptions& options, double seconds) {
  Network network = make_network(options);
  const auto optimizer = make_optimizer(network);
  const auto loss = make_loss("cross-entropy");
  const Dataset data = random_pictures(network.input(), options.batch);
  DataLoader loader(data, {.batch = options.batch,
                           .shuffle = true,
                           .drop_last = true,
                           .normalization = measure_normalization(data)});
  TrainingState state;
  const auto train = [&](const std::function<bool()>& go_on) {
    while (train_epoch(
        network, *loss, *optimizer, loader, [](std::int64_t) { return 1e-3f; }, state,
        [&](const TrainingState&) { return go_on(); }))
      if (!go_on()) break;
  };
  train([&] { return state.step < 2; });  // primitives are built and memory is touched
  Measured result;
  const std::int64_t first = state.step;
  profile::start();
  const Stopwatch watch;
  train([&] { return watch.seconds() < seconds; });
  result.seconds = watch.seconds();
  result.rows = profile::stop();
  result.steps = state.step - first;
  return result;
}

Json json_of(const WorkOptions& options, const Roofs& roofs, const Measured& measured,
             double products) {
  const auto steps = static_cast<double>(measured.steps);
  Json rows = Json::array();
  for (const profile::Row& row : measured.rows)
    rows.push_back({{"layer", row.layer},
                    {"pass", row.pass},
                    {"part", row.part},
                    {"seconds", row.seconds / steps},
                    {"operations", row.operations / steps},
                    {"bytes", row.bytes / steps}});
  return {{"work", options.work},
          {"model", options.model},
          {"recipe", options.precision},
          {"batch", options.batch},
          {"threads", options.threads},
          {"step_seconds", measured.seconds / steps},
          {"product_seconds", products / steps},
          {"roofs",
           {{"int8_product", roofs.int8_product},
            {"float32_product", roofs.float32_product},
            {"bfloat16_product", roofs.bfloat16_product},
            {"memory", roofs.memory}}},
          {"profile", rows}};
}

}  // namespace

void profile_training(const WorkOptions& options, double seconds, bool json) {
  const Roofs roofs{product_roof(Element::int8), product_roof(Element::float32),
                    products::has_bfloat16() ? product_roof(Element::bfloat16) : 0, memory_roof()};
  const Measured measured = measure(options, seconds);
  const double to_ms = 1e3 / static_cast<double>(measured.steps);
  double products = 0;
  for (const profile::Row& row : measured.rows) products += is_product(row) ? row.seconds : 0;
  std::cout << options.model << ", " << options.precision
            << format_text(", training: %lld steps of %lld images, %d threads, %.2f ms a step\n",
                           static_cast<long long>(measured.steps),
                           static_cast<long long>(options.batch), options.threads,
                           measured.seconds * to_ms)
            << format_text(
                   "roofs: int8 product %.0f GOP/s, float32 product %.0f GOP/s, bfloat16 product "
                   "%.0f GOP/s, copy in memory %.1f GB/s\n\n",
                   roofs.int8_product / 1e9, roofs.float32_product / 1e9,
                   roofs.bfloat16_product / 1e9, roofs.memory / 1e9)
            << "layer      pass             part                   ms   share    GOP/s    GB/s  of "
               "roof\n";
  double counted = 0;
  const auto line = [&](const profile::Row& row) {
    const auto rate = [&](double amount, const char* format) {
      return amount > 0 ? format_text(format, amount / row.seconds / 1e9) : std::string(8, ' ');
    };
    counted += row.seconds;
    const double roof = roof_of(row, roofs) / row.seconds;
    std::cout << format_text("%-10s %-16s %-16s %8.2f %6.1f%%", row.layer.c_str(), row.pass.c_str(),
                             row.part.c_str(), row.seconds * to_ms,
                             100 * row.seconds / measured.seconds)
              << rate(row.operations, "%9.0f") << rate(row.bytes, "%8.1f")
              << (roof > 0 ? format_text("%9.2f", roof) : "") << '\n';
  };
  for (const profile::Row& row : measured.rows) line(row);
  line({.pass = "rest", .part = "loop", .seconds = measured.seconds - counted});
  std::cout << format_text("\nproducts         %8.2f ms a step\neverything else  %8.2f ms\n",
                           products * to_ms, (measured.seconds - products) * to_ms)
            << format_text("step / products  %8.2f\n", measured.seconds / products)
            << "'layer' is what a layer does besides its products; its GB/s count only what comes "
               "in and goes out.\n"
            << std::flush;
  if (json) std::cout << json_of(options, roofs, measured, products).dump() << std::endl;
}

}  // namespace octet::cli
