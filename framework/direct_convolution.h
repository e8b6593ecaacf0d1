// Convolutions of 8-bit codes by a kernel of our own, for CPUs with AVX512-VNNI. Filters lie in
// vectors of 16, and one instruction multiplies four neighbouring bytes of the input with them:
//   y[n, oh, ow, k] = sum over kh, kw, c of
//                     w[k, kh, kw, c] x[n, oh * stride + kh - pad, ow * stride + kw - pad, c]
// The instruction takes unsigned codes, so signed ones are shifted, which is the same as a zero
// point, z = 128:
//   sum w x = sum w (x + z) - z sum w
// Sums wrap modulo 2^32 on the way, the last one fits. Input channels need not be a multiple of
// anything, since the pixels of a kernel row are one run of bytes, and rows of padding are not
// multiplied; that is where oneDNN's kernels lose time.
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

/// Whether it is expected to be faster than oneDNN on this CPU, for `input` N x H x W x C.
bool pays(const Shape& input, const Window& window);

/// What makes codes of sums while registers hold them:
///   code = clip(round((sum + bias) * factor) + zero_point, least, 255), ties to even
/// for sums such that (sum + bias) * factor fits int32 and needs no more than a double's 53 bits.
struct CodeOutput {
  std::vector<std::int32_t> bias;  ///< K, and zeros up to a multiple of 16
  std::vector<double> factors;     ///< the same
  std::int32_t zero_point = 0, least = 0;
};

/// A part of the output: blocks of filters and lines of each image.
struct Part {
  std::int64_t first_block, last_block, first_line, last_line;
};

/// int8 weights in the order in which the kernel reads them. Memory is kept from pack to pack.
class Weights {
 public:
  /// `weight`: int8, K x KH x KW x C; `input`: int8 or uint8, the codes that they will multiply.
  /// Of uint8 codes x with a zero point the sums are those of w (x - zero_point). Works on all
  /// threads.
  void pack(const Tensor& weight, Element input, std::int32_t zero_point = 0);
  /// Blocks of at most 64 filters.
  std::int64_t blocks() const { return static_cast<std::int64_t>(blocks_.size()); }

 private:
  friend void run(const Weights&, const void*, const Shape&, const Window&, std::int32_t*);
  friend void run_to_codes(const Weights&, const CodeOutput&, const std::uint8_t*, const Shape&,
                           const Window&, const Part&, std::uint8_t*);
  struct Block {
    std::int64_t first, vectors;  // filter, vectors of 16 filters
    std::size_t at;               // in packed_
  };
  // What the sums of output line y begin with, for each line and filter of the block.
  void fill_initial(const Block& block, const Window& window, std::int64_t height,
                    std::vector<std::uint32_t>& initial) const;

  std::int64_t filters_ = 0, rows_ = 0, groups_ = 0;  // groups: fours of bytes of a kernel row
  std::uint8_t flip_ = 0;                             // turns codes into unsigned ones
  std::uint8_t zero_ = 0;                             // the unsigned code of the real 0
  std::vector<Block> blocks_;
  std::vector<std::int8_t> packed_;
  std::vector<std::uint32_t> shifts_;  // rows_ x filters in vectors: -zero_ sum w, modulo 2^32
};

/// Codes of `images` (n x H x W x C), of the element that the weights were packed for ->
/// n x OH x OW x K sums, on the thread that calls it. `window` has the weights' sides.
void run(const Weights& weights, const void* codes, const Shape& images, const Window& window,
         std::int32_t* sums);

/// The same for uint8 codes and to codes, n x OH x OW x K, for a part of the output. Lines are
/// those of output_lines.
void run_to_codes(const Weights& weights, const CodeOutput& output, const std::uint8_t* codes,
                  const Shape& images, const Window& window, const Part& part, std::uint8_t* to);

/// Lines of an image's output; one for all images where the window is a single pixel.
std::int64_t output_lines(const Shape& images, const Window& window);

}  // namespace octet::direct_convolution
