// Fetches published data sets with the `curl` and `tar` programs, which know about proxies and
// certificates. Nothing gets its final name before its SHA-256 was compared.
#pragma once

#include <filesystem>
#include <string>

#include "datasets/published.h"

namespace octet {

/// Puts the archive into `folder`, trying its addresses in turn; does nothing when it is there and
/// its SHA-256 is right. Throws Error(data) where no address gave the right content, Error(failed)
/// where none answered or the curl program is missing.
void download(const Archive& archive, const std::filesystem::path& folder);

/// Unpacks a .tar.gz that holds one folder of the name of `folder`, beside `folder`, and renames it
/// there. Throws Error(failed) where that cannot be done; nothing is left behind then.
void unpack(const std::filesystem::path& archive, const std::filesystem::path& folder);

/// Downloads and unpacks a set below `destination` and returns its folder. A set that is there is
/// left as it is. Throws as download and unpack do; Error(data) when `offline` and something is
/// missing, or when the set has no published SHA-256 or address.
std::filesystem::path fetch(const Published& set, const std::filesystem::path& destination,
                            bool offline);

}  // namespace octet
