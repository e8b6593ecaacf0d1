// Where data sets are: by name in $OCTET_DATA, then ./data, then
// ${XDG_CACHE_HOME:-$HOME/.cache}/octet; by folder, recognised by what is in it.
#pragma once

#include <filesystem>
#include <string>

#include "datasets/published.h"

namespace octet {

struct Place {
  std::filesystem::path folder;
  Storage storage;
  const Published* set;  ///< null for a folder that was given as one
};

/// Where fetched sets are put; empty where neither XDG_CACHE_HOME nor HOME is set.
std::filesystem::path cache_folder();

/// The folder of a published set; empty when it is not here.
std::filesystem::path find_set(const Published& set);

/// Throws Error(data) saying what was looked for where.
Place locate(const std::string& name_or_folder);

}  // namespace octet
