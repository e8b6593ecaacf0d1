// A contiguous array with a shape and an element type. Images are N x H x W x C.
// An integer tensor stands for reals:  real = scale * (code - zero_point).
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace octet {

enum class Element : std::uint8_t { float32, bfloat16, int8, uint8, int32 };

/// Bytes of one element.
std::size_t size_of(Element element);
std::string_view name_of(Element element);

/// Up to five extents, slowest first.
class Shape {
 public:
  static constexpr int max_rank = 5;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents);
  explicit Shape(const std::vector<std::int64_t>& extents);

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const {
    assert(axis >= 0 && axis < rank_);
    return extents_[static_cast<std::size_t>(axis)];
  }
  /// The extent of the last axis: the channels of an image tensor.
  std::int64_t back() const { return (*this)[rank_ - 1]; }
  std::int64_t elements() const;
  /// This shape with `extent` in front: images of shape H x W x C become a batch N x H x W x C.
  Shape with_front(std::int64_t extent) const;
  /// This shape without its first axis.
  Shape without_front() const;
  bool operator==(const Shape&) const = default;

 private:
  std::array<std::int64_t, max_rank> extents_{};
  int rank_ = 0;
};

/// "28x28x1"
std::string print(const Shape& shape);

/// Reads "28x28x1". Throws Error(usage) unless every extent is between 1 and 2^31 - 1 and the
/// product of all is below 2^40.
Shape parse_shape(std::string_view text);

/// A code that its element is too small for is what the element at `index` holds and `excess`.
struct Outlier {
  std::int64_t index = 0;
  std::int32_t excess = 0;
  bool operator==(const Outlier&) const = default;
};

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(const Shape& shape, Element element = Element::float32) {
    resize(shape, element);
  }
  Tensor(const Tensor& other);
  Tensor& operator=(const Tensor& other);
  Tensor(Tensor&&) = default;
  Tensor& operator=(Tensor&&) = default;

  /// Takes a new shape and element type. Keeps the memory when it is large enough; the contents are
  /// then unspecified, the scale 1, the zero point 0 and no code an outlier.
  void resize(const Shape& shape, Element element = Element::float32);
  /// The same elements under another shape of as many elements.
  void reshape(const Shape& shape);
  void fill_zero();

  const Shape& shape() const { return shape_; }
  Element element() const { return element_; }
  std::int64_t elements() const { return elements_; }
  std::size_t bytes() const { return static_cast<std::size_t>(elements_) * size_of(element_); }
  bool empty() const { return elements_ == 0; }

  /// The elements; T must be the element type (std::uint16_t for bfloat16).
  template <class T>
  T* data() {
    assert(holds<T>());
    return reinterpret_cast<T*>(memory_.get());
  }
  template <class T>
  const T* data() const {
    assert(holds<T>());
    return reinterpret_cast<const T*>(memory_.get());
  }
  float* floats() { return data<float>(); }
  const float* floats() const { return data<float>(); }
  void* raw() { return memory_.get(); }
  const void* raw() const { return memory_.get(); }

  /// One scale for the whole tensor, or one for each index of the first axis (a filter); the codes
  /// that a batch normalisation takes have one for each index of the last (a channel).
  std::vector<float> scales{1.0f};
  std::int32_t zero_point = 0;
  /// Of int8 weights, by rising index, at most one a filter. Products of codes take the whole
  /// codes.
  std::vector<Outlier> outliers;
  float scale() const {
    assert(scales.size() == 1);
    return scales[0];
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  template <class T>
  bool holds() const {
    switch (element_) {
      case Element::float32:
        return std::is_same_v<T, float>;
      case Element::bfloat16:
        return std::is_same_v<T, std::uint16_t>;
      case Element::int8:
        return std::is_same_v<T, std::int8_t>;
      case Element::uint8:
        return std::is_same_v<T, std::uint8_t>;
      case Element::int32:
        return std::is_same_v<T, std::int32_t>;
    }
    return false;
  }

  std::unique_ptr<std::byte, Free> memory_;  // aligned to 64 bytes
  std::size_t capacity_ = 0;
  Shape shape_;
  std::int64_t elements_ = 0;
  Element element_ = Element::float32;
};

/// Whether shape, element, scaling and every bit are the same.
bool same_bits(const Tensor& a, const Tensor& b);

/// Codes -> reals: scale * (code - zero_point).
void decode(const Tensor& codes, Tensor& reals);

}  // namespace octet
