// One thread's share of a weight gradient: a range of output lines by a range of channels. It packs
// a chunk of lines at a time, multiplies it while it is in the cache, and keeps exact sums.
#pragma once

#include <vector>

#include "framework/tensor.h"
#include "framework/weight_gradient/pack.h"

namespace octet::weight_gradient {

class Part {
 public:
  /// Sums over lines first .. last - 1, for channels first_channel .. + channels - 1.
  void run(const Layout& layout, const Kernel& kernel, std::int64_t first, std::int64_t last,
           std::int64_t first_channel, std::int64_t channels);

  /// Where one chunk holds all lines: packs them, or the codes alone when the errors are those of
  /// the call before. Then multiply_block leaves the sums of one block of filters.
  void pack(const Layout& layout, const Kernel& kernel, std::int64_t first_channel,
            std::int64_t channels, bool errors_packed);
  void multiply_block(const Layout& layout, const Kernel& kernel, const Block& block);

  /// By row and filter, one block of filters after the other. The sums are those in int32 plus,
  /// where there were too many positions, those in int64.
  const std::int32_t* sums() const { return sums_.data<std::int32_t>(); }
  const std::int64_t* wide_sums() const { return is_wide_ ? wide_.data() : nullptr; }
  /// Sums of the errors by filter.
  const std::vector<std::int64_t>& error_sums() const { return error_sums_; }
  std::int64_t first_channel() const { return first_channel_; }
  std::int64_t channels() const { return channels_; }

 private:
  void begin(const Layout& layout, std::int64_t first_channel, std::int64_t channels);
  void pack_codes(const Layout& layout, const Kernel& kernel, std::int64_t channels);
  void pack_errors(const Layout& layout, const Kernel& kernel);
  void multiply(const Layout& layout, const Kernel& kernel, const Block& block, bool fresh,
                std::int32_t* sums);
  void widen(std::size_t size, bool fresh);

  std::int64_t first_channel_ = 0, channels_ = 0;
  Chunk chunk_;
  Tensor planes_, error_, sums_;
  std::vector<std::int64_t> wide_, error_sums_, offsets_;
  std::vector<std::int32_t> chunk_error_sums_;
  ErrorPacker packer_;
  bool is_wide_ = false;
  std::int64_t cleared_line_ = 0, cleared_lines_ = 0;  // the chunk whose padding is in place
};

}  // namespace octet::weight_gradient
