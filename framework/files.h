// Whole files: read with bounds, written so that a reader never sees half of one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace octet {

using Bytes = std::vector<std::uint8_t>;

/// Throws Error(data), naming the file, when it is missing, unreadable or larger than `most` bytes.
Bytes read_file(const std::filesystem::path& file, std::uint64_t most = std::uint64_t{1} << 34);

/// Writes to a temporary name beside `file`, syncs and renames. Throws Error(failed), naming the
/// file and the reason; what stood there before is then untouched and the temporary is gone.
void write_file(const std::filesystem::path& file, const void* data, std::size_t size);
void write_file(const std::filesystem::path& file, std::string_view text);

/// Throws Error(failed), naming the file and the reason, unless write_file could write there now;
/// what stands there is untouched. For finding out before the work is done.
void check_writable(const std::filesystem::path& file);

/// SHA-256, 64 lower-case hexadecimal digits.
std::string sha256(const void* data, std::size_t size);

}  // namespace octet
