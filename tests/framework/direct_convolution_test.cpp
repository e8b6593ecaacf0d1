#include "framework/direct_convolution.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "framework/reference.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

void check_sums(const Shape& shape, std::int64_t filters, const Window& window,
                bool extreme = false) {
  const Shape weight_shape{filters, window.kernel_h, window.kernel_w, shape[3]};
  // uint8 with and without a zero point: sum w (x - z) is the sum with x less z times that with 1.
  for (const auto& [element, zero_point] :
       {std::pair{Element::uint8, 0}, {Element::int8, 0}, {Element::uint8, 137}}) {
    CAPTURE(zero_point);
    CAPTURE(shape[2]);
    CAPTURE(shape[3]);
    CAPTURE(filters);
    CAPTURE(window.kernel_w);
    CAPTURE(window.stride);
    const auto codes = extreme ? extreme_codes : random_codes;
    const Tensor input = codes(shape, 1, element);
    const Tensor weight = codes(weight_shape, 2, Element::int8);
    Tensor truth;
    reference::convolution(input, weight, window, truth);
    if (zero_point != 0) {
      Tensor ones(shape, Element::uint8), of_ones;
      std::memset(ones.raw(), 1, ones.bytes());
      reference::convolution(ones, weight, window, of_ones);
      for (std::int64_t i = 0; i < truth.elements(); ++i)
        truth.data<std::int32_t>()[i] -= zero_point * of_ones.data<std::int32_t>()[i];
    }
    direct_convolution::Weights packed;
    packed.pack(random_codes({40, 3, 3, 8}, 3), Element::int8);  // is forgotten
    packed.pack(weight, element, zero_point);
    // Guards on both sides of the sums: nothing may be written there.
    constexpr std::int64_t guard = 64;
    Tensor sums({truth.elements() + 2 * guard}, Element::int32);
    std::memset(sums.raw(), 0x5a, sums.bytes());
    auto* const begin = sums.data<std::int32_t>() + guard;
    // On a thread of its own, whose copy of the input is no larger than it must be: a sanitizer
    // then sees what is read beyond.
    std::thread([&] { direct_convolution::run(packed, input.raw(), shape, window, begin); }).join();
    CHECK(std::memcmp(begin, truth.raw(), truth.bytes()) == 0);
    for (std::int64_t i = 0; i < guard; ++i) {
      REQUIRE(begin[i - guard] == 0x5a5a5a5a);
      REQUIRE(begin[truth.elements() + i] == 0x5a5a5a5a);
    }
  }
}

}  // namespace

TEST_CASE("products: the direct convolution gives the plain loops' sums") {
  if (!direct_convolution::available()) return;
  const Window same{3, 3, 1, 1, 1, 1, 1, 1};
  SUBCASE("every number of positions and of filter vectors") {
    for (std::int64_t width = 1; width <= 33; ++width)
      for (const std::int64_t filters : {1, 16, 17, 32, 47, 64, 80})
        check_sums({1, 3, width, 3}, filters, same);
  }
  SUBCASE("rows of bytes that do not fill their last four") {
    for (const std::int64_t channels : {1, 2, 3, 4, 5, 6, 7, 9, 33})
      for (const std::int64_t kernel : {1, 2, 5})
        check_sums({2, 6, 7, channels}, 20, {.kernel_h = kernel, .kernel_w = kernel});
  }
  SUBCASE("strides") {
    for (const std::int64_t stride : {2, 3})
      for (const std::int64_t kernel : {1, 3})
        check_sums({3, 11, 10, 16}, 24, {kernel, kernel, stride, 0, 0, 0, 0, 1});
    check_sums({3, 9, 9, 16}, 24, {3, 3, 2, 1, 1, 1, 1, 1});
  }
  SUBCASE("padding on any side, wider than the kernel") {
    check_sums({2, 5, 5, 6}, 18, {3, 3, 1, 2, 0, 0, 1, 1});
    check_sums({2, 5, 5, 6}, 18, {2, 3, 1, 0, 3, 4, 0, 1});
    check_sums({2, 2, 2, 6}, 18, {2, 2, 1, 5, 5, 5, 5, 1});
    check_sums({2, 8, 8, 50}, 20, {5, 5, 1, 4, 4, 4, 4, 1});
  }
  SUBCASE("a kernel that reaches over both edges") {
    check_sums({2, 2, 3, 5}, 20, {5, 5, 1, 2, 2, 2, 2, 1});
  }
  SUBCASE("blocks of filters, the last one not full; sums beyond 2^24") {
    for (const std::int64_t filters : {71, 130}) {
      check_sums({2, 5, 9, 12}, filters, same);
      check_sums({1, 4, 5, 600}, filters, same, true);
    }
  }
  SUBCASE("kernels that are not square") {
    check_sums({2, 7, 9, 4}, 10, {1, 5, 1, 0, 0, 2, 2, 1});
    check_sums({2, 9, 7, 4}, 10, {4, 1, 1, 0, 0, 0, 0, 1});
  }
}

