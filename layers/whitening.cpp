#include "layers/whitening.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "framework/check.h"
#include "layers/convolution.h"

namespace octet {

std::vector<double> eigenvectors(std::vector<double> a, std::vector<double>& vectors) {
  const auto n = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(a.size()))));
  assert(n * n == a.size());
  std::vector<double> v(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) v[i * n + i] = 1;
  // Sweeps over all pairs, each of which a rotation makes zero; quadratic convergence.
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0, all = 0;
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t q = 0; q < n; ++q) (p == q ? all : off) += a[p * n + q] * a[p * n + q];
    if (off <= 1e-24 * (all + off)) break;
    for (std::size_t p = 0; p + 1 < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) {
        if (a[p * n + q] == 0) continue;
        const double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
        const double t =
            (theta < 0 ? -1.0 : 1.0) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        for (std::size_t k = 0; k < n; ++k) {
          const double kp = a[k * n + p], kq = a[k * n + q];
          a[k * n + p] = c * kp - s * kq;
          a[k * n + q] = s * kp + c * kq;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double pk = a[p * n + k], qk = a[q * n + k];
          a[p * n + k] = c * pk - s * qk;
          a[q * n + k] = s * pk + c * qk;
          const double vp = v[p * n + k], vq = v[q * n + k];
          v[p * n + k] = c * vp - s * vq;
          v[q * n + k] = s * vp + c * vq;
        }
      }
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t i, std::size_t j) { return a[i * n + i] > a[j * n + j]; });
  std::vector<double> values;
  vectors.clear();
  for (const std::size_t i : order) {
    values.push_back(a[i * n + i]);
    const double* const row = v.data() + i * n;
    const double largest = *std::max_element(
        row, row + n, [](double x, double y) { return std::abs(x) < std::abs(y); });
    for (std::size_t k = 0; k < n; ++k) vectors.push_back(largest < 0 ? -row[k] : row[k]);
  }
  return values;
}

namespace {

// sum of patch patch^T / patches, patches of k x k positions at every place.
std::vector<double> second_moments(const Tensor& images, std::int64_t k) {
  const Shape& shape = images.shape();
  const std::int64_t height = shape[1], width = shape[2], channels = shape[3];
  const std::int64_t row = k * channels;
  const auto n = static_cast<std::size_t>(k * row);
  std::vector<double> moments(n * n, 0.0), patch(n);
  std::int64_t patches = 0;
  for (std::int64_t i = 0; i < shape[0]; ++i)
    for (std::int64_t y = 0; y + k <= height; ++y)
      for (std::int64_t x = 0; x + k <= width; ++x, ++patches) {
        for (std::int64_t dy = 0; dy < k; ++dy)
          std::copy_n(images.floats() + ((i * height + y + dy) * width + x) * channels, row,
                      patch.begin() + dy * row);
        for (std::size_t p = 0; p < n; ++p)
          for (std::size_t q = 0; q <= p; ++q) moments[p * n + q] += patch[p] * patch[q];
      }
  for (std::size_t p = 0; p < n; ++p)
    for (std::size_t q = 0; q <= p; ++q)
      moments[q * n + p] = moments[p * n + q] /= static_cast<double>(patches);
  return moments;
}

}  // namespace

namespace {

Convolution* as_whitening(Layer* layer) {
  auto* const convolution = dynamic_cast<Convolution*>(layer);
  return convolution && convolution->initializer() == Initializer::whitening ? convolution
                                                                             : nullptr;
}

}  // namespace

bool whitens(const Network& network) {
  const std::vector<Layer*> leaves = network.leaves();
  return std::any_of(leaves.begin(), leaves.end(), as_whitening);
}

int whiten(Network& network, const Tensor& images, double epsilon) {
  int found = 0;
  for (Layer* const layer : network.leaves()) {
    Convolution* const convolution = as_whitening(layer);
    if (!convolution) continue;
    Tensor& weight = convolution->parameters()[0]->value;
    const Shape& shape = weight.shape();
    const std::int64_t n = shape[1] * shape[2] * shape[3];
    check(layer == network.layers()[0].get() && shape[0] == 2 * n && shape[3] == images.shape()[3],
          Failure::usage, "layer ", layer->name(),
          ": init=whitening is for a first convolution with ", 2 * n,
          " channels, two for each number of a patch");
    std::vector<double> vectors;
    const std::vector<double> values = eigenvectors(second_moments(images, shape[1]), vectors);
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t k = 0; k < n; ++k) {
        const auto w = static_cast<float>(vectors[static_cast<std::size_t>(i * n + k)] /
                                          std::sqrt(values[static_cast<std::size_t>(i)] + epsilon));
        weight.floats()[i * n + k] = w;
        weight.floats()[(n + i) * n + k] = -w;
      }
    ++found;
  }
  return found;
}

}  // namespace octet
