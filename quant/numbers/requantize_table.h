// The variants of requantize for the instruction sets, and how one is found.
#pragma once

#include <cstdint>

#include "quant/numbers/requantize.h"

#define OCTET_INLINE [[gnu::always_inline]] inline

namespace octet::requantizers {

template <class X, class Code>
using Function = void (*)(const X*, std::int64_t, const Requantization&, Code*, Tally&);

/// A function for each pair of source and result.
struct Table {
  Function<std::int32_t, std::int8_t> sums_to_int8;
  Function<std::int32_t, std::uint8_t> sums_to_uint8;
  Function<std::int8_t, std::int8_t> int8_to_int8;
  Function<std::int8_t, std::uint8_t> int8_to_uint8;
  Function<std::uint8_t, std::int8_t> uint8_to_int8;
  Function<std::uint8_t, std::uint8_t> uint8_to_uint8;
  auto of(const std::int32_t*, std::int8_t*) const { return sums_to_int8; }
  auto of(const std::int32_t*, std::uint8_t*) const { return sums_to_uint8; }
  auto of(const std::int8_t*, std::int8_t*) const { return int8_to_int8; }
  auto of(const std::int8_t*, std::uint8_t*) const { return int8_to_uint8; }
  auto of(const std::uint8_t*, std::int8_t*) const { return uint8_to_int8; }
  auto of(const std::uint8_t*, std::uint8_t*) const { return uint8_to_uint8; }
};

/// Null where the CPU, or ONEDNN_MAX_CPU_ISA, does not have the instruction set.
const Table* avx512();
const Table* avx2();
const Table& plain();

}  // namespace octet::requantizers
