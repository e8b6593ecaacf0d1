// What tests share: random tensors, comparison, temporary folders.
#pragma once

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "framework/random.h"
#include "framework/tensor.h"

namespace octet::test {

/// Uniform in [least, most).
inline Tensor random_tensor(const Shape& shape, std::uint64_t key, float least = -1,
                            float most = 1) {
  Tensor tensor(shape);
  for (std::int64_t i = 0; i < tensor.elements(); ++i)
    tensor.floats()[i] = least + (most - least) * uniform(mix(key), static_cast<std::uint32_t>(i));
  return tensor;
}

/// Codes in -127 .. 127, or 0 .. 255 for uint8.
inline Tensor random_codes(const Shape& shape, std::uint64_t key, Element element = Element::int8) {
  const bool is_signed = element == Element::int8;
  Tensor tensor(shape, element);
  for (std::int64_t i = 0; i < tensor.elements(); ++i)
    static_cast<std::uint8_t*>(tensor.raw())[i] = static_cast<std::uint8_t>(
        static_cast<int>(
            uniform_below(mix(key), static_cast<std::uint32_t>(i), is_signed ? 255 : 256)) -
        (is_signed ? 127 : 0));
  return tensor;
}

/// Codes of the largest magnitude, one in eight of the other end.
inline Tensor extreme_codes(const Shape& shape, std::uint64_t key, Element element) {
  Tensor tensor = random_codes(shape, key, element);
  auto* const bytes = static_cast<std::uint8_t*>(tensor.raw());
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    const bool other = bytes[i] % 8 == 0;
    bytes[i] = element == Element::int8 ? (other ? 0x81 : 0x7f) : (other ? 0 : 255);
  }
  return tensor;
}

/// Largest |a - b| over largest |b|.
inline double relative_difference(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double difference = 0, size = 1e-30;
  for (std::int64_t i = 0; i < a.elements(); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(a.floats()[i]) -
                                               static_cast<double>(b.floats()[i])));
    size = std::max(size, std::abs(static_cast<double>(b.floats()[i])));
  }
  return difference / size;
}

/// A folder that is gone with its contents at the end of the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "octet-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace octet::test
