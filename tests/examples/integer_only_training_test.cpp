// The parts of examples/papers/integer_only_training.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "datasets/strokes.h"
#include "examples/papers/integer_only_training/byte_batches.h"
#include "examples/papers/integer_only_training/niti_loss.h"
#include "examples/papers/integer_only_training/niti_network.h"
#include "examples/papers/integer_only_training/niti_rounding.h"
#include "examples/papers/integer_only_training/pocket_network.h"
#include "examples/papers/integer_only_training/pocket_tanh.h"
#include "framework/check.h"
#include "framework/parallel.h"
#include "framework/random.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::papers;

namespace {

// Puts another number of threads in force while it lives.
class Threads {
 public:
  explicit Threads(int count) : before_(threads()) { set_threads(count); }
  ~Threads() { set_threads(before_); }

 private:
  int before_;
};

PocketNetwork pocket_after(const Dataset& pictures, int epochs, std::int32_t rate_inverse) {
  PocketNetwork network({pictures.image.elements(), 100, 50, 10}, 3);
  for (int epoch = 0; epoch < epochs; ++epoch)
    each_batch(pictures, 20, 3, epoch, {}, [&](const ByteBatch& now) {
      network.forward(now.pixels.data(), now.count);
      network.backward(now.labels, rate_inverse);
    });
  return network;
}

double share_wrong(PocketNetwork& network, const Dataset& pictures) {
  double wrong = 0;
  each_batch_in_order(pictures, 100, [&](const ByteBatch& now) {
    const auto& scores = network.forward(now.pixels.data(), now.count);
    for (std::int64_t i = 0; i < now.count; ++i)
      wrong += answer(scores.data() + 10 * i, 10) != now.labels[static_cast<std::size_t>(i)];
  });
  return wrong / static_cast<double>(pictures.size());
}

NitiTensor codes_of(const Shape& shape, std::uint64_t key) {
  NitiTensor tensor;
  tensor.codes = test::random_codes(shape, key);
  return tensor;
}

// Trains NITI's LeNet for `epochs` and gives the network; the codes of pixels stay outside.
NitiNetwork niti_after(const Dataset& pictures, const PixelCodes& pixels, int epochs) {
  NitiNetwork network = NitiNetwork::lenet(pictures.image, 10, 5);
  std::uint64_t step = 0;
  NitiTensor images;
  for (int epoch = 0; epoch < epochs; ++epoch)
    each_batch(pictures, 50, 5, epoch, {}, [&](const ByteBatch& now) {
      const NitiPass pass{.training = true, .mu = 5, .key = random_key(5, 1, step++)};
      pixels.encode(now.pixels.data(), pictures.image.with_front(now.count), images);
      network.forward(images, pass);
      network.backward(now.labels, pass);
    });
  return network;
}

double share_wrong(NitiNetwork& network, const PixelCodes& pixels, const Dataset& pictures) {
  double wrong = 0;
  NitiTensor images;
  each_batch_in_order(pictures, 100, [&](const ByteBatch& now) {
    pixels.encode(now.pixels.data(), pictures.image.with_front(now.count), images);
    const Tensor& scores = network.forward(images, {}).codes;
    for (std::int64_t i = 0; i < now.count; ++i)
      wrong += answer(scores.data<std::int8_t>() + 10 * i, 10) !=
               now.labels[static_cast<std::size_t>(i)];
  });
  return wrong / static_cast<double>(pictures.size());
}

}  // namespace

TEST_CASE("integer-only training: PocketNN's tanh and its inverse slopes at the joints") {
  const struct {
    std::int32_t x, y, slope_inverse;
  } joints[] = {{0, 0, 1},    {31, 62, 1},   {32, 64, 2},     {74, 106, 2},
                {75, 106, 8}, {127, 119, 8}, {128, 127, 127}, {1000000, 127, 127}};
  for (const auto& joint : joints) {
    CAPTURE(joint.x);
    CHECK(pocket_tanh(joint.x).y == joint.y);
    CHECK(pocket_tanh(joint.x).slope_inverse == joint.slope_inverse);
    CHECK(pocket_tanh(-joint.x).y == -joint.y);
    CHECK(pocket_tanh(-joint.x).slope_inverse == joint.slope_inverse);
  }
  // It follows 127 tanh(x / 64) as its name says, and never falls.
  for (std::int32_t x = -300; x <= 300; ++x) {
    CHECK(pocket_tanh(x).y >= pocket_tanh(x - 1).y);
    CHECK(std::abs(pocket_tanh(x).y - 127 * std::tanh(x / 64.0)) < 11);
  }
}

