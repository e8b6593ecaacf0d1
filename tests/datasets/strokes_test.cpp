#include "datasets/strokes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "framework/parallel.h"
#include "framework/random.h"

using namespace octet;

namespace {

// Softmax regression by plain loops; the share of test pictures it gets right.
class LinearClassifier {
 public:
  void train(const Dataset& set, int epochs) {
    const std::uint64_t key = random_key(1, 2, 3);
    for (int step = 0; step < epochs * set.size(); ++step) {
      const auto i = uniform_below(key, static_cast<std::uint32_t>(step),
                                   static_cast<std::uint32_t>(set.size()));
      std::array<float, 10> errors = scores(set.picture(i));
      const float most = *std::max_element(errors.begin(), errors.end());
      float sum = 0;
      for (float& e : errors) sum += e = std::exp(e - most);
      for (float& e : errors) e /= sum;
      errors[static_cast<std::size_t>(set.labels[i])] -= 1;
      for (std::size_t c = 0; c < 10; ++c)
        for (std::size_t p = 0; p < 784; ++p)
          weights_[c][p] -= 0.005f * errors[c] * static_cast<float>(set.picture(i)[p]) / 255;
    }
  }
  double accuracy(const Dataset& set) const {
    int right = 0;
    for (std::int64_t i = 0; i < set.size(); ++i) {
      const std::array<float, 10> s = scores(set.picture(i));
      right += std::max_element(s.begin(), s.end()) - s.begin() ==
               set.labels[static_cast<std::size_t>(i)];
    }
    return right / static_cast<double>(set.size());
  }

 private:
  std::array<float, 10> scores(const std::uint8_t* picture) const {
    std::array<float, 10> result{};
    for (std::size_t c = 0; c < 10; ++c)
      for (std::size_t p = 0; p < 784; ++p)
        result[c] += weights_[c][p] * static_cast<float>(picture[p]) / 255;
    return result;
  }
  std::array<std::array<float, 784>, 10> weights_{};
};

}  // namespace

TEST_CASE("strokes: a picture depends on seed, split and index only") {
  set_threads(1);
  const Dataset few = make_strokes(70, 5, Split::train);
  set_threads(4);
  const Dataset many = make_strokes(700, 5, Split::train);
  set_threads(available_processors());
  CHECK(std::equal(few.pixels.begin(), few.pixels.end(), many.pixels.begin()));
  CHECK(make_strokes(70, 5, Split::test).pixels != few.pixels);
  CHECK(make_strokes(70, 6, Split::train).pixels != few.pixels);
  CHECK(make_strokes(0, 5, Split::train).size() == 0);
}

TEST_CASE("strokes: balanced, and no two pictures alike") {
  const Dataset set = make_strokes(1000, 0, Split::train);
  CHECK(set.image == Shape{28, 28, 1});
  CHECK(set.classes.size() == 10);
  CHECK(set.classes[7] == "7");
  for (int digit = 0; digit < 10; ++digit)
    CHECK(std::count(set.labels.begin(), set.labels.end(), digit) == 100);
  std::vector<std::vector<std::uint8_t>> pictures;
  for (std::int64_t i = 0; i < set.size(); ++i)
    pictures.emplace_back(set.picture(i), set.picture(i + 1));
  std::sort(pictures.begin(), pictures.end());
  CHECK(std::adjacent_find(pictures.begin(), pictures.end()) == pictures.end());
}

TEST_CASE("strokes: every digit has ink in the middle, and not only ink") {
  const Dataset set = make_strokes(500, 3, Split::test);
  for (std::int64_t i = 0; i < set.size(); ++i) {
    int bright = 0;
    for (int y = 5; y < 23; ++y)
      for (int x = 5; x < 23; ++x) bright += set.picture(i)[y * 28 + x] > 100;
    CHECK(bright > 10);
    CHECK(bright < 200);
  }
}

TEST_CASE("strokes: too hard for a linear classifier, but not hopeless") {
  LinearClassifier classifier;
  classifier.train(make_strokes(5000, 0, Split::train), 4);
  const double accuracy = classifier.accuracy(make_strokes(2000, 0, Split::test));
  MESSAGE("linear classifier: ", accuracy);
  CHECK(accuracy > 0.60);
  CHECK(accuracy < 0.93);
}
