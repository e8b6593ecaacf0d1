// The loops of a kernel on registers. The file that includes this defines OCTET_TARGET, the
// attributes of functions for its instruction set, and passes Ops:
//   Sums, Codes, Errors       what is held in registers
//   lanes                     filters of a Sums
//   accumulators, most_rows   how many Sums, and offsets, registers can hold
//   zero, load, store         of Sums
//   codes, errors             from memory: four codes for all lanes, four errors for each lane
//   dot(sums, codes, errors)  sums + the products of four positions
// Everything has internal linkage: each instruction set has its own copy.
#include <cstdint>

#include "framework/weight_gradient/kernel.h"

namespace octet::weight_gradient {
namespace {

// `offsets` by `taps` rows times `vectors` of filters, over all positions of the sweep.
template <class Ops, int offsets, int taps, int vectors>
OCTET_TARGET void multiply_tile(const Sweep& sweep, const std::int64_t* at, std::int32_t* sums) {
  typename Ops::Sums acc[offsets][taps][vectors];
  const std::int64_t filters = sweep.vectors * 16;
#pragma GCC unroll 16
  for (int p = 0; p < offsets; ++p)
#pragma GCC unroll 8
    for (int t = 0; t < taps; ++t)
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v)
        acc[p][t][v] = sweep.fresh
                           ? Ops::zero()
                           : Ops::load(sums + (p * sweep.row_step + t) * filters + v * Ops::lanes);
  const std::uint8_t* plane[offsets];
#pragma GCC unroll 16
  for (int p = 0; p < offsets; ++p) plane[p] = sweep.planes + at[p];
  const std::int8_t* error = sweep.error;
  for (std::int64_t line = 0; line < sweep.lines; ++line) {
    std::int64_t position = sweep.line_starts[line];
    for (std::int64_t group = 0; group < sweep.line_groups; ++group) {
      typename Ops::Errors e[vectors];
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) e[v] = Ops::errors(error + v * Ops::lanes * 4);
#pragma GCC unroll 16
      for (int p = 0; p < offsets; ++p)
#pragma GCC unroll 8
        for (int t = 0; t < taps; ++t) {
          const typename Ops::Codes a = Ops::codes(plane[p] + position + t);
#pragma GCC unroll 4
          for (int v = 0; v < vectors; ++v) acc[p][t][v] = Ops::dot(acc[p][t][v], a, e[v]);
        }
      error += filters * 4;
      position += 4;
    }
  }
#pragma GCC unroll 16
  for (int p = 0; p < offsets; ++p)
#pragma GCC unroll 8
    for (int t = 0; t < taps; ++t)
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v)
        Ops::store(sums + (p * sweep.row_step + t) * filters + v * Ops::lanes, acc[p][t][v]);
}

// All offsets from `first` on, as many at a time as registers hold, then fewer.
template <class Ops, int offsets, int taps, int vectors>
OCTET_TARGET void multiply_rows(const Sweep& sweep, std::int64_t first) {
  for (; sweep.count - first >= offsets; first += offsets)
    multiply_tile<Ops, offsets, taps, vectors>(
        sweep, sweep.offsets + first, sweep.sums + first * sweep.row_step * sweep.vectors * 16);
  if constexpr (offsets > 1) {
    if (first < sweep.count) multiply_rows<Ops, offsets / 2, taps, vectors>(sweep, first);
  }
}

template <class Ops, int taps, int vectors>
OCTET_TARGET void multiply_taps(const Sweep& sweep) {
  constexpr int fit = Ops::accumulators / (taps * vectors);
  constexpr int offsets = fit < 1 ? 1 : fit > Ops::most_rows ? Ops::most_rows : fit;
  multiply_rows<Ops, offsets, taps, vectors>(sweep, 0);
}

template <class Ops, int vectors>
OCTET_TARGET void multiply_vectors(const Sweep& sweep) {
  switch (sweep.taps) {
    case 1:
      return multiply_taps<Ops, 1, vectors>(sweep);
    case 2:
      return multiply_taps<Ops, 2, vectors>(sweep);
    case 3:
      return multiply_taps<Ops, 3, vectors>(sweep);
    default:
      return multiply_taps<Ops, 5, vectors>(sweep);
  }
}

template <class Ops>
OCTET_TARGET void add_error_vectors(const std::int8_t* error, std::int64_t groups,
                                    std::int64_t vectors, std::int32_t* sums) {
  static const std::uint8_t ones[4] = {1, 1, 1, 1};
  const typename Ops::Codes one = Ops::codes(ones);
  const std::int64_t filters = vectors * 16;
  for (std::int64_t k = 0; k < filters; k += Ops::lanes) {
    typename Ops::Sums acc[4] = {Ops::load(sums + k), Ops::zero(), Ops::zero(), Ops::zero()};
    const std::int8_t* from = error + k * 4;
    std::int64_t group = 0;
    for (; group + 4 <= groups; group += 4)
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i, from += filters * 4)
        acc[i] = Ops::dot(acc[i], one, Ops::errors(from));
    for (; group < groups; ++group, from += filters * 4)
      acc[0] = Ops::dot(acc[0], one, Ops::errors(from));
    Ops::store(sums + k, Ops::add(Ops::add(acc[0], acc[1]), Ops::add(acc[2], acc[3])));
  }
}

}  // namespace
}  // namespace octet::weight_gradient
