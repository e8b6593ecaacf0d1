#include "datasets/transforms.h"

#include <doctest/doctest.h>

#include <numeric>
#include <set>

#include "framework/check.h"
#include "framework/random.h"

using namespace octet;

namespace {

using Picture = std::vector<std::uint8_t>;
const Shape shape{4, 5, 3};

Picture numbered() {
  Picture picture(60);
  std::iota(picture.begin(), picture.end(), std::uint8_t{1});
  return picture;
}

Picture changed(const Transform& transform, std::uint64_t key, std::int64_t epoch = 0) {
  Picture picture = numbered();
  transform(shape, picture.data(), {.random = key, .constant = mix(key), .epoch = epoch});
  return picture;
}

Picture shifted(int down, int right) {
  Picture out(60);
  const Picture from = numbered();
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 5; ++x)
      for (int c = 0; c < 3; ++c)
        if (y - down >= 0 && y - down < 4 && x - right >= 0 && x - right < 5)
          out[static_cast<std::size_t>((y * 5 + x) * 3 + c)] =
              from[static_cast<std::size_t>(((y - down) * 5 + x - right) * 3 + c)];
  return out;
}

Picture mirrored() {
  Picture out(60);
  for (std::size_t y = 0; y < 4; ++y)
    for (std::size_t x = 0; x < 5; ++x)
      for (std::size_t c = 0; c < 3; ++c)
        out[(y * 5 + x) * 3 + c] = numbered()[(y * 5 + 4 - x) * 3 + c];
  return out;
}

}  // namespace

TEST_CASE("transforms: translate moves by at most so much and mirrors at the edges") {
  std::set<Picture> allowed, seen;
  const auto inside = [](int at, int size) {
    return at < 0 ? -at : at >= size ? 2 * size - 2 - at : at;
  };
  for (int down = -2; down <= 2; ++down)
    for (int right = -2; right <= 2; ++right) {
      Picture out;
      for (int y = 0; y < 4; ++y)
        for (int x = 0; x < 5; ++x)
          for (int c = 0; c < 3; ++c)
            out.push_back(numbered()[static_cast<std::size_t>(
                (inside(y - down, 4) * 5 + inside(x - right, 5)) * 3 + c)]);
      allowed.insert(out);
    }
  for (std::uint64_t i = 0; i < 1000; ++i) seen.insert(changed(translate(2), mix(i)));
  CHECK(seen == allowed);
  CHECK_THROWS_AS(changed(translate(4), 1), Error);
}

TEST_CASE("transforms: an alternating flip mirrors each picture in every second epoch") {
  int mirrored_first = 0;
  for (std::uint64_t i = 0; i < 400; ++i) {
    const bool first = changed(alternating_flip(), i, 0) == mirrored();
    mirrored_first += first;
    for (std::int64_t epoch = 1; epoch < 5; ++epoch)
      CHECK(changed(alternating_flip(), i, epoch) ==
            ((epoch % 2 == 0) == first ? mirrored() : numbered()));
  }
  CHECK(mirrored_first > 150);
  CHECK(mirrored_first < 250);
}

TEST_CASE("transforms: pad_crop shifts by at most pad and reaches every shift") {
  for (const int pad : {0, 2, 7}) {
    std::set<Picture> allowed, seen;
    for (int down = -pad; down <= pad; ++down)
      for (int right = -pad; right <= pad; ++right) allowed.insert(shifted(down, right));
    for (std::uint64_t i = 0; i < 3000; ++i) seen.insert(changed(pad_crop(pad), mix(i)));
    CHECK(seen == allowed);
  }
  CHECK_THROWS_AS(pad_crop(-1), Error);
}

TEST_CASE("transforms: flip mirrors about half of the pictures") {
  int flipped = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const Picture result = changed(flip(), mix(i));
    CHECK((result == numbered() || result == mirrored()));
    flipped += result == mirrored();
  }
  CHECK(flipped > 900);
  CHECK(flipped < 1100);
}

TEST_CASE("transforms: the key decides") {
  const Transform both = chain({pad_crop(2), flip()});
  for (std::uint64_t i = 0; i < 50; ++i) CHECK(changed(both, i) == changed(both, i));
  CHECK(changed(chain({}), 1) == numbered());
}

TEST_CASE("transforms: a chain draws independently for each of its parts") {
  int identical = 0;
  for (std::uint64_t i = 0; i < 2000; ++i)
    identical += changed(chain({flip(), flip()}), mix(i)) == numbered();
  CHECK(identical > 900);
  CHECK(identical < 1100);
}
