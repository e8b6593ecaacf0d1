#include "examples/papers/integer_only_training/pocket_network.h"

#include <algorithm>
#include <cstdlib>

#include "examples/cli/session.h"
#include "examples/papers/integer_only_training/pocket_tanh.h"
#include "framework/check.h"
#include "framework/parallel.h"
#include "framework/random.h"

namespace octet::papers {
namespace {

constexpr std::int64_t most_int32 = (std::int64_t{1} << 31) - 1;
// Products of int16 weights and values up to 255 whose sum is sure to fit 32 bits.
constexpr std::int64_t terms = 256;
static_assert(terms * 255 * PocketNetwork::most_weight <= most_int32);
// Multiplications that are worth a thread.
constexpr std::int64_t thread_products = 1 << 18;

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

std::int64_t units_worth_a_thread(std::int64_t products_of_a_unit) {
  return thread_products / std::max<std::int64_t>(products_of_a_unit, 1) + 1;
}

std::int32_t floor_of_root(std::int64_t square) {
  std::int32_t root = 0;
  while (std::int64_t{root + 1} * (root + 1) <= square) ++root;
  return root;
}

OCTET_KERNEL std::int64_t dot(const std::int16_t* a, const std::int16_t* b, std::int64_t size) {
  std::int64_t sum = 0;
  for (std::int64_t first = 0; first < size; first += terms) {
    std::int32_t part = 0;
    const std::int64_t last = std::min(size, first + terms);
    for (std::int64_t i = first; i < last; ++i) part += std::int32_t{a[i]} * b[i];
    sum += part;
  }
  return sum;
}

OCTET_KERNEL void add_scaled(const std::int16_t* from, std::int32_t factor, std::int64_t size,
                             std::int32_t* sums) {
  for (std::int64_t i = 0; i < size; ++i) sums[i] += factor * from[i];
}

std::int16_t clip_weight(std::int32_t w) {
  return static_cast<std::int16_t>(
      std::clamp<std::int32_t>(w, -PocketNetwork::most_weight, PocketNetwork::most_weight));
}

}  // namespace

PocketNetwork::PocketNetwork(const std::vector<std::int64_t>& widths, std::uint64_t seed) {
  const std::int64_t classes = widths.back();
  for (const std::int64_t width : widths)
    check(width > 0 && width <= 1 << 16, Failure::usage, "a layer of 1 to ", 1 << 16,
          " units expected, got ", width);
  for (std::size_t k = 0; k + 1 < widths.size(); ++k) {
    PocketLayer layer{.inputs = widths[k], .units = widths[k + 1]};
    layer.W.assign(index(layer.inputs * layer.units), 0);
    layer.b.assign(index(layer.units), 0);
    if (k + 2 < widths.size()) {
      // He's uniform range for weights that 2^15 - 1 stands for one.
      const std::int32_t most = floor_of_root(12 * most_weight / (layer.inputs + layer.units));
      const std::uint64_t key = random_key(seed, stream_of("feedback"), k);
      layer.B.resize(index(layer.units * classes));
      for (std::size_t i = 0; i < layer.B.size(); ++i)
        layer.B[i] = static_cast<std::int16_t>(
            static_cast<std::int32_t>(uniform_below(key, static_cast<std::uint32_t>(i),
                                                    static_cast<std::uint32_t>(2 * most + 1))) -
            most);
    }
    layers_.push_back(std::move(layer));
  }
}

const std::vector<std::int16_t>& PocketNetwork::forward(const std::uint8_t* pixels,
                                                        std::int64_t count) {
  count_ = count;
  pixels_.assign(pixels, pixels + count * layers_.front().inputs);
  const std::vector<std::int16_t>* input = &pixels_;
  for (PocketLayer& layer : layers_) {
    const std::int64_t n = layer.inputs, divisor = 256 * n;
    layer.y.resize(index(count * layer.units));
    layer.slope_inverse.resize(layer.y.size());
    parallel_for(
        layer.units, units_worth_a_thread(count * n), [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t u = begin; u < end; ++u)
            for (std::int64_t i = 0; i < count; ++i) {
              const std::int64_t sum = dot(layer.W.data() + u * n, input->data() + i * n, n);
              // At most 255 * 32767 / 256: a mean of products.
              const auto x = static_cast<std::int32_t>((sum + layer.b[index(u)]) / divisor);
              const PocketValue value = pocket_tanh(x);
              const std::size_t at = index(i * layer.units + u);
              layer.y[at] = static_cast<std::int16_t>(value.y);
              layer.slope_inverse[at] = static_cast<std::int16_t>(value.slope_inverse);
            }
        });
    input = &layer.y;
  }
  return *input;
}

