// Blocks of products of codes, for the files that compute them: code_products.h is what others
// call.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>

#include "framework/code_products.h"
#include "framework/profile.h"

namespace octet::products {

/// Sums of at most 2^31 - 1; usage error for more terms.
void check_terms(Element element, std::int64_t terms);

/// Images a block: as many as divide the batch evenly where that costs no more than half.
/// `sums_bytes`: of one image's sums.
std::int64_t block_images(std::int64_t images, std::int64_t sums_bytes, std::int64_t weight_bytes);

/// A scope of products whose blocks are worked on between them: that time is a row of its own.
class ProductScope {
 public:
  ProductScope(std::string_view pass, double operations);
  ProductScope(const ProductScope&) = delete;
  ProductScope& operator=(const ProductScope&) = delete;
  ~ProductScope();
  void run(const SumsBody& body, std::int64_t first, std::int64_t count, const std::int32_t* sums);

 private:
  profile::Scope scope_;
  const bool on_;
  std::atomic<std::int64_t> nanoseconds_ = 0;
};

/// The codes of images first .. first + count - 1.
using Source = std::function<const std::int8_t*(std::int64_t first, std::int64_t count)>;

/// Codes of a convolution's input. With a zero point only our own kernel takes padding.
struct Codes {
  Element element;
  std::int32_t zero_point = 0;
};

/// Whether our own kernel computes such a convolution.
bool goes_direct(const Shape& input, const Window& window);

/// Adds to the sums of images first .. first + count - 1 before they are handed out.
using Addition = std::function<void(std::int64_t first, std::int64_t count, std::int32_t* sums)>;

/// A convolution of `input`'s shape, whose codes `source` gives block by block; `add` may be empty.
void sums_in_blocks(std::string_view pass, Codes codes, const Shape& input, const Tensor& weight,
                    const Window& window, const Source& source, const Addition& add,
                    const SumsBody& body);

}  // namespace octet::products
