// octet data: where data sets are, fetching, checking, looking at them.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "examples/cli/session.h"
#include "framework/check.h"
#include "framework/image.h"

namespace octet::cli {
namespace {

namespace fs = std::filesystem;

struct DataVerbOptions {
  std::string name;
  std::string out;
  std::int64_t count = 100;
  bool offline = false;
  bool json = false;
  std::uint64_t split_seed = 1;
};

int run_list(const DataVerbOptions& options) {
  Json rows = Json::array();
  for (const Listing& entry : list()) {
    std::cout << format_text("%-14s %-10s %4lld classes  %-46s %s\n", entry.name.c_str(),
                             print(entry.image).c_str(), static_cast<long long>(entry.classes),
                             entry.description.c_str(),
                             entry.where.empty() ? "not here" : entry.where.c_str());
    rows.push_back({{"name", entry.name},
                    {"image", print(entry.image)},
                    {"classes", entry.classes},
                    {"where", entry.where}});
  }
  std::cout << std::flush;
  if (options.json) std::cout << Json{{"data", rows}}.dump() << std::endl;
  return 0;
}

int run_get(const DataVerbOptions& options) {
  const fs::path folder = get(options.name, options.offline, options.out);
  std::cout << options.name << ": " << folder.string() << std::endl;
  if (options.json)
    std::cout << Json{{"name", options.name}, {"where", folder.string()}}.dump() << std::endl;
  return 0;
}

int run_check(const DataVerbOptions& options) {
  Json lines = Json::array();
  for (const std::string& line : check_data(options.name)) {
    std::cout << line << '\n';
    lines.push_back(line);
  }
  std::cout << std::flush;
  if (options.json) std::cout << Json{{"checked", lines}}.dump() << std::endl;
  return 0;
}

// The first pictures of both splits as an image folder: to look at, or to try octet on.
int run_export(const DataVerbOptions& options) {
  const Splits splits = load(options.name, {.seed = options.split_seed});
  const fs::path root = options.out;
  check(!fs::exists(root) || fs::is_empty(root), Failure::usage, options.out,
        ": expected a folder that is empty or not there yet");
  for (const auto& [split, data] :
       {std::pair<const char*, const Dataset&>{"train", splits.train}, {"test", splits.test}}) {
    for (const std::string& name : data.classes) {
      check(!name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos,
            Failure::data, options.name, ": the class name '", name, "' cannot name a folder");
      std::error_code error;
      fs::create_directories(root / split / name, error);
      check(!error, Failure::failed, (root / split / name).string(),
            ": cannot be made: ", error.message());
    }
    for (std::int64_t i = 0; i < std::min(options.count, data.size()); ++i) {
      const std::string& name =
          data.classes[static_cast<std::size_t>(data.labels[static_cast<std::size_t>(i)])];
      write_png(root / split / name / format_text("%05lld.png", static_cast<long long>(i)),
                {data.image, {data.picture(i), data.picture(i) + data.image.elements()}});
    }
  }
  std::cout << options.name << ": pictures in " << root.string() << std::endl;
  if (options.json)
    std::cout << Json{{"name", options.name}, {"where", root.string()}}.dump() << std::endl;
  return 0;
}

}  // namespace

void add_data(CLI::App& program, Work& work) {
  CLI::App& verb = *program.add_subcommand("data", "data sets: list, get, check, export");
  const auto options = std::make_shared<DataVerbOptions>();
  verb.require_subcommand(1);
  const auto add = [&](const char* name, const char* summary, int (*run)(const DataVerbOptions&)) {
    CLI::App& part = *verb.add_subcommand(name, summary);
    part.add_flag("--json", options->json, "print one JSON object as the last line of stdout");
    part.callback([&work, options, run] { work = [options, run] { return run(*options); }; });
    return &part;
  };
  add("list", "the data sets known by name, and where they are", run_list);
  CLI::App* fetch = add("get", "download a data set, verified by its SHA-256", run_get);
  fetch->add_option("NAME", options->name, "data set")->required();
  fetch->add_option("--out", options->out, "folder; the cache folder unless given");
  fetch->add_flag("--offline", options->offline, "do not touch the network: fail instead");
  CLI::App* verify = add("check", "read a data set and compare its content", run_check);
  verify->add_option("NAME", options->name, "data set or folder")->required();
  CLI::App* write = add("export", "write pictures as PNG into an image folder", run_export);
  write->add_option("NAME", options->name, "data set or folder")->required();
  write->add_option("--out", options->out, "folder to write into")->required();
  write->add_option("--count", options->count, "pictures of each split")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  write->add_option("--split-seed", options->split_seed, "as in octet train")
      ->capture_default_str();
  verb.footer(
      "A name is looked up in $OCTET_DATA, then ./data, then ${XDG_CACHE_HOME:-~/.cache}/octet.\n"
      "Examples:\n"
      "  octet data list\n"
      "  octet data get mnist\n"
      "  octet data export strokes --out pictures --count 200");
}

}  // namespace octet::cli
