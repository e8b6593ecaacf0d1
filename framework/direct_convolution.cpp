#include "framework/direct_convolution.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "framework/direct_convolution/kernel.h"
#include "framework/dnn.h"
#include "framework/parallel.h"

namespace octet::direct_convolution {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Four bytes of each of 16 filters, side by side, for one kernel row; returns their sums.
void pack_row(const std::int8_t* row, std::int64_t filter_size, std::int64_t bytes,
              std::int64_t filters, std::int64_t vectors, std::int64_t vector, std::int8_t* packed,
              std::int32_t* sums) {
  for (std::int64_t k = 0; k < filters; ++k) {
    const std::int8_t* const from = row + k * filter_size;
    std::int8_t* to = packed + vector * 64 + k * 4;
    std::int32_t sum = 0;
    for (std::int64_t i = 0; i < bytes; ++i) sum += from[i];
    sums[k] = sum;
    std::int64_t i = 0;
    for (; i + 4 <= bytes; i += 4, to += vectors * 64) std::memcpy(to, from + i, 4);
    if (i < bytes) std::memcpy(to, from + i, static_cast<std::size_t>(bytes - i));
  }
}

OCTET_KERNEL void copy_flipped(const std::uint8_t* from, std::int64_t count, std::uint8_t flip,
                               std::uint8_t* to) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = from[i] ^ flip;
}

}  // namespace

bool available() { return dnn::isa() >= dnn::Isa::avx512_vnni && has_vnni512(); }

bool fits(const Window& window) {
  return window.groups == 1 && window.pad_top >= 0 && window.pad_bottom >= 0 &&
         window.pad_left >= 0 && window.pad_right >= 0;
}

bool pays(const Shape& input, const Window& window) {
  // Tiles of AMX do eight times the products of an AVX-512 instruction, but oneDNN rounds a row of
  // few bytes up to 64.
  return dnn::isa() < dnn::Isa::amx || window.kernel_w * input[3] < 16;
}

void Weights::pack(const Tensor& weight, Element input) {
  const Shape& s = weight.shape();
  filters_ = s[0], rows_ = s[1];
  const std::int64_t bytes = s[2] * s[3], filter_size = rows_ * bytes;
  groups_ = ceil_div(bytes, 4);
  flip_ = input == Element::int8 ? 0x80 : 0;
  const std::int64_t vectors = ceil_div(filters_, 16), count = ceil_div(vectors, most_vectors);
  blocks_.clear();
  for (std::int64_t b = 0; b < count; ++b) {
    const std::int64_t first = vectors * b / count, last = vectors * (b + 1) / count;
    blocks_.push_back(
        {first * 16, last - first, static_cast<std::size_t>(first * rows_ * groups_ * 64)});
  }
  packed_.assign(static_cast<std::size_t>(vectors * rows_ * groups_ * 64), 0);
  shifts_.assign(static_cast<std::size_t>(vectors * rows_ * 16), 0);
  const auto* const from = weight.data<std::int8_t>();
  parallel_for(vectors, std::max<std::int64_t>(1, (1 << 14) / filter_size),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t vector = begin; vector < end; ++vector) {
                   const std::int64_t k = vector * 16;
                   auto block = blocks_.end() - 1;
                   while (block->first > k) --block;
                   const std::int64_t row_bytes = block->vectors * groups_ * 64;
                   for (std::int64_t row = 0; row < rows_; ++row)
                     pack_row(from + k * filter_size + row * bytes, filter_size, bytes,
                              std::min<std::int64_t>(16, filters_ - k), block->vectors,
                              vector - block->first / 16,
                              packed_.data() + block->at + row * row_bytes,
                              shifts_.data() + (row * vectors + vector) * 16);
                 }
               });
  for (std::int32_t& shift : shifts_) shift *= flip_ ? -128 : 0;
}

void run(const Weights& weights, const void* codes, const Shape& images, const Window& window,
         std::int32_t* sums) {
  assert(fits(window));
  // Without neighbours all pixels are one line, which fills the registers better than short ones.
  const Shape block =
      window == Window{} ? Shape{1, 1, images[0] * images[1] * images[2], images[3]} : images;
  const std::int64_t height = block[1], channels = block[3];
  const std::int64_t output_h = window.output_h(height), output_w = window.output_w(block[2]);
  const std::int64_t line = block[2] * channels;
  const std::int64_t left = window.pad_left * channels, right = window.pad_right * channels;
  const std::int64_t padded = left + line + right, lines = block[0] * height;
  // The last four bytes of the last kernel row may begin with its last byte.
  static thread_local std::vector<std::uint8_t> copy;
  static thread_local std::vector<std::int32_t> initial;
  copy.resize(static_cast<std::size_t>(lines * padded + 4));
  const auto* const from = static_cast<const std::uint8_t*>(codes);
  for (std::int64_t i = 0; i < lines; ++i) {
    std::uint8_t* const to = copy.data() + i * padded;
    std::memset(to, weights.flip_, static_cast<std::size_t>(left));
    copy_flipped(from + i * line, line, weights.flip_, to + left);
    std::memset(to + left + line, weights.flip_, static_cast<std::size_t>(right));
  }
  const std::int64_t filters = weights.filters_, all = ceil_div(filters, 16) * 16;
  for (const Weights::Block& b : weights.blocks_) {
    const std::int64_t row_bytes = b.vectors * weights.groups_ * 64, width = b.vectors * 16;
    const std::int64_t runs = ceil_div(output_w, most_positions(b.vectors));
    // Rows of the kernel that lie in the padding above and below are left out.
    const auto rows_of = [&](std::int64_t y) {
      const std::int64_t top = y * window.stride - window.pad_top;
      const std::int64_t first = std::clamp<std::int64_t>(-top, 0, window.kernel_h);
      return std::pair(first, std::clamp<std::int64_t>(height - top, first, window.kernel_h));
    };
    initial.assign(static_cast<std::size_t>(output_h * width), 0);
    if (weights.flip_)
      for (std::int64_t y = 0; y < output_h; ++y) {
        const auto [first, last] = rows_of(y);
        for (std::int64_t row = first; row < last; ++row)
          for (std::int64_t k = 0; k < width; ++k)
            initial[static_cast<std::size_t>(y * width + k)] +=
                weights.shifts_[static_cast<std::size_t>(row * all + b.first + k)];
      }
    Sweep sweep{.codes = nullptr,
                .line = padded,
                .step = window.stride * channels,
                .rows = 0,
                .groups = weights.groups_,
                .weights = nullptr,
                .initial = nullptr,
                .filters = std::min(width, filters - b.first),
                .sums_step = filters,
                .sums = nullptr};
    for (std::int64_t image = 0; image < block[0]; ++image)
      for (std::int64_t y = 0; y < output_h; ++y) {
        const auto [first, last] = rows_of(y);
        sweep.rows = last - first;
        sweep.weights = weights.packed_.data() + b.at + first * row_bytes;
        sweep.initial = initial.data() + y * width;
        const std::uint8_t* const line_codes =
            copy.data() + (image * height + y * window.stride - window.pad_top + first) * padded;
        std::int32_t* const line_sums =
            sums + (image * output_h + y) * output_w * filters + b.first;
        for (std::int64_t i = 0; i < runs; ++i) {
          const std::int64_t x = output_w * i / runs, end = output_w * (i + 1) / runs;
          sweep.codes = line_codes + x * sweep.step;
          sweep.sums = line_sums + x * filters;
          multiply_vnni512(sweep, end - x, b.vectors);
        }
      }
  }
}

}  // namespace octet::direct_convolution
