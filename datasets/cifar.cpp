#include "datasets/cifar.h"

#include <algorithm>
#include <sstream>

#include "framework/check.h"

namespace octet {
namespace {

constexpr std::int64_t plane = 32 * 32;
constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;

std::size_t class_count(Cifar kind) { return kind == Cifar::ten ? 10 : 100; }

// The names in the folder's list; those everybody knows, or numbers, where there is no list.
std::vector<std::string> class_names(const std::filesystem::path& folder, Cifar kind) {
  const auto file = folder / (kind == Cifar::ten ? "batches.meta.txt" : "fine_label_names.txt");
  if (!std::filesystem::exists(file)) {
    if (kind == Cifar::ten)
      return {"airplane", "automobile", "bird",  "cat",  "deer",
              "dog",      "frog",       "horse", "ship", "truck"};
    std::vector<std::string> numbers;
    for (int label = 0; label < 100; ++label) numbers.push_back(std::to_string(label));
    return numbers;
  }
  const Bytes bytes = read_file(file, 1 << 16);
  std::istringstream text(std::string(bytes.begin(), bytes.end()));
  std::vector<std::string> names;
  for (std::string name; text >> name;) names.push_back(name);
  check(names.size() == class_count(kind), Failure::data, file.string(), ": expected ",
        class_count(kind), " class names, got ", names.size());
  return names;
}

}  // namespace

std::int64_t record_size(Cifar kind) { return 3 * plane + (kind == Cifar::ten ? 1 : 2); }

std::vector<std::filesystem::path> cifar_files(const std::filesystem::path& folder, Cifar kind,
                                               Split split) {
  if (kind == Cifar::hundred) return {folder / (split == Split::train ? "train.bin" : "test.bin")};
  if (split == Split::test) return {folder / "test_batch.bin"};
  std::vector<std::filesystem::path> files;
  for (char batch = '1'; batch <= '5'; ++batch)
    files.push_back(folder / (std::string("data_batch_") + batch + ".bin"));
  return files;
}

bool has_cifar(const std::filesystem::path& folder, Cifar kind) {
  for (const Split split : {Split::train, Split::test})
    for (const auto& file : cifar_files(folder, kind, split))
      if (std::error_code error; std::filesystem::is_regular_file(file, error)) return true;
  return false;
}

void parse_cifar(const Bytes& bytes, const std::string& source, Cifar kind, Dataset& into) {
  const auto size = static_cast<std::size_t>(record_size(kind));
  check(!bytes.empty() && bytes.size() % size == 0, Failure::data, source, ": expected records of ",
        size, " bytes, got ", bytes.size(), " bytes");
  std::size_t filled = into.pixels.size();
  into.pixels.resize(filled + bytes.size() / size * 3 * plane);
  for (std::size_t start = 0; start < bytes.size(); start += size) {
    const std::uint8_t* red = bytes.data() + start + size - 3 * plane;
    const std::uint8_t label = red[-1];
    check(label < class_count(kind), Failure::data, source, ": expected labels below ",
          class_count(kind), ", record ", start / size, " has ", int{label});
    into.labels.push_back(label);
    for (std::int64_t pixel = 0; pixel < plane; ++pixel)
      for (std::int64_t c = 0; c < 3; ++c) into.pixels[filled++] = red[pixel + c * plane];
  }
}

Dataset read_cifar_folder(const std::filesystem::path& folder, Cifar kind, Split split) {
  Dataset dataset{folder.filename().string(), {32, 32, 3}, {}, {}, class_names(folder, kind)};
  for (const auto& file : cifar_files(folder, kind, split))
    parse_cifar(read_file(file, most_bytes), file.string(), kind, dataset);
  return dataset;
}

}  // namespace octet
