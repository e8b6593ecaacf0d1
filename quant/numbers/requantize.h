// From the int32 sums of a product, or from codes, to the codes that flow on:
//   v    = factor[k] * x  +  factor'[k] * x'  +  factor''[k] * x''  +  offset[k]
//   code = clip(round(v + zero_point), least, most)
// in units of the result's scale; k is the channel, each product and each sum is rounded to float32
// in this order on every instruction set. Stochastic rounding adds a number from (-1/2, 1/2), a
// multiple of 2^-16 from a hash of (key, index), before it rounds to the nearest code.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace octet {

/// Values for each channel, repeated so that the kernels run over rows of channels as if they were
/// one: `period` values, a multiple of the channels and of 16.
class Columns {
 public:
  /// One value a channel, or one for all.
  void set(std::int64_t channels, std::span<const float> values);
  const float* data() const { return values_.data(); }
  std::int64_t period() const { return static_cast<std::int64_t>(values_.size()); }
  static std::int64_t period_of(std::int64_t channels);

 private:
  std::vector<float> values_;
};

/// Codes that are added to the first operand.
struct CodeTerm {
  const void* codes = nullptr;  ///< null: no such term
  bool is_unsigned = false;
  const float* factor = nullptr;  ///< `period` values
};

struct Requantization {
  std::int64_t period = 16;
  const float* factor = nullptr;  ///< of the first operand, `period` values
  CodeTerm terms[2] = {};
  const float* offset = nullptr;       ///< `period` values; null: none
  const std::uint8_t* mask = nullptr;  ///< where this code is 0 the result is 0; null: nowhere
  std::uint8_t stop_code = 0;          ///< where the mask's code is this one, not 0, too
  float zero_point = 0;                ///< added last: the code of the real 0
  float least = -127, most = 127;      ///< codes
  /// Of a least of 0: v below this, 0 or less, is as good as this, in Tally::most and as clipped.
  float lowest = 0;
  bool stochastic = false;
  std::uint64_t key = 0;
  bool metered = false;  ///< count clipped and underflowed codes
};

/// What was seen of the values; adding up in any order gives the same.
struct Tally {
  float most =
      0;  ///< largest magnitude of v (of the larger of v and lowest where least is 0), in codes
  std::int64_t clipped = 0, underflowed = 0, counted = 0;
  void add(const Tally& other);
};

/// `count` values that begin with a channel 0. The sources may be int32 sums, int8 or uint8 codes.
void requantize(const std::int32_t* x, std::int64_t count, const Requantization& how,
                std::int8_t* codes, Tally& tally);
void requantize(const std::int32_t* x, std::int64_t count, const Requantization& how,
                std::uint8_t* codes, Tally& tally);
void requantize(const std::int8_t* x, std::int64_t count, const Requantization& how,
                std::int8_t* codes, Tally& tally);
void requantize(const std::int8_t* x, std::int64_t count, const Requantization& how,
                std::uint8_t* codes, Tally& tally);
void requantize(const std::uint8_t* x, std::int64_t count, const Requantization& how,
                std::int8_t* codes, Tally& tally);
void requantize(const std::uint8_t* x, std::int64_t count, const Requantization& how,
                std::uint8_t* codes, Tally& tally);

/// most[k] = max(most[k], |factor[k] * x + offset[k]|) over `rows` rows of `channels`; plain
/// arrays, one value a channel; `offset` may be null.
void channel_absmax(const std::int32_t* x, std::int64_t rows, std::int64_t channels,
                    const float* factor, const float* offset, float* most);

/// sums[k] += e[k], products[k] += e[k] * y[k] over `rows` rows of `channels` codes. With e = y the
/// first two moments. At most 2^15 rows a call.
void code_moments(const std::int8_t* e, const std::int8_t* y, std::int64_t rows,
                  std::int64_t channels, std::int64_t* sums, std::int64_t* products);
void code_moments(const std::int8_t* e, const std::uint8_t* y, std::int64_t rows,
                  std::int64_t channels, std::int64_t* sums, std::int64_t* products);
void code_moments(const std::uint8_t* e, const std::uint8_t* y, std::int64_t rows,
                  std::int64_t channels, std::int64_t* sums, std::int64_t* products);

}  // namespace octet
