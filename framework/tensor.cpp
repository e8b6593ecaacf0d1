#include "framework/tensor.h"

#include <sys/mman.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <new>

#include "framework/check.h"
#include "framework/parallel.h"

namespace octet {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t huge_page = std::size_t{1} << 21;

std::byte* allocate(std::size_t bytes) {
  // Huge pages, where there are some: the first touch of many small ones takes longer than what is
  // to be done with them.
  const std::size_t aligned = bytes >= 2 * huge_page ? huge_page : alignment;
  void* const memory = std::aligned_alloc(aligned, (bytes + aligned - 1) / aligned * aligned);
  if (!memory) throw std::bad_alloc();
  if (aligned == huge_page) madvise(memory, bytes / huge_page * huge_page, MADV_HUGEPAGE);
  return static_cast<std::byte*>(memory);
}

}  // namespace

std::size_t size_of(Element element) {
  switch (element) {
    case Element::float32:
    case Element::int32:
      return 4;
    case Element::bfloat16:
      return 2;
    case Element::int8:
    case Element::uint8:
      return 1;
  }
  return 0;
}

std::string_view name_of(Element element) {
  switch (element) {
    case Element::float32:
      return "float32";
    case Element::bfloat16:
      return "bfloat16";
    case Element::int8:
      return "int8";
    case Element::uint8:
      return "uint8";
    case Element::int32:
      return "int32";
  }
  return "";
}

Shape::Shape(std::initializer_list<std::int64_t> extents)
    : rank_(static_cast<int>(extents.size())) {
  assert(rank_ <= max_rank);
  std::copy(extents.begin(), extents.end(), extents_.begin());
}

Shape::Shape(const std::vector<std::int64_t>& extents) : rank_(static_cast<int>(extents.size())) {
  assert(rank_ <= max_rank);
  std::copy(extents.begin(), extents.end(), extents_.begin());
}

std::int64_t Shape::elements() const {
  if (rank_ == 0) return 0;
  std::int64_t product = 1;
  for (int axis = 0; axis < rank_; ++axis) product *= (*this)[axis];
  return product;
}

Shape Shape::with_front(std::int64_t extent) const {
  assert(rank_ < max_rank);
  Shape longer;
  longer.rank_ = rank_ + 1;
  longer.extents_[0] = extent;
  std::copy_n(extents_.begin(), rank_, longer.extents_.begin() + 1);
  return longer;
}

Shape Shape::without_front() const {
  Shape shorter;
  shorter.rank_ = std::max(rank_ - 1, 0);
  std::copy_n(extents_.begin() + 1, shorter.rank_, shorter.extents_.begin());
  return shorter;
}

std::string print(const Shape& shape) {
  std::string text;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (axis > 0) text += 'x';
    text += std::to_string(shape[axis]);
  }
  return text;
}

Shape parse_shape(std::string_view text) {
  std::vector<std::int64_t> extents;
  double product = 1;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    std::int32_t extent = 0;
    const auto [next, error] = std::from_chars(at, end, extent);
    check(error == std::errc{} && extent > 0 && extents.size() < Shape::max_rank, Failure::usage,
          "expected a shape such as 28x28x1, got '", text, "'");
    extents.push_back(extent);
    product *= extent;
    if (next == end) break;
    check(*next == 'x', Failure::usage, "expected a shape such as 28x28x1, got '", text, "'");
    at = next + 1;
  }
  check(product < 1099511627776.0, Failure::usage, "shape ", text, " has more than 2^40 elements");
  return Shape(extents);
}

void Tensor::Free::operator()(std::byte* memory) const { std::free(memory); }

Tensor::Tensor(const Tensor& other) { *this = other; }

Tensor& Tensor::operator=(const Tensor& other) {
  if (this == &other) return *this;
  resize(other.shape_, other.element_);
  if (bytes() > 0) std::memcpy(memory_.get(), other.memory_.get(), bytes());
  scales = other.scales;
  zero_point = other.zero_point;
  outliers = other.outliers;
  return *this;
}

void Tensor::resize(const Shape& shape, Element element) {
  const std::size_t needed = static_cast<std::size_t>(shape.elements()) * size_of(element);
  if (needed > capacity_) {
    memory_.reset(allocate(needed));
    capacity_ = needed;
  }
  shape_ = shape;
  elements_ = shape.elements();
  element_ = element;
  scales.assign(1, 1.0f);
  zero_point = 0;
  outliers.clear();
}

void Tensor::reshape(const Shape& shape) {
  assert(shape.elements() == elements_);
  shape_ = shape;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.element() == b.element() && a.zero_point == b.zero_point &&
         a.outliers == b.outliers && a.scales.size() == b.scales.size() &&
         std::memcmp(a.scales.data(), b.scales.data(), 4 * a.scales.size()) == 0 &&
         (a.bytes() == 0 || std::memcmp(a.raw(), b.raw(), a.bytes()) == 0);
}

void Tensor::fill_zero() {
  if (bytes() > 0) std::memset(memory_.get(), 0, bytes());
}

void decode(const Tensor& codes, Tensor& reals) {
  assert(&codes != &reals);
  reals.resize(codes.shape());
  float* out = reals.floats();
  const std::int64_t count = codes.elements();
  if (count == 0) return;
  const auto rows = static_cast<std::int64_t>(codes.scales.size());
  const std::int64_t row = count / rows;
  const auto convert = [&](const auto* code) {
    for (std::int64_t r = 0; r < rows; ++r) {
      const float scale = codes.scales[static_cast<std::size_t>(r)];
      const auto zero = static_cast<float>(codes.zero_point);
      const auto* in = code + r * row;
      float* to = out + r * row;
      parallel_for(row, 1 << 14, [&](std::int64_t a, std::int64_t b) {
        for (std::int64_t i = a; i < b; ++i) to[i] = scale * (static_cast<float>(in[i]) - zero);
      });
    }
  };
  switch (codes.element()) {
    case Element::int8:
      convert(codes.data<std::int8_t>());
      for (const Outlier& outlier : codes.outliers)
        out[outlier.index] =
            codes.scales[static_cast<std::size_t>(outlier.index / row)] *
            static_cast<float>(codes.data<std::int8_t>()[outlier.index] + outlier.excess);
      return;
    case Element::uint8:
      return convert(codes.data<std::uint8_t>());
    case Element::int32:
      return convert(codes.data<std::int32_t>());
    case Element::float32:
      return convert(codes.floats());
    case Element::bfloat16:
      break;
  }
  assert(false);
}

}  // namespace octet