TEST_CASE("integer-only training: PocketNN's step against its equations, on numbers by hand") {
  // One layer without feedback: from zeros the outputs are 0, so that E is -15 for the label and 0
  // elsewhere, and W -= trunc(E y^T / r).
  PocketNetwork network({2, 2}, 1);
  const std::uint8_t pixels[] = {200, 3, 100, 9};
  network.forward(pixels, 2);
  network.backward({1, 1}, 100);
  const PocketLayer& layer = network.layers()[0];
  CHECK(layer.W == std::vector<std::int16_t>{0, 0, 45, 1});  // 15 * 300 / 100, 15 * 12 / 100
  CHECK(layer.b == std::vector<std::int16_t>{0, 0});         // 30 / 100 is cut off
}

TEST_CASE("integer-only training: PocketNN learns, with the same bits for any number of threads") {
  const Dataset pictures = make_strokes(1000, 1, Split::train);
  PocketNetwork one = [&] {
    const Threads alone(1);
    return pocket_after(pictures, 3, 1000);
  }();
  const Threads several(3);
  CHECK(pocket_after(pictures, 3, 1000).state_hash() == one.state_hash());
  CHECK(share_wrong(one, pictures) < 0.4);
}

TEST_CASE("integer-only training: no weight of PocketNN leaves 16 bits") {
  // At this rate weights would pass the end many times over.
  const Dataset pictures = make_strokes(200, 1, Split::train);
  const PocketNetwork network = pocket_after(pictures, 2, 1);
  std::int16_t least = 0, most = 0;
  for (const PocketLayer& layer : network.layers())
    for (const auto* values : {&layer.W, &layer.b})
      for (const std::int16_t value : *values) {
        least = std::min(least, value);
        most = std::max(most, value);
      }
  CHECK(least == -32767);
  CHECK(most == 32767);
}

TEST_CASE("integer-only training: batches hold every picture once, in an order of seed and epoch") {
  const Dataset pictures = make_strokes(90, 1, Split::train);
  const auto labels = [&](std::uint64_t seed, std::int64_t epoch) {
    std::vector<std::int32_t> all;
    each_batch(pictures, 40, seed, epoch, {}, [&](const ByteBatch& now) {
      CHECK(static_cast<std::int64_t>(now.labels.size()) == now.count);
      all.insert(all.end(), now.labels.begin(), now.labels.end());
    });
    return all;
  };
  CHECK(labels(1, 0) == labels(1, 0));
  CHECK(labels(1, 0) != labels(1, 1));
  CHECK(labels(1, 0) != labels(2, 0));
  std::vector<std::int32_t> sorted = labels(1, 0), expected = pictures.labels;
  std::sort(sorted.begin(), sorted.end());
  std::sort(expected.begin(), expected.end());
  CHECK(sorted == expected);
}

