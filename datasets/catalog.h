// Data sets by name or by folder. A name is looked up in $OCTET_DATA, then ./data, then
// ${XDG_CACHE_HOME:-$HOME/.cache}/octet; a folder is recognised by what is in it. Loading never
// touches the network.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "framework/dataset.h"

namespace octet {

struct Request {
  Shape image{};  ///< H x W x C; without extents: as stored, 32 x 32 x 3 from picture files
  std::uint64_t seed = 0;  ///< of the hold-out and of `strokes`: evaluate with the one trained with
  bool skip_bad = false;   ///< leave out unreadable picture files
  double hold_out = 0.2;   ///< share of a folder without test split that becomes one
  std::int64_t strokes_train = 20000, strokes_test = 4000;
};

struct Splits {
  Dataset train, test;
  std::vector<std::string> notes;  ///< what the user should know: where from, what was converted
};

/// Throws Error(data): for an unknown name or missing files, saying what was looked for where; for
/// damaged files, naming them. Error(usage) when the pictures asked for cannot be made.
Splits load(const std::string& name_or_folder, const Request& request);

struct Listing {
  std::string name, description;
  Shape image;  ///< H x W x C
  std::int64_t classes;
  std::string where;  ///< its folder, "built in", or empty: not here
};
std::vector<Listing> list();

/// Fetches a set by name into `destination` (the cache folder when empty) and returns its folder.
/// Throws as fetch() does; Error(data) for a name that is not known.
std::filesystem::path get(const std::string& name, bool offline = false,
                          const std::filesystem::path& destination = {});

/// Reads everything and compares counts and, for named sets, content with what was published.
/// Returns one line for each thing compared. Throws Error(data) at the first that differs,
/// Error(mismatch) when this machine draws `strokes` differently.
std::vector<std::string> check_data(const std::string& name_or_folder);

}  // namespace octet
