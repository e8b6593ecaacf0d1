#include "examples/papers/common/kept_results.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "framework/check.h"
#include "framework/files.h"
#include "quant/compression/model_file.h"

namespace octet::papers {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto file_name = "results.jsonl";

Json to_json(const std::string& training, const Result& result) {
  Json line{{"training", training},
            {"error", result.error},
            {"diverged", result.diverged},
            {"minutes", result.minutes}};
  for (const auto& [epochs, error] : result.after) line["after"][std::to_string(epochs)] = error;
  return line;
}

Result from_json(const Json& line) {
  Result result{.error = line.at("error").get<double>(),
                .diverged = line.at("diverged").get<bool>(),
                .minutes = line.at("minutes").get<double>()};
  if (line.contains("after"))
    for (const auto& [epochs, error] : line.at("after").items())
      result.after[std::stoll(epochs)] = error.get<double>();
  return result;
}

}  // namespace

KeptResults::KeptResults(const std::string& folder) {
  if (folder.empty()) return;
  folder_ = folder;
  file_ = folder_ / file_name;
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  check(!error && std::filesystem::is_directory(folder_), Failure::usage, "--results ", folder,
        ": expected a folder, or a name that one can be made of");
  if (!std::filesystem::exists(file_)) {
    check_writable(file_);
    return;
  }
  const Bytes bytes = read_file(file_);
  const std::string text(bytes.begin(), bytes.end());
  std::size_t number = 0;
  for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    ++number;
    try {
      const Json line = Json::parse(text.substr(begin, end - begin));
      results_[line.at("training").get<std::string>()] = from_json(line);
    } catch (const std::exception&) {
      throw Error(Failure::data, join(file_.string(), ", line ", number,
                                      ": expected a result that a program of the papers wrote"));
    }
  }
  if (!text.empty() && text.back() != '\n')  // cut off: the next line must not go on with it
    write_file(file_, text.substr(0, text.rfind('\n') + 1));
}

std::optional<Result> KeptResults::find(const std::string& training) const {
  const auto found = results_.find(training);
  return found == results_.end() ? std::nullopt : std::optional(found->second);
}

void KeptResults::add(const std::string& training, const Result& result) {
  if (folder_.empty()) return;
  results_[training] = result;
  std::ofstream out(file_, std::ios::app | std::ios::binary);
  out << to_json(training, result).dump() + "\n" << std::flush;
  check(static_cast<bool>(out), Failure::failed, file_.string(), ": cannot be written");
}

std::filesystem::path KeptResults::network_file(const std::string& training) const {
  return folder_ / (sha256(training.data(), training.size()).substr(0, 16) + ".octet");
}

bool KeptResults::restore(const std::string& training, Network& network) const {
  if (folder_.empty() || !std::filesystem::exists(network_file(training))) return false;
  network.restore(read_model(network_file(training)));
  return true;
}

void KeptResults::keep(const std::string& training, const Network& network) const {
  if (!folder_.empty()) write_model(network_file(training), network.snapshot());
}

}  // namespace octet::papers
