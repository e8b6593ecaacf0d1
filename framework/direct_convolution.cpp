#include "framework/direct_convolution.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "framework/arithmetic.h"
#include "framework/direct_convolution/kernel.h"
#include "framework/dnn.h"
#include "framework/parallel.h"
#include "framework/vnni512.h"

namespace octet::direct_convolution {
namespace {

// Four bytes of each of 16 filters, side by side, for one kernel row, and what the
// zero point of their codes has to give back.
void pack_row(const std::int8_t* row, std::int64_t filter_size, std::int64_t bytes,
              std::int64_t filters, std::int64_t vectors, std::int64_t vector, std::uint32_t zero,
              std::int8_t* packed, std::uint32_t* shifts) {
  for (std::int64_t k = 0; k < filters; ++k) {
    const std::int8_t* const from = row + k * filter_size;
    std::int8_t* to = packed + vector * 64 + k * 4;
    std::int32_t sum = 0;
    for (std::int64_t i = 0; i < bytes; ++i) sum += from[i];
    shifts[k] = 0u - static_cast<std::uint32_t>(sum) * zero;
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
  // AMX has eight times the products a cycle, of which oneDNN uses few where a kernel's row fills
  // no tile of 64 bytes: LeNet-5, whose errors go back as rows of 50 bytes, trains 1.65 times
  // as fast with this limit as with 15 bytes, ResNet-20 (rows of 48) as fast, and slower with 128.
  return dnn::isa() < dnn::Isa::amx || window.kernel_w * input[3] <= 64;
}

void Weights::pack(const Tensor& weight, Element input, std::int32_t zero_point) {
  assert(zero_point == 0 || (input == Element::uint8 && zero_point > 0 && zero_point <= 255));
  const Shape& s = weight.shape();
  filters_ = s[0], rows_ = s[1];
  const std::int64_t bytes = s[2] * s[3], filter_size = rows_ * bytes;
  groups_ = ceil_div(bytes, 4);
  flip_ = input == Element::int8 ? 0x80 : 0;
  zero_ = input == Element::int8 ? flip_ : static_cast<std::uint8_t>(zero_point);
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
                              vector - block->first / 16, zero_,
                              packed_.data() + block->at + row * row_bytes,
                              shifts_.data() + (row * vectors + vector) * 16);
                 }
               });
}

namespace {

// Rows of the kernel that lie within the image, for output line y.
std::pair<std::int64_t, std::int64_t> rows_within(const Window& window, std::int64_t height,
                                                  std::int64_t y) {
  const std::int64_t top = y * window.stride - window.pad_top;
  const std::int64_t first = std::clamp<std::int64_t>(-top, 0, window.kernel_h);
  return {first, std::clamp<std::int64_t>(height - top, first, window.kernel_h)};
}

// Lines with their padding left and right, as unsigned codes.
const std::uint8_t* padded_lines(const std::uint8_t* codes, std::int64_t lines, std::int64_t line,
                                 std::int64_t left, std::int64_t right, std::uint8_t flip,
                                 std::uint8_t zero) {
  static thread_local std::vector<std::uint8_t> kept;
  const std::int64_t padded = left + line + right;
  // The last four bytes of the last kernel row may begin with its last byte.
  const auto size = static_cast<std::size_t>(lines * padded + 3);
  if (kept.size() < size) kept.resize(size);
  std::uint8_t* to = kept.data();
  for (std::int64_t i = 0; i < lines; ++i, to += padded) {
    std::fill_n(to, left, zero);
    copy_flipped(codes + i * line, line, flip, to + left);
    std::fill_n(to + left + line, right, zero);
  }
  return kept.data();
}

// Without neighbours all pixels are one line, which fills the registers better than short ones.
Shape as_lines(const Shape& images, const Window& window) {
  return window == Window{} ? Shape{1, 1, images[0] * images[1] * images[2], images[3]} : images;
}

}  // namespace

void Weights::fill_initial(const Block& block, const Window& window, std::int64_t height,
                           std::vector<std::uint32_t>& initial) const {
  const std::int64_t lines = window.output_h(height), width = block.vectors * 16;
  const std::int64_t all = ceil_div(filters_, 16) * 16;
  initial.assign(static_cast<std::size_t>(lines * width), 0);
  if (zero_ == 0) return;
  for (std::int64_t y = 0; y < lines; ++y) {
    const auto [first, last] = rows_within(window, height, y);
    for (std::int64_t row = first; row < last; ++row)
      for (std::int64_t k = 0; k < width; ++k)
        initial[static_cast<std::size_t>(y * width + k)] +=
            shifts_[static_cast<std::size_t>(row * all + block.first + k)];
  }
}

std::int64_t output_lines(const Shape& images, const Window& window) {
  return window.output_h(as_lines(images, window)[1]);
}

