// Small integer arithmetic that many files need.
#pragma once

#include <cstdint>

namespace octet {

/// a / b rounded up, for a >= 0 and b > 0.
constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace octet
