#include "quant/compression/codebook_values.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "framework/check.h"

namespace octet {
namespace {

constexpr std::uint8_t codes_form = 0;
constexpr int largest_code = 127;

// A value that is no such code is told from the others by its bits.
std::int8_t code_of(std::uint32_t value, float scale) {
  const float code = std::nearbyint(std::bit_cast<float>(value) / scale);
  if (!(std::abs(code) <= largest_code)) return 0;
  return static_cast<std::int8_t>(code);
}
std::uint32_t value_of(std::int8_t code, float scale) {
  return std::bit_cast<std::uint32_t>(static_cast<float>(code) * scale);
}

// The scale under which all values are codes; 0 where there is none.
float find_scale(const std::vector<std::uint32_t>& values) {
  float smallest = std::numeric_limits<float>::infinity();
  for (const std::uint32_t value : values)
    smallest = std::min(smallest, std::abs(std::bit_cast<float>(value)));
  for (int k = 1; k <= largest_code; ++k) {
    const float scale = smallest / static_cast<float>(k);
    if (!std::isnormal(scale)) return 0;
    if (std::all_of(values.begin(), values.end(), [&](std::uint32_t value) {
          return value_of(code_of(value, scale), scale) == value;
        }))
      return scale;
  }
  return 0;
}

// Of a value, from the top; the rest of every value is zero.
std::size_t top_bytes(const std::vector<std::uint32_t>& values) {
  std::uint32_t used = 0;
  for (const std::uint32_t value : values) used |= value;
  return static_cast<std::size_t>(4 - std::min(3, std::countr_zero(used) / 8));
}

struct Form {
  std::size_t top = 4;
  float scale = 0;  // not 0: codes
};

Form form_of(const std::vector<std::uint32_t>& values) {
  Form form{.top = top_bytes(values)};
  if (sizeof form.scale + values.size() < form.top * values.size()) form.scale = find_scale(values);
  return form;
}

}  // namespace

void put_values(Bytes& bytes, const std::vector<std::uint32_t>& values) {
  if (values.empty()) return;
  const Form form = form_of(values);
  if (form.scale != 0) {
    bytes.push_back(codes_form);
    put_bytes(bytes, &form.scale, sizeof form.scale);
    for (const std::uint32_t value : values)
      bytes.push_back(static_cast<std::uint8_t>(code_of(value, form.scale)));
    return;
  }
  bytes.push_back(static_cast<std::uint8_t>(form.top));
  for (const std::uint32_t value : values)
    put_bytes(bytes, reinterpret_cast<const std::uint8_t*>(&value) + (4 - form.top), form.top);
}

std::vector<std::uint32_t> get_values(ByteReader& reader, std::size_t count) {
  if (count == 0) return {};
  const std::string& source = reader.source();
  const std::size_t form = reader.byte();
  check(form <= 4, Failure::data, source, ": expected values of 1 to 4 bytes or codes, got form ",
        form);
  std::vector<std::uint32_t> values;
  if (form == codes_form) {
    float scale;
    std::memcpy(&scale, reader.take(sizeof scale), sizeof scale);
    check(std::isnormal(scale) && scale > 0, Failure::data, source,
          ": expected a scale of values above zero, got ", scale);
    const std::uint8_t* const codes = reader.take(count);
    values.resize(count);
    for (std::size_t i = 0; i < count; ++i)
      values[i] = value_of(static_cast<std::int8_t>(codes[i]), scale);
  } else {
    const std::uint8_t* const tops = reader.take(form * count);
    values.resize(count);
    for (std::size_t i = 0; i < count; ++i)
      std::memcpy(reinterpret_cast<std::uint8_t*>(&values[i]) + (4 - form), tops + i * form, form);
  }
  check(std::find(values.begin(), values.end(), 0u) == values.end(), Failure::data, source,
        ": expected no zero in the codebook");
  return values;
}

}  // namespace octet