namespace {

// One line of the output, for one block of filters: sums or codes, as the sweep says.
void sweep_line(Sweep& sweep, std::int64_t output_w, std::int64_t vectors, std::int64_t filters) {
  const std::int64_t runs = ceil_div(output_w, most_positions(vectors));
  const std::uint8_t* const begin = sweep.codes;
  std::int32_t* const sums = sweep.sums;
  std::uint8_t* const to = sweep.to;
  for (std::int64_t i = 0; i < runs; ++i) {
    const std::int64_t x = output_w * i / runs, end = output_w * (i + 1) / runs;
    sweep.codes = begin + x * sweep.step;
    if (sums) sweep.sums = sums + x * filters;
    if (to) sweep.to = to + x * filters;
    multiply_vnni512(sweep, end - x, vectors);
  }
}

}  // namespace

void run_to_codes(const Weights& weights, const CodeOutput& output, const std::uint8_t* codes,
                  const Shape& images, const Window& window, const Part& part, std::uint8_t* to) {
  assert(fits(window) && weights.zero_ == 0 && weights.rows_ == window.kernel_h);
  const Shape s = as_lines(images, window);
  const std::int64_t height = s[1], channels = s[3], filters = weights.filters_;
  const std::int64_t output_h = window.output_h(height), output_w = window.output_w(s[2]);
  const std::int64_t left = window.pad_left * channels, right = window.pad_right * channels;
  const std::int64_t line = s[2] * channels, padded = left + line + right;
  // Only the lines that this part sees.
  const std::int64_t above =
      std::max<std::int64_t>(0, part.first_line * window.stride - window.pad_top);
  const std::int64_t below =
      std::min(height, (part.last_line - 1) * window.stride - window.pad_top + window.kernel_h);
  const bool all = above == 0 && below == height;
  for (std::int64_t image = 0; image < s[0]; image += all ? s[0] : 1) {
    const std::uint8_t* const lines =
        padded_lines(codes + (image * height + above) * line, all ? s[0] * height : below - above,
                     line, left, right, 0, 0);
    for (std::int64_t b = part.first_block; b < part.last_block; ++b) {
      const Weights::Block& block = weights.blocks_[static_cast<std::size_t>(b)];
      const std::int64_t width = block.vectors * 16, row_bytes = width * weights.groups_ * 4;
      Sweep sweep{
          .line = padded,
          .step = window.stride * channels,
          .groups = weights.groups_,
          .initial = reinterpret_cast<const std::uint32_t*>(output.bias.data()) + block.first,
          .filters = std::min(width, filters - block.first),
          .sums_step = filters,
          .factors = output.factors.data() + block.first,
          .zero_point = output.zero_point,
          .least = output.least};
      for (std::int64_t n = image; n < (all ? s[0] : image + 1); ++n)
        for (std::int64_t y = part.first_line; y < part.last_line; ++y) {
          const auto [first, last] = rows_within(window, height, y);
          sweep.rows = last - first;
          sweep.weights = weights.packed_.data() + block.at + first * row_bytes;
          const std::int64_t top =
              (n - image) * height + y * window.stride - window.pad_top + first - above;
          sweep.codes = sweep.rows > 0 ? lines + top * padded : lines;
          sweep.to = to + (n * output_h + y) * output_w * filters + block.first;
          sweep_line(sweep, output_w, block.vectors, filters);
        }
    }
  }
}

void run(const Weights& weights, const void* codes, const Shape& images, const Window& window,
         std::int32_t* sums) {
  assert(fits(window) && weights.rows_ == window.kernel_h &&
         weights.groups_ == ceil_div(window.kernel_w * images[3], 4));
  const Shape s = as_lines(images, window);
  const std::int64_t height = s[1], channels = s[3], filters = weights.filters_;
  const std::int64_t output_h = window.output_h(height), output_w = window.output_w(s[2]);
  const std::int64_t left = window.pad_left * channels, right = window.pad_right * channels;
  const std::int64_t line = s[2] * channels, padded = left + line + right;
  const std::uint8_t* const lines =
      padded_lines(static_cast<const std::uint8_t*>(codes), s[0] * height, line, left, right,
                   weights.flip_, weights.zero_);
  static thread_local std::vector<std::uint32_t> initial;
  for (const Weights::Block& block : weights.blocks_) {
    weights.fill_initial(block, window, height, initial);
    const std::int64_t width = block.vectors * 16, row_bytes = width * weights.groups_ * 4;
    Sweep sweep{.codes = lines,
                .line = padded,
                .step = window.stride * channels,
                .rows = 0,
                .groups = weights.groups_,
                .weights = nullptr,
                .initial = nullptr,
                .filters = std::min(width, filters - block.first),
                .sums_step = filters,
                .sums = nullptr,
                .factors = nullptr,
                .zero_point = 0,
                .least = 0,
                .to = nullptr};
    for (std::int64_t image = 0; image < s[0]; ++image)
      for (std::int64_t y = 0; y < output_h; ++y) {
        const auto [first, last] = rows_within(window, height, y);
        sweep.rows = last - first;
        sweep.weights = weights.packed_.data() + block.at + first * row_bytes;
        sweep.initial = initial.data() + y * width;
        const std::int64_t top = image * height + y * window.stride - window.pad_top + first;
        sweep.codes = sweep.rows > 0 ? lines + top * padded : lines;
        sweep.sums = sums + (image * output_h + y) * output_w * filters + block.first;
        sweep_line(sweep, output_w, block.vectors, filters);
      }
  }
}

}  // namespace octet::direct_convolution
