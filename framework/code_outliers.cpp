#include "framework/code_outliers.h"

#include <algorithm>
#include <cstdlib>

#include "framework/check.h"
#include "framework/parallel.h"

namespace octet::products {
namespace {

template <class Code>
OCTET_KERNEL void add_many(const Code* __restrict codes, std::int32_t zero,
                           const std::int32_t* __restrict excess, std::int64_t count,
                           std::int32_t* __restrict sums) {
  for (std::int64_t i = 0; i < count; ++i) sums[i] += excess[i] * (codes[i] - zero);
}

template <class Code>
void add_products(const Code* codes, std::int32_t zero, const std::vector<std::int32_t>& excess,
                  std::int32_t* sums) {
  if (excess.size() == 1)
    sums[0] += excess[0] * (codes[0] - zero);
  else
    add_many(codes, zero, excess.data(), static_cast<std::int64_t>(excess.size()), sums);
}

// Height, width and channels; a row of a matrix is an image of one pixel.
struct Image {
  explicit Image(const Shape& s)
      : height(s.rank() == 4 ? s[1] : 1), width(s.rank() == 4 ? s[2] : 1), channels(s.back()) {}
  std::int64_t height, width, channels;
};

}  // namespace

CodeOutliers::CodeOutliers(const Tensor& weight, const Window& window)
    : window_(window), filters_(weight.shape()[0]) {
  const Image kernel(weight.shape());
  const std::int64_t depth = kernel.channels, part = filters_ / window.groups;
  if (weight.outliers.empty()) return;
  std::vector<std::int64_t> by_channel(static_cast<std::size_t>(depth * window.groups));
  std::int64_t largest = 0;
  for (const Outlier& outlier : weight.outliers) {
    const std::int64_t place = outlier.index / depth;
    const std::int64_t filter = place / (kernel.height * kernel.width);
    const std::int64_t row = place / kernel.width % kernel.height, column = place % kernel.width;
    const std::int64_t channel = filter / part * depth + outlier.index % depth;
    const std::int64_t size = std::abs(outlier.excess);
    largest = std::max(largest, size * 255);
    by_channel[static_cast<std::size_t>(channel)] += size * 127;
    Run* const last = runs_.empty() ? nullptr : &runs_.back();
    // A filter without an outlier does not end a run: its excess is 0.
    const std::int64_t further = last ? filter - last->filter : 0;
    if (last && last->row == row && last->column == column && channel - last->channel == further) {
      last->excess.resize(static_cast<std::size_t>(further), 0);
      last->excess.push_back(outlier.excess);
    } else {
      runs_.push_back({row, column, channel, filter, {outlier.excess}});
    }
  }
  // What the bytes' sums can reach, and this, in int32: forward and back.
  const std::int64_t places = kernel.height * kernel.width;
  largest =
      std::max(largest + places * depth * 255 * 127,
               *std::max_element(by_channel.begin(), by_channel.end()) + places * part * 127 * 127);
  check(largest < std::int64_t{1} << 31, Failure::usage, "a product of ", filters_,
        " filters with outliers can pass 2^31");
}

std::int64_t CodeOutliers::output_size(const Shape& input) const {
  const Image image(input);
  return window_.output_h(image.height) * window_.output_w(image.width) * filters_;
}

template <class Body>
void CodeOutliers::each_place(const Shape& input, const Body& body) const {
  const auto [height, width, channels] = Image(input);
  const std::int64_t rows = window_.output_h(height), columns = window_.output_w(width);
  for (const Run& run : runs_)
    for (std::int64_t y = 0; y < rows; ++y) {
      const std::int64_t h = y * window_.stride - window_.pad_top + run.row;
      if (h < 0 || h >= height) continue;
      for (std::int64_t x = 0; x < columns; ++x) {
        const std::int64_t w = x * window_.stride - window_.pad_left + run.column;
        if (w < 0 || w >= width) continue;
        body(run, (h * width + w) * channels + run.channel,
             (y * columns + x) * filters_ + run.filter);
      }
    }
}

void CodeOutliers::add_to_outputs(const Tensor& input, std::int64_t first, std::int64_t count,
                                  std::int32_t* sums) const {
  const Shape& s = input.shape();
  const std::int64_t image = input.elements() / s[0];
  const auto add = [&](const auto* codes) {
    for (std::int64_t i = first; i < first + count; ++i, sums += output_size(s))
      each_place(s, [&](const Run& run, std::int64_t from, std::int64_t to) {
        add_products(codes + i * image + from, input.zero_point, run.excess, sums + to);
      });
  };
  if (input.element() == Element::uint8)
    add(input.data<std::uint8_t>());
  else
    add(input.data<std::int8_t>());
}

void CodeOutliers::add_to_input_errors(const Tensor& error, const Shape& input, std::int64_t first,
                                       std::int64_t count, std::int32_t* sums) const {
  const std::int64_t image = input.elements() / input[0], output = output_size(input);
  for (std::int64_t i = first; i < first + count; ++i, sums += image)
    each_place(input, [&](const Run& run, std::int64_t to, std::int64_t from) {
      add_products(error.data<std::int8_t>() + i * output + from, 0, run.excess, sums + to);
    });
}

}  // namespace octet::products
