// Writes codes in the order of layout.h: bytes are transposed in registers, 16 positions by 16
// channels at a time.
#pragma once

#include "framework/weight_gradient/layout.h"

namespace octet::weight_gradient {

/// Fills the planes of a chunk with what padding is worth. Packing does not touch padding, so once
/// is enough for chunks that begin at the same line of an image and are equally long.
void clear_planes(const Layout& layout, std::int64_t channels, std::uint8_t* planes);

/// Channels first .. first + channels - 1.
void pack_planes(const Layout& layout, const Kernel& kernel, const Chunk& chunk, std::int64_t first,
                 std::int64_t channels, std::uint8_t* planes);

/// Errors of a chunk, all filters. `packed` holds chunk.groups * 4 * 16 * layout.vectors bytes.
class ErrorPacker {
 public:
  void pack(const Layout& layout, const Kernel& kernel, const Chunk& chunk, std::int8_t* packed);

 private:
  std::vector<const std::int8_t*> positions_;
  std::vector<std::int8_t> zeros_, tail_;
};

}  // namespace octet::weight_gradient
