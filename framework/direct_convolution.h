// Convolutions of 8-bit codes by a kernel of our own, for CPUs with AVX512-VNNI: filters lie in
// vectors of 16, one instruction multiplies four neighbouring input bytes with them. It needs no
// input channels in multiples of anything, since a kernel row's pixels are one run of bytes, and
// takes no products with rows of padding; that is where oneDNN's kernels lose time.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/tensor.h"
#include "framework/window.h"

namespace octet::direct_convolution {

/// Whether the CPU has the instructions and ONEDNN_MAX_CPU_ISA allows them.
bool available();

/// Whether the kernel can take such a window: one group, no negative padding.
bool fits(const Window& window);

/// Whether it is expected to be faster than oneDNN on this CPU.
bool pays(const Shape& input, const Window& window);

/// int8 weights in the order in which the kernel reads them.
class Weights {
 public:
  /// `weight`: int8, K x KH x KW x C; `input`: int8 or uint8, the codes that they will multiply.
  /// Works on all threads.
  void pack(const Tensor& weight, Element input);

 private:
  friend void run(const Weights&, const void*, const Shape&, const Window&, std::int32_t*);
  struct Block {
    std::int64_t first, vectors;  // filter, vectors of 16 filters
    std::size_t at;               // in packed_
  };
  std::int64_t filters_ = 0, rows_ = 0, groups_ = 0;  // groups: fours of bytes of a kernel row
  std::uint8_t flip_ = 0;                             // int8 input is shifted to uint8: code + 128
  std::vector<Block> blocks_;
  std::vector<std::int8_t> packed_;
  std::vector<std::int32_t> shifts_;  // rows_ x filters in vectors: what the shift has to give back
};

/// Codes of `block` (n x H x W x C) -> n x OH x OW x K sums, on the thread that calls it.
void run(const Weights& weights, const void* codes, const Shape& block, const Window& window,
         std::int32_t* sums);

}  // namespace octet::direct_convolution