TEST_CASE("integer-only training: NITI's three ways to round what a shift takes off") {
  CHECK(bits_of(0) == 0);
  CHECK(bits_of(1) == 0);
  CHECK(bits_of(127) == 7);
  CHECK(bits_of(128) == 7);
  CHECK(bits_of(129) == 8);
  const std::int32_t ends[] = {
      std::numeric_limits<std::int32_t>::min(), -1000, -24, -8, -1, 0, 1, 7, 8, 23, 24, 1000,
      std::numeric_limits<std::int32_t>::max()};
  for (const std::int32_t value : ends)
    for (int shift = 1; shift <= 24; ++shift)
      CHECK(shift_to_nearest(value, shift) == std::round(std::ldexp(value, -shift)));

  CHECK(shift_pseudo_stochastic(0b1011'0110, 4) == 0b1011);  // 01 is not above 10
  CHECK(shift_pseudo_stochastic(0b1011'1001, 4) == 0b1100);  // 10 is above 01
  CHECK(shift_pseudo_stochastic(-0b1011'1001, 4) == -0b1100);
  CHECK(shift_pseudo_stochastic(0b101'111, 3) == 0b110);  // 11 is above 1, doubled
  CHECK(shift_pseudo_stochastic(0b101'101, 3) == 0b101);  // 10 is not
  // Over all that may fall off, both directions are about as frequent as they should be.
  for (int shift = 4; shift <= 12; ++shift) {
    double up = 0;
    const std::int64_t all = std::int64_t{1} << shift;
    for (std::int64_t off = 0; off < all; ++off) up += double(shift_pseudo_stochastic(off, shift));
    CHECK(std::abs(up / double(all) - 0.5) <= std::exp2(-(shift / 2)));
  }
  for (std::int32_t off = 0; off < 16; ++off) {
    int up = 0;
    for (std::uint32_t random = 0; random < 16; ++random)
      up += shift_stochastic(-160 - off, 4, random + 32) == -11;
    CHECK(up == off);
  }
}

TEST_CASE("integer-only training: NITI's softmax is its formula, and nearly one of real numbers") {
  // Numerators are less 1 where the largest is 2^10: that moves a share by 10 / 2^10 at most.
  for (int exponent = -12; exponent <= 1; ++exponent)
    for (std::uint64_t key = 0; key < 40; ++key) {
      const Tensor scores = test::random_codes({10}, mix(key));
      const auto* const codes = scores.data<std::int8_t>();
      std::int32_t shares[10];
      niti_softmax(codes, 10, exponent, shares);
      double numerators[10], sum = 0, exponentials = 0;
      const double most = *std::max_element(codes, codes + 10);
      for (int c = 0; c < 10; ++c) {
        const double below = std::ldexp(codes[c] - most, exponent) * std::log2(std::exp(1.0));
        numerators[c] = std::exp2(std::max(below + 10, 0.0)) - 1;
        sum += numerators[c];
        exponentials += std::exp(std::ldexp(codes[c] - most, exponent));
      }
      for (int c = 0; c < 10; ++c) {
        const double truth = std::exp(std::ldexp(codes[c] - most, exponent)) / exponentials;
        CHECK(std::abs(shares[c] / 2048.0 - truth) < (exponent <= -7 ? 0.02 : 0.011));
        if (exponent > -7) {
          CHECK(std::abs(shares[c] - 2048 * numerators[c] / sum) < 1.3);  // cut off, not rounded
        }
      }
    }
}

TEST_CASE("integer-only training: NITI's error of the scores points from the label to the others") {
  NitiTensor scores = codes_of({64, 10}, 4), error;
  scores.exponent = -5;
  std::vector<std::int32_t> labels;
  for (std::int32_t i = 0; i < 64; ++i) labels.push_back(i % 10);
  niti_cross_entropy_error(scores, labels, 7, error);
  for (std::int64_t i = 0; i < 64; ++i) {
    int sum = 0;
    for (std::int64_t c = 0; c < 10; ++c) {
      const std::int8_t code = error.codes.data<std::int8_t>()[10 * i + c];
      CHECK((c == i % 10 ? code <= 0 : code >= 0));
      sum += code;
    }
    CHECK(std::abs(sum) <= 10);  // one rounding each
  }
}

TEST_CASE("integer-only training: NITI's products are the sums of the plain loops") {
  const std::int64_t n = 5, size = 7, c = 3, k = 4;
  NitiConvolution layer(c, k, 3, 1, 9);
  const Tensor weight = *layer.weight();
  const NitiTensor input = codes_of({n, size, size, c}, 1), error = codes_of({n, size, size, k}, 2);
  const auto a = [&](std::int64_t i, std::int64_t y, std::int64_t x, std::int64_t channel) {
    if (y < 0 || y >= size || x < 0 || x >= size) return 0;
    return int(input.codes.data<std::int8_t>()[((i * size + y) * size + x) * c + channel]);
  };
  layer.forward(input, {});
  layer.backward(error, {.mu = 0}, true);
  for (std::int64_t f = 0; f < k; ++f)
    for (std::int64_t kh = 0; kh < 3; ++kh)
      for (std::int64_t kw = 0; kw < 3; ++kw)
        for (std::int64_t channel = 0; channel < c; ++channel) {
          std::int64_t sum = 0;
          for (std::int64_t i = 0; i < n; ++i)
            for (std::int64_t y = 0; y < size; ++y)
              for (std::int64_t x = 0; x < size; ++x)
                sum += error.codes.data<std::int8_t>()[((i * size + y) * size + x) * k + f] *
                       a(i, y + kh - 1, x + kw - 1, channel);
          CHECK(layer.gradient()[static_cast<std::size_t>(((f * 3 + kh) * 3 + kw) * c + channel)] ==
                sum);
        }
  // One bit of the gradient: no weight moves by more than one.
  for (std::int64_t i = 0; i < weight.elements(); ++i)
    CHECK(std::abs(layer.weight()->data<std::int8_t>()[i] - weight.data<std::int8_t>()[i]) <= 1);
}

TEST_CASE("integer-only training: sums become codes of seven bits and an exponent") {
  NitiSums sums;
  const std::int32_t values[] = {-1000, 999, 8, 3, 0, 130};
  sums.take({2, 3})(0, 2, values);
  NitiTensor codes;
  sums.encode(-9, codes);
  CHECK(codes.exponent == -6);  // 1000 takes 10 bits
  const std::int8_t expected[] = {-125, 125, 1, 0, 0, 16};
  for (int i = 0; i < 6; ++i) CHECK(codes.codes.data<std::int8_t>()[i] == expected[i]);
}

TEST_CASE("integer-only training: NITI learns, within -127 .. 127, whatever the threads") {
  const Dataset pictures = make_strokes(600, 1, Split::train);
  const PixelCodes pixels(measure_normalization(pictures));
  NitiNetwork one = [&] {
    const Threads alone(1);
    return niti_after(pictures, pixels, 5);
  }();
  const Threads several(3);
  CHECK(niti_after(pictures, pixels, 5).state_hash() == one.state_hash());
  CHECK(share_wrong(one, pixels, pictures) < 0.3);
  for (const auto& layer : one.layers())
    if (const Tensor* weight = layer->weight())
      CHECK(*std::min_element(weight->data<std::int8_t>(),
                              weight->data<std::int8_t>() + weight->elements()) >= -127);
}
