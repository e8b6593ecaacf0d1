#include "quant/compression/importance.h"

#include <doctest/doctest.h>

#include "layers/build.h"
#include "layers/losses.h"
#include "tests/support.h"

using namespace octet;

namespace {

Dataset noise(std::int64_t pictures) {
  Dataset data;
  data.name = "noise";
  data.image = Shape{2, 2, 1};
  data.classes = {"a", "b"};
  for (std::int64_t i = 0; i < pictures; ++i) {
    for (std::uint32_t p = 0; p < 4; ++p)
      data.pixels.push_back(static_cast<std::uint8_t>(
          uniform_below(random_key(1, 2, static_cast<std::uint64_t>(i)), p, 256)));
    data.labels.push_back(static_cast<std::int32_t>(i % 2));
  }
  return data;
}

}  // namespace

TEST_CASE("importance: half the batch times the mean square of the gradient, and no training") {
  const Dataset data = noise(24);
  Network network = build_network(
      parse_definition("network name=small input=2x2x1\nlinear units=classes\n", "small", 2));
  network.initialize(3);
  const std::unique_ptr<Loss> loss = make_loss("cross-entropy");
  const DataLoader::Options options{.batch = 8,
                                    .normalization = {.mean = {0.5f}, .deviation = {0.5f}}};
  DataLoader loader(data, options);
  const Tensor before = network.parameters()[0]->value;
  const auto importance = measure_importance(network, *loss, loader, 2, 0);
  CHECK(same_bits(before, network.parameters()[0]->value));
  REQUIRE(importance.size() == network.parameters().size());

  // The same by hand: the first two batches.
  std::vector<double> squares(static_cast<std::size_t>(before.elements()));
  Tensor error;
  loader.start(0);
  for (int b = 0; b < 2; ++b) {
    const Batch* batch = loader.next();
    const Pass pass{.training = true};
    loss->evaluate(network.forward(batch->images, pass), batch->labels, &error);
    network.backward(error, pass);
    for (std::size_t i = 0; i < squares.size(); ++i) {
      const double g = network.parameters()[0]->gradient.floats()[i];
      squares[i] += g * g;
    }
  }
  double mean = 0;
  for (const double square : squares) mean += square / static_cast<double>(squares.size());
  REQUIRE(mean > 0);
  for (std::size_t i = 0; i < squares.size(); ++i)
    CHECK(importance[0][i] == doctest::Approx(0.5 * 8 / 2 * (squares[i] + 0.02 * mean)));
}
