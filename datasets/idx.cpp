#include "datasets/idx.h"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "framework/check.h"

namespace octet {
namespace {

constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;
constexpr std::uint32_t most_extent = 4096;

std::uint32_t big_endian(const Bytes& bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 |
         std::uint32_t{bytes[at + 2]} << 8 | bytes[at + 3];
}

void check_header(const Bytes& bytes, std::uint32_t magic, std::size_t size,
                  const std::string& source) {
  check(bytes.size() >= size, Failure::data, source, ": expected an IDX header of ", size,
        " bytes, got ", bytes.size(), " bytes");
  check(big_endian(bytes, 0) == magic, Failure::data, source, ": expected the IDX magic ", magic,
        magic == 0x803 ? " of pictures" : " of labels", ", got ", big_endian(bytes, 0));
  check(big_endian(bytes, 4) > 0, Failure::data, source, ": holds nothing");
}

void check_length(const Bytes& bytes, std::uint64_t expected, const std::string& source) {
  check(bytes.size() == expected, Failure::data, source, ": the header promises ", expected,
        " bytes, the file has ", bytes.size());
}

// Cuts `ending` off the name; false, and nothing cut, where it ends otherwise.
bool take_ending(std::string& name, std::string_view ending) {
  if (!name.ends_with(ending)) return false;
  name.resize(name.size() - ending.size());
  return true;
}

// Which of the four files this is, or null; leaves the set's prefix in `name`.
std::filesystem::path* slot_of(std::string& name, IdxFiles& files) {
  take_ending(name, ".gz");
  if (!take_ending(name, "ubyte") || name.empty()) return nullptr;
  name.pop_back();  // "-" mostly, "." at times
  const bool images = take_ending(name, "images-idx3") || take_ending(name, "images.idx3");
  if (!images && !take_ending(name, "labels-idx1") && !take_ending(name, "labels.idx1"))
    return nullptr;
  if (take_ending(name, "train-")) return images ? &files.train_images : &files.train_labels;
  if (take_ending(name, "t10k-") || take_ending(name, "test-"))
    return images ? &files.test_images : &files.test_labels;
  return nullptr;
}

void stand_up(IdxImages& images) {
  const std::int64_t rows = images.image[0], columns = images.image[1];
  const std::vector<std::uint8_t> lying = images.pixels;
  std::uint8_t* out = images.pixels.data();
  for (auto at = lying.begin(); at != lying.end(); at += rows * columns)
    for (std::int64_t x = 0; x < columns; ++x)
      for (std::int64_t y = 0; y < rows; ++y) *out++ = at[y * columns + x];
  images.image = {columns, rows, 1};
}

std::vector<std::uint8_t> read_labels(const std::filesystem::path& file) {
  return parse_idx_labels(read_idx_file(file), file.string());
}

}  // namespace

IdxImages parse_idx_images(Bytes bytes, const std::string& source) {
  check_header(bytes, 0x803, 16, source);
  const std::uint32_t rows = big_endian(bytes, 8), columns = big_endian(bytes, 12);
  check(rows > 0 && columns > 0 && rows <= most_extent && columns <= most_extent, Failure::data,
        source, ": expected pictures of 1 to ", most_extent, " pixels a side, got ", rows, " x ",
        columns);
  check_length(bytes, 16 + std::uint64_t{big_endian(bytes, 4)} * rows * columns, source);
  bytes.erase(bytes.begin(), bytes.begin() + 16);
  return {{rows, columns, 1}, std::move(bytes)};
}

std::vector<std::uint8_t> parse_idx_labels(Bytes bytes, const std::string& source) {
  check_header(bytes, 0x801, 8, source);
  check_length(bytes, 8 + std::uint64_t{big_endian(bytes, 4)}, source);
  bytes.erase(bytes.begin(), bytes.begin() + 8);
  return bytes;
}

Bytes gunzip(const Bytes& packed, const std::string& source, std::uint64_t most) {
  check(packed.size() <= most_bytes, Failure::data, source, ": expected at most ", most_bytes,
        " bytes of gzip");
  struct Stream : z_stream {
    Stream() : z_stream{} {}
    ~Stream() { inflateEnd(this); }
  } stream;
  check(inflateInit2(&stream, 15 + 16) == Z_OK, Failure::failed, "zlib cannot be started");
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  Bytes bytes;
  std::array<std::uint8_t, 1 << 16> buffer;
  for (;;) {
    stream.next_out = buffer.data();
    stream.avail_out = static_cast<uInt>(buffer.size());
    const int status = inflate(&stream, Z_NO_FLUSH);
    const std::size_t got = buffer.size() - stream.avail_out;
    check(bytes.size() + got <= most, Failure::data, source, ": expected at most ", most,
          " bytes once unpacked");
    bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(got));
    if (status == Z_STREAM_END) {
      if (stream.avail_in == 0) return bytes;
      check(inflateReset(&stream) == Z_OK, Failure::failed, "zlib cannot be started again");
      continue;
    }
    check(status != Z_BUF_ERROR, Failure::data, source, ": the gzip data is cut short");
    check(status == Z_OK, Failure::data, source,
          ": the gzip data is damaged: ", stream.msg != nullptr ? stream.msg : "zlib error");
  }
}