void PocketNetwork::compute_errors(const std::vector<std::int32_t>& labels) {
  PocketLayer& last = layers_.back();
  const std::int64_t classes = last.units;
  std::vector<std::int16_t> e(last.y);
  for (std::int64_t i = 0; i < count_; ++i)
    e[index(i * classes + labels[index(i)])] =
        static_cast<std::int16_t>(e[index(i * classes + labels[index(i)])] - target);
  for (PocketLayer& layer : layers_) {
    layer.E.resize(layer.y.size());
    for (std::int64_t i = 0; i < count_; ++i)
      for (std::int64_t u = 0; u < layer.units; ++u) {
        const std::int16_t* const errors = e.data() + i * classes;
        const auto fed_back = static_cast<std::int32_t>(
            layer.B.empty() ? errors[u] : dot(layer.B.data() + u * classes, errors, classes));
        const std::size_t at = index(i * layer.units + u);
        layer.E[at] = fed_back / layer.slope_inverse[at];
      }
  }
}

void PocketNetwork::update(std::size_t k, std::int32_t learning_rate_inverse) {
  PocketLayer& layer = layers_[k];
  const std::int16_t* const input = k == 0 ? pixels_.data() : layers_[k - 1].y.data();
  const std::int64_t n = layer.inputs;
  std::int64_t most = 0;
  for (const std::int32_t error : layer.E) most = std::max<std::int64_t>(most, std::abs(error));
  check(count_ * most * 255 <= most_int32, Failure::usage, "gradients of ", count_,
        " pictures need not fit 32 bits; take a smaller batch");
  parallel_for(layer.units, units_worth_a_thread(count_ * n),
               [&](std::int64_t begin, std::int64_t end) {
                 std::vector<std::int32_t> gradient(index(n));
                 for (std::int64_t u = begin; u < end; ++u) {
                   std::fill(gradient.begin(), gradient.end(), 0);
                   std::int32_t bias_gradient = 0;
                   for (std::int64_t i = 0; i < count_; ++i) {
                     const std::int32_t error = layer.E[index(i * layer.units + u)];
                     if (error == 0) continue;
                     add_scaled(input + i * n, error, n, gradient.data());
                     bias_gradient += error;
                   }
                   std::int16_t* const w = layer.W.data() + u * n;
                   for (std::int64_t c = 0; c < n; ++c)
                     w[c] = clip_weight(w[c] - gradient[index(c)] / learning_rate_inverse);
                   std::int16_t& b = layer.b[index(u)];
                   b = clip_weight(b - bias_gradient / learning_rate_inverse);
                 }
               });
}

void PocketNetwork::backward(const std::vector<std::int32_t>& labels,
                             std::int32_t learning_rate_inverse) {
  assert(static_cast<std::int64_t>(labels.size()) == count_);
  compute_errors(labels);
  for (std::size_t k = 0; k < layers_.size(); ++k) update(k, learning_rate_inverse);
}

std::string PocketNetwork::state_hash() const {
  std::uint64_t hash = 0;
  for (const PocketLayer& layer : layers_)
    for (const auto* values : {&layer.W, &layer.b})
      for (const std::int16_t value : *values) hash = mix(hash ^ static_cast<std::uint16_t>(value));
  return cli::format_text("%016llx", static_cast<unsigned long long>(hash));
}

}  // namespace octet::papers
