// The loop of requantize, written once over 16 lanes; a file for each instruction set gives the
// lanes (struct L: Floats, Ints and the operations below) and includes this under its own target.
// Every operation is one IEEE operation a lane, so that all of them give the same bits.
#pragma once

#include "quant/numbers/requantize_table.h"

namespace octet::requantizers {

/// What a run of vectors has seen, lane by lane.
template <class L>
struct Counts {
  typename L::Floats most;
  typename L::Ints clipped, underflowed;
};

template <class L>
OCTET_INLINE typename L::Floats load_term(const CodeTerm& term, std::int64_t i) {
  const auto* bytes = static_cast<const std::uint8_t*>(term.codes) + i;
  return term.is_unsigned ? L::load(bytes) : L::load(reinterpret_cast<const std::int8_t*>(bytes));
}

// 16 values; sources and results at i, factors at `column`.
template <class L, bool stochastic, bool metered, class X, class Code>
OCTET_INLINE void step(const X* x, const Requantization& how, std::int64_t i, std::int64_t column,
                       typename L::Floats noise, Code* codes, Counts<L>& counts) {
  typename L::Floats v = L::multiply(L::load(how.factor + column), L::load(x + i));
  for (const CodeTerm& term : how.terms)
    if (term.codes)
      v = L::add(v, L::multiply(L::load(term.factor + column), load_term<L>(term, i)));
  if (how.offset) v = L::add(v, L::load(how.offset + column));
  if (how.mask) v = L::keep_where_set(v, how.mask + i);
  if (how.stop_code) v = L::drop_where(v, how.mask + i, how.stop_code);
  const typename L::Floats size =
      L::magnitude(how.least < 0 ? v : L::larger(v, L::broadcast(how.lowest)));
  counts.most = L::larger(size, counts.most);
  typename L::Floats rounded = v;
  if constexpr (stochastic) rounded = L::add(rounded, noise);
  if (how.zero_point != 0) rounded = L::add(rounded, L::broadcast(how.zero_point));
  rounded = L::smaller(L::larger(rounded, L::broadcast(how.least)), L::broadcast(how.most));
  const typename L::Ints integers = L::round(rounded);
  L::store(integers, codes + i);
  if constexpr (metered) {
    // Of a zero point: the side that reaches further has the larger magnitudes.
    const float reach = how.most - how.zero_point;
    counts.clipped = L::count_above(counts.clipped, size,
                                    (reach > how.zero_point ? reach : how.zero_point) + 0.5f);
    counts.underflowed =
        L::count_lost(counts.underflowed, size, integers, static_cast<int>(how.zero_point));
  }
}

// 16 numbers in (-1/2, 1/2) for values i .. i + 15: two vectors share 16 hashes, the first takes
// the low halves of their bits, the second the high ones.
template <class L>
OCTET_INLINE typename L::Floats noise_at(std::uint64_t key, std::int64_t i,
                                         typename L::Ints& hashes) {
  if ((i & 16) != 0) return L::noise(L::high_half(hashes));
  hashes = L::random(key, static_cast<std::uint32_t>(i / 2));
  return L::noise(L::low_half(hashes));
}

template <class L, bool stochastic, bool metered, class X, class Code>
OCTET_INLINE void run(const X* x, std::int64_t count, const Requantization& given, Code* codes,
                      Tally& tally) {
  const Requantization how = given;  // the stores cannot alias a copy
  Counts<L> counts{L::zero(), L::no_count(), L::no_count()};
  typename L::Ints hashes = L::no_count();
  typename L::Floats noise = L::zero();
  std::int64_t column = 0, i = 0;
  for (; i + 16 <= count; i += 16) {
    if constexpr (stochastic) noise = noise_at<L>(how.key, i, hashes);
    step<L, stochastic, metered>(x, how, i, column, noise, codes, counts);
    column += 16;
    if (column == how.period) column = 0;
  }
  if (i < count) {
    // The rest in copies filled up with zeros; the mask keeps offsets from being seen there.
    X xs[16] = {};
    std::uint8_t codes_of_terms[2][16] = {}, mask[16] = {};
    Code out[16];
    Requantization rest = how;
    for (std::int64_t lane = 0; i + lane < count; ++lane) {
      xs[lane] = x[i + lane];
      mask[lane] = how.mask ? how.mask[i + lane] : std::uint8_t{1};
      for (int t = 0; t < 2; ++t)
        if (how.terms[t].codes)
          codes_of_terms[t][lane] = static_cast<const std::uint8_t*>(how.terms[t].codes)[i + lane];
    }
    rest.mask = mask;
    for (int t = 0; t < 2; ++t)
      if (how.terms[t].codes) rest.terms[t].codes = codes_of_terms[t];
    if constexpr (stochastic) noise = noise_at<L>(how.key, i, hashes);
    step<L, stochastic, metered>(xs, rest, 0, column, noise, out, counts);
    for (std::int64_t lane = 0; i + lane < count; ++lane) codes[i + lane] = out[lane];
  }
  const float most = L::largest(counts.most);
  if (most > tally.most) tally.most = most;
  if constexpr (metered) {
    tally.clipped += L::sum(counts.clipped);
    tally.underflowed += L::sum(counts.underflowed);
    tally.counted += count;
  }
}

template <class L, class X, class Code>
OCTET_INLINE void choose(const X* x, std::int64_t count, const Requantization& how, Code* codes,
                         Tally& tally) {
  if (how.stochastic && how.metered) return run<L, true, true>(x, count, how, codes, tally);
  if (how.stochastic) return run<L, true, false>(x, count, how, codes, tally);
  if (how.metered) return run<L, false, true>(x, count, how, codes, tally);
  run<L, false, false>(x, count, how, codes, tally);
}

}  // namespace octet::requantizers