IdxFiles find_idx_files(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    names.push_back(entry.path().filename().string());
  // Longer names first, so that an unpacked file, the faster one, replaces its ".gz".
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  IdxFiles files;
  std::string first_prefix;
  bool any = false;
  for (const std::string& name : names) {
    std::string prefix = name;
    std::filesystem::path* slot = slot_of(prefix, files);
    if (slot == nullptr) continue;
    check(!any || prefix == first_prefix, Failure::data, folder.string(),
          ": expected the files of one data set, found '", first_prefix, "' and '", prefix, "'");
    first_prefix = prefix;
    any = true;
    *slot = folder / name;
  }
  return files;
}

Bytes read_idx_file(const std::filesystem::path& file) {
  Bytes bytes = read_file(file, most_bytes);
  const bool packed = bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
  return packed ? gunzip(bytes, file.string(), most_bytes) : bytes;
}

Dataset read_idx_folder(const std::filesystem::path& folder, Split split,
                        std::vector<std::string> classes) {
  const IdxFiles files = find_idx_files(folder);
  const bool train = split == Split::train;
  const auto& image_file = train ? files.train_images : files.test_images;
  const auto& label_file = train ? files.train_labels : files.test_labels;
  check(!image_file.empty() && !label_file.empty(), Failure::data, folder.string(),
        ": expected the IDX files ", train ? "train" : "t10k", "-images-idx3-ubyte and ",
        train ? "train" : "t10k", "-labels-idx1-ubyte, maybe with .gz");
  const std::vector<std::uint8_t> labels = read_labels(label_file);
  if (classes.empty()) {
    // A class that is missing from the test split must not change the number of classes.
    const bool other = !train && !files.train_labels.empty();
    const std::vector<std::uint8_t> all = other ? read_labels(files.train_labels) : labels;
    const int largest = *std::max_element(all.begin(), all.end());
    for (int label = 0; label <= largest; ++label) classes.push_back(std::to_string(label));
  }
  const std::uint8_t largest = *std::max_element(labels.begin(), labels.end());
  check(largest < classes.size(), Failure::data, label_file.string(), ": expected labels below ",
        classes.size(), ", got ", int{largest});
  IdxImages images = parse_idx_images(read_idx_file(image_file), image_file.string());
  const std::size_t count =
      images.pixels.size() / static_cast<std::size_t>(images.image.elements());
  check(count == labels.size(), Failure::data, label_file.string(), ": expected ", count,
        " labels, one for each picture of ", image_file.filename().string(), ", got ",
        labels.size());
  if (image_file.filename().string().starts_with("emnist-")) stand_up(images);
  return {folder.filename().string(),
          images.image,
          std::move(images.pixels),
          {labels.begin(), labels.end()},
          std::move(classes)};
}

}  // namespace octet
