// requantize without any instruction set's own vectors: the compiler's for the baseline.
#include "framework/random.h"
#include "quant/numbers/requantize_kernel.h"

namespace octet::requantizers {
namespace {

struct Lanes {
  struct Floats {
    float lane[16];
  };
  struct Ints {
    std::int32_t lane[16];
  };
  template <class Body>
  static Floats each(const Body& body) {
    Floats v;
    for (int i = 0; i < 16; ++i) v.lane[i] = body(i);
    return v;
  }
  template <class Body>
  static Ints each_int(const Body& body) {
    Ints v;
    for (int i = 0; i < 16; ++i) v.lane[i] = body(i);
    return v;
  }
  template <class T>
  static Floats load(const T* from) {
    return each([=](int i) { return static_cast<float>(from[i]); });
  }
  static Floats zero() { return {}; }
  static Ints no_count() { return {}; }
  static Floats broadcast(float x) {
    return each([=](int) { return x; });
  }
  static Floats multiply(const Floats& a, const Floats& b) {
    return each([&](int i) { return a.lane[i] * b.lane[i]; });
  }
  static Floats add(const Floats& a, const Floats& b) {
    return each([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static Floats larger(const Floats& a, const Floats& b) {
    return each([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static Floats smaller(const Floats& a, const Floats& b) {
    return each([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static Floats magnitude(const Floats& a) {
    return each([&](int i) { return a.lane[i] < 0 ? -a.lane[i] : a.lane[i]; });
  }
  static Floats keep_where_set(const Floats& a, const std::uint8_t* mask) {
    return each([&](int i) { return mask[i] ? a.lane[i] : 0.0f; });
  }
  static Floats drop_where(const Floats& a, const std::uint8_t* mask, std::uint8_t code) {
    return each([&](int i) { return mask[i] == code ? 0.0f : a.lane[i]; });
  }
  // Adding and taking away 1.5 * 2^23 rounds to the nearest integer, ties to even.
  static Ints round(const Floats& a) {
    return each_int(
        [&](int i) { return static_cast<std::int32_t>((a.lane[i] + 12582912.0f) - 12582912.0f); });
  }
  template <class Code>
  static void store(const Ints& a, Code* to) {
    for (int i = 0; i < 16; ++i) to[i] = static_cast<Code>(a.lane[i]);
  }
  static Ints random(std::uint64_t key, std::uint32_t first) {
    return each_int([=](int i) {
      return static_cast<std::int32_t>(random_bits(key, first + static_cast<std::uint32_t>(i)));
    });
  }
  static Ints low_half(const Ints& a) {
    return each_int([&](int i) { return std::int32_t{static_cast<std::int16_t>(a.lane[i])}; });
  }
  static Ints high_half(const Ints& a) {
    return each_int([&](int i) { return a.lane[i] >> 16; });
  }
  static Floats noise(const Ints& a) {
    return each([&](int i) { return static_cast<float>(a.lane[i]) * 0x1p-16f + 0x1p-17f; });
  }
  static Ints count_above(const Ints& counts, const Floats& size, float limit) {
    return each_int([&](int i) { return counts.lane[i] + (size.lane[i] > limit ? 1 : 0); });
  }
  static Ints count_lost(const Ints& counts, const Floats& size, const Ints& codes, int zero) {
    return each_int([&](int i) {
      return counts.lane[i] + (size.lane[i] > 0 && codes.lane[i] == zero ? 1 : 0);
    });
  }
  static float largest(const Floats& a) {
    float most = 0;
    for (const float x : a.lane) most = x > most ? x : most;
    return most;
  }
  static std::int64_t sum(const Ints& a) {
    std::int64_t total = 0;
    for (const std::int32_t x : a.lane) total += x;
    return total;
  }
};

template <class X, class Code>
void entry(const X* x, std::int64_t count, const Requantization& how, Code* codes, Tally& tally) {
  choose<Lanes>(x, count, how, codes, tally);
}

}  // namespace

const Table& plain() {
  static const Table functions = {entry, entry, entry, entry, entry, entry};
  return functions;
}

}  // namespace octet::requantizers
