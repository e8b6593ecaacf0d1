#include "quant/numbers/requantize.h"

#include <algorithm>
#include <cmath>

#include "quant/numbers/requantize_table.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

constexpr std::int64_t count = 16 * 40 + 11;  // the last vector is not full
constexpr std::int64_t channels = 5;

// What requantize means, value by value.
struct Meaning {
  std::vector<int> codes;
  Tally tally;
};

int code_of(const CodeTerm& term, std::int64_t i) {
  const auto* bytes = static_cast<const std::uint8_t*>(term.codes);
  return term.is_unsigned ? bytes[i] : static_cast<std::int8_t>(bytes[i]);
}

template <class X>
Meaning meaning(const std::vector<X>& x, const Requantization& how) {
  Meaning result;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(x.size()); ++i) {
    const std::int64_t k = i % how.period;
    float v = how.factor[k] * static_cast<float>(x[static_cast<std::size_t>(i)]);
    for (const CodeTerm& term : how.terms)
      if (term.codes) v += term.factor[k] * static_cast<float>(code_of(term, i));
    if (how.offset) v += how.offset[k];
    if (how.mask && how.mask[i] == 0) v = 0;
    if (how.stop_code && how.mask[i] == how.stop_code) v = 0;
    const float size = how.least < 0 ? std::abs(v) : std::abs(std::max(v, how.lowest));
    result.tally.most = std::max(result.tally.most, size);
    float moved = v;
    if (how.stochastic) {
      const auto hash = random_bits(how.key, static_cast<std::uint32_t>(i / 32 * 16 + i % 16));
      const auto half = static_cast<std::int16_t>(i / 16 % 2 == 0 ? hash : hash >> 16);
      moved += static_cast<float>(half) * 0x1p-16f + 0x1p-17f;
    }
    moved += how.zero_point;
    const auto code = static_cast<int>(std::nearbyint(std::clamp(moved, how.least, how.most)));
    result.codes.push_back(code);
    result.tally.clipped += size > std::max(how.most - how.zero_point, how.zero_point) + 0.5f;
    result.tally.underflowed += size > 0 && code == static_cast<int>(how.zero_point);
    ++result.tally.counted;
  }
  return result;
}

std::vector<const requantizers::Table*> tables() {
  std::vector<const requantizers::Table*> all{&requantizers::plain()};
  for (const auto* table : {requantizers::avx2(), requantizers::avx512()})
    if (table) all.push_back(table);
  return all;
}

template <class X, class Code>
void check_meaning(const std::vector<X>& x, const Requantization& how) {
  const Meaning truth = meaning(x, how);
  for (const requantizers::Table* table : tables()) {
    std::vector<Code> codes(x.size() + 1, Code{77});
    Tally tally;
    table->of(x.data(), codes.data())(x.data(), static_cast<std::int64_t>(x.size()), how,
                                      codes.data(), tally);
    CHECK(std::equal(truth.codes.begin(), truth.codes.end(), codes.begin()));
    CHECK(codes.back() == 77);
    CHECK(tally.most == truth.tally.most);
    if (!how.metered) continue;
    CHECK(tally.clipped == truth.tally.clipped);
    CHECK(tally.underflowed == truth.tally.underflowed);
    CHECK(tally.counted == truth.tally.counted);
  }
}

template <class X>
void check_sources(std::uint64_t key, float scale) {
  std::vector<X> x;
  std::vector<std::uint8_t> first, second, mask;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint32_t bits = random_bits(key, static_cast<std::uint32_t>(i));
    x.push_back(static_cast<X>(static_cast<std::int32_t>(bits) >> 12));
    first.push_back(static_cast<std::uint8_t>(bits >> 3));
    second.push_back(static_cast<std::uint8_t>(bits >> 17));
    mask.push_back(bits % 3 == 0 ? 0 : bits % 5 == 0 ? 127 : static_cast<std::uint8_t>(bits % 250));
  }
  Columns factor, other, offset;
  factor.set(channels, std::vector<float>{scale, -scale, scale / 3, scale * 2, scale / 700});
  other.set(channels, std::vector<float>{0.3f});
  offset.set(channels, std::vector<float>{-3, 0.25f, 11, 0, 0.5f});
  for (int variant = 0; variant < 64; ++variant) {
    CAPTURE(variant);
    Requantization how{.period = factor.period(), .factor = factor.data()};
    if (variant & 1) how.offset = offset.data();
    if (variant & 2) how.mask = mask.data();
    if ((variant & 2) && (variant & 8)) how.stop_code = 127;
    how.stochastic = (variant & 4) != 0;
    how.metered = (variant & 8) != 0;
    if (variant & 16) how.terms[0] = {first.data(), true, other.data()};
    if (variant & 32) how.terms[1] = {second.data(), false, factor.data()};
    how.key = key + 5;
    check_meaning<X, std::int8_t>(x, how);
    how.least = 0;
    how.most = 255;
    check_meaning<X, std::uint8_t>(x, how);
    how.zero_point = 21;
    how.lowest = -20.7f;
    check_meaning<X, std::uint8_t>(x, how);
    how.zero_point = 128;
    how.lowest = -300;
    check_meaning<X, std::uint8_t>(x, how);
  }
}

}  // namespace

TEST_CASE("requantize: every instruction set gives what the plain formula says, bit for bit") {
  check_sources<std::int32_t>(1, 0.0003f);
  check_sources<std::int8_t>(2, 0.9f);
  check_sources<std::uint8_t>(3, 1.1f);
}

TEST_CASE("requantize: stochastic rounding is right on average, and whole codes stay") {
  Columns factor;
  factor.set(1, std::vector<float>{1.0f / 64});
  Requantization how{.period = factor.period(), .factor = factor.data(), .stochastic = true};
  const std::int64_t size = 1 << 16;
  std::vector<std::int32_t> x(static_cast<std::size_t>(size));
  std::vector<std::int8_t> codes(x.size());
  for (const int value : {-640, -300, -1, 0, 1, 17, 32, 63, 64, 200}) {
    CAPTURE(value);
    std::fill(x.begin(), x.end(), value);
    how.key = static_cast<std::uint64_t>(value) * 977;
    Tally tally;
    requantize(x.data(), size, how, codes.data(), tally);
    double mean = 0;
    for (const std::int8_t code : codes) mean += code;
    mean /= static_cast<double>(size);
    // Five standard errors of a coin thrown 2^16 times.
    CHECK(std::abs(mean - value / 64.0) < 5 * 0.5 / 256);
    if (value % 64 == 0) CHECK(mean == value / 64.0);
  }
}

TEST_CASE("requantize: moments of codes are exact sums by channel") {
  for (const std::int64_t k : {1, 3, 16, 20, 64}) {
    CAPTURE(k);
    const std::int64_t rows = 333;
    const Tensor e = random_codes({rows, k}, 4), y = random_codes({rows, k}, 5);
    std::vector<std::int64_t> sums(static_cast<std::size_t>(k), 7), products(sums);
    code_moments(e.data<std::int8_t>(), y.data<std::int8_t>(), rows, k, sums.data(),
                 products.data());
    for (std::int64_t c = 0; c < k; ++c) {
      std::int64_t sum = 7, product = 7;
      for (std::int64_t r = 0; r < rows; ++r) {
        sum += e.data<std::int8_t>()[r * k + c];
        product += e.data<std::int8_t>()[r * k + c] * y.data<std::int8_t>()[r * k + c];
      }
      CHECK(sums[static_cast<std::size_t>(c)] == sum);
      CHECK(products[static_cast<std::size_t>(c)] == product);
    }
  }
}