TEST_CASE("products: the direct convolution knows what it cannot take") {
  CHECK(direct_convolution::fits({3, 3, 1, 1, 1, 1, 1, 1}));
  CHECK_FALSE(direct_convolution::fits({3, 3, 1, 1, 1, 1, 1, 2}));
  CHECK_FALSE(direct_convolution::fits({.pad_right = -1}));
}

TEST_CASE("products: the direct convolution's codes are those of its sums") {
  if (!direct_convolution::available()) return;
  const Window windows[] = {{3, 3, 1, 1, 1, 1, 1, 1}, {3, 3, 2, 1, 1, 1, 1, 1}, {}};
  for (const Window& window : windows)
    for (const std::int64_t filters : {3, 16, 50, 64, 130}) {
      const Shape shape{3, 9, 7, 5};
      const Tensor input = random_codes(shape, 1, Element::uint8);
      const Tensor weight = random_codes({filters, window.kernel_h, window.kernel_w, 5}, 2);
      direct_convolution::Weights packed;
      packed.pack(weight, Element::uint8);
      Tensor sums(convolution_shape(shape, weight.shape(), window), Element::int32);
      direct_convolution::run(packed, input.raw(), shape, window, sums.data<std::int32_t>());
      const auto padded = static_cast<std::size_t>((filters + 15) / 16 * 16);
      direct_convolution::CodeOutput output{.bias = std::vector<std::int32_t>(padded),
                                            .factors = std::vector<double>(padded),
                                            .zero_point = 30,
                                            .least = 30};
      for (std::size_t k = 0; k < static_cast<std::size_t>(filters); ++k) {
        output.bias[k] = static_cast<std::int32_t>(k) * 100 - 3000;
        output.factors[k] = 0.001 * static_cast<double>(k % 5 + 1);
      }
      const std::int64_t lines = direct_convolution::output_lines(shape, window);
      constexpr std::int64_t guard = 64;
      std::vector<std::uint8_t> codes(static_cast<std::size_t>(sums.elements() + guard), 0x5a);
      // In parts, which must not touch each other.
      for (std::int64_t b = 0; b < packed.blocks(); ++b)
        for (std::int64_t y = 0; y < lines; y += 2)
          direct_convolution::run_to_codes(packed, output, input.data<std::uint8_t>(), shape,
                                           window, {b, b + 1, y, std::min(lines, y + 2)},
                                           codes.data());
      for (std::int64_t i = 0; i < sums.elements(); ++i) {
        const auto k = static_cast<std::size_t>(i % filters);
        const double real =
            static_cast<double>(sums.data<std::int32_t>()[i] + output.bias[k]) * output.factors[k];
        REQUIRE(static_cast<double>(codes[static_cast<std::size_t>(i)]) ==
                std::clamp(std::nearbyint(real) + 30, 30.0, 255.0));
      }
      for (std::size_t i = static_cast<std::size_t>(sums.elements()); i < codes.size(); ++i)
        REQUIRE(codes[i] == 0x5a);
    }
}
