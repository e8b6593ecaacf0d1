#include "layers/whitening.h"

#include <cmath>

#include "framework/check.h"
#include "layers/build.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("whitening: eigenvectors of a symmetric matrix") {
  constexpr std::size_t n = 12;
  const Tensor random = random_tensor({12, 12}, 4);
  std::vector<double> a(n * n), vectors;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      a[i * n + j] = static_cast<double>(random.floats()[i * n + j]) +
                     static_cast<double>(random.floats()[j * n + i]);
  const std::vector<double> values = eigenvectors(a, vectors);
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0) CHECK(values[i] <= values[i - 1]);
    for (std::size_t j = 0; j < n; ++j) {
      double product = 0, dot = 0;
      for (std::size_t k = 0; k < n; ++k) {
        product += a[j * n + k] * vectors[i * n + k];
        dot += vectors[i * n + k] * vectors[j * n + k];
      }
      CHECK(product == doctest::Approx(values[i] * vectors[i * n + j]).epsilon(1e-9).scale(1));
      CHECK(std::abs(dot - (i == j)) < 1e-12);
    }
  }
}

TEST_CASE("whitening: what comes out of the filters is uncorrelated, of variance 1") {
  Network network = build_network(parse_definition(
      "network name=n input=10x10x2\nconvolution channels=16 kernel=2 init=whitening\n"
      "linear units=2\n",
      "test"));
  network.initialize(1);
  // Neighbours and channels that are alike.
  Tensor images = random_tensor({40, 10, 10, 2}, 5);
  for (std::int64_t i = 2; i < images.elements(); ++i)
    images.floats()[i] = 0.4f * images.floats()[i] + 0.6f * images.floats()[i - 2];
  CHECK(whiten(network, images, 0) == 1);
  const Tensor& out = network.layers()[0]->forward(images, {});
  const std::int64_t rows = out.elements() / 16;
  for (int p = 0; p < 8; ++p)
    for (int q = 0; q < 16; ++q) {
      double sum = 0;
      for (std::int64_t r = 0; r < rows; ++r)
        sum += static_cast<double>(out.floats()[r * 16 + p]) *
               static_cast<double>(out.floats()[r * 16 + q]);
      const double expected = q == p ? 1 : q == p + 8 ? -1 : 0;
      CHECK(std::abs(sum / static_cast<double>(rows) - expected) < 1e-4);
    }
  Network wrong = build_network(parse_definition(
      "network name=n input=10x10x2\nconvolution channels=8 kernel=2 init=whitening\n", "test"));
  CHECK_THROWS_WITH_AS(whiten(wrong, images), doctest::Contains("with 16 channels"), Error);
}
