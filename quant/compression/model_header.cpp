#include "quant/compression/model_header.h"

#include <zlib.h>

#include <algorithm>

#include "framework/check.h"

namespace octet {
namespace {

// What a file may ask for before it has shown as many bytes.
constexpr std::size_t max_plain = 1 << 24;
constexpr std::size_t max_items = 1 << 16;
constexpr std::size_t max_inflation = 1040;  // deflate reaches 1032
constexpr std::size_t max_name = 255;
constexpr std::int64_t max_elements = std::int64_t{1} << 40;

// What headers are made of, so that deflate has seen it before: halves the header of a small model.
// Part of the format: another text needs another file version.
constexpr std::string_view dictionary =
    "optimizer.momentum.state.error_range.activation_range.weight_range.scale.mean.variance"
    "residual_end\nresidual_begin\ndropout rate=0.5\nflatten\nglobal_average_pool\naverage_pool "
    "window=2\nbatch_norm\nclip\n activation= bias=no groups= stride=2 padding=1\n"
    "network name=lenet input=32x32x3\nconvolution channels=64 kernel=3\nrelu\n"
    "max_pool name=pool1 window=2\nconvolution name=conv2 channels=128 kernel=5\n"
    "linear name=fc1 units=10\nlinear units=classes\nrelu name=relu1\n"
    "classes0\n1\n2\n3\n4\n5\n6\n7\n8\n9datasetcifar10mnistdeviation0.meanepochseedstep"
    "precisionint8float32conv1.biasconv1.weightfc1.biasfc1.weight";
const auto* const dictionary_data = reinterpret_cast<const Bytef*>(dictionary.data());

constexpr std::uint8_t scaled_bit = 0x80;

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= max_name && is_printable(text);
}

void put_text(Bytes& bytes, std::string_view text) {
  put_varint(bytes, text.size());
  put_bytes(bytes, text.data(), text.size());
}

// True unless a product of the extents, zeros left out, could overflow.
bool is_sane(const std::vector<std::int64_t>& extents) {
  std::int64_t product = 1;
  for (const std::int64_t extent : extents) {
    if (extent < 0 || extent > max_elements / product) return false;
    product *= std::max<std::int64_t>(extent, 1);
  }
  return true;
}

void put_entry(Bytes& bytes, const TensorEntry& tensor) {
  std::vector<std::int64_t> extents;
  for (int axis = 0; axis < tensor.shape.rank(); ++axis) extents.push_back(tensor.shape[axis]);
  check(is_name(tensor.name), Failure::failed, "expected a tensor name of 1 to ", max_name,
        " printable characters, got '", tensor.name, "'");
  check(is_sane(extents), Failure::failed, tensor.name, ": expected at most 2^40 elements, got ",
        print(tensor.shape));
  put_text(bytes, tensor.name);
  bytes.push_back(static_cast<std::uint8_t>(static_cast<int>(tensor.element) |
                                            static_cast<int>(tensor.coding) << 4 |
                                            (tensor.scaled ? scaled_bit : 0)));
  bytes.push_back(static_cast<std::uint8_t>(extents.size()));
  for (const std::int64_t extent : extents) put_varint(bytes, static_cast<std::uint64_t>(extent));
}

TensorEntry get_entry(ByteReader& reader) {
  const std::string& source = reader.source();
  TensorEntry tensor;
  tensor.name = reader.text("a tensor's name");
  check(is_name(tensor.name), Failure::data, source, ": expected printable tensor names");
  const int kind = reader.byte();
  tensor.scaled = (kind & scaled_bit) != 0;
  check((kind & 0x0f) <= static_cast<int>(Element::int32), Failure::data, source, ": ", tensor.name,
        ": unknown element type ", kind & 0x0f);
  tensor.element = static_cast<Element>(kind & 0x0f);
  check(((kind >> 4) & 7) <= static_cast<int>(Coding::rans), Failure::data, source, ": ",
        tensor.name, ": unknown coding ", (kind >> 4) & 7);
  tensor.coding = static_cast<Coding>((kind >> 4) & 7);
  check(tensor.coding == Coding::raw || tensor.element == Element::float32 ||
            tensor.element == Element::int8,
        Failure::data, source, ": ", tensor.name,
        ": expected coded weights of type float32 or int8");
  const int rank = reader.byte();
  check(rank <= Shape::max_rank, Failure::data, source, ": ", tensor.name, ": expected at most ",
        Shape::max_rank, " axes, got ", rank);
  std::vector<std::int64_t> extents;
  for (int axis = 0; axis < rank; ++axis)
    extents.push_back(static_cast<std::int64_t>(reader.varint(max_elements, "an extent")));
  check(is_sane(extents), Failure::data, source, ": ", tensor.name, ": more than 2^40 elements");
  tensor.shape = Shape(extents);
  return tensor;
}

Bytes deflated(const Bytes& plain) {
  z_stream stream{};
  check(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, MAX_MEM_LEVEL,
                     Z_DEFAULT_STRATEGY) == Z_OK,
        Failure::failed, "zlib cannot deflate");
  deflateSetDictionary(&stream, dictionary_data, static_cast<uInt>(dictionary.size()));
  Bytes stored(deflateBound(&stream, plain.size()));
  stream.next_in = const_cast<Bytef*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = stored.data();
  stream.avail_out = static_cast<uInt>(stored.size());
  const int status = deflate(&stream, Z_FINISH);
  stored.resize(stream.total_out);
  deflateEnd(&stream);
  check(status == Z_STREAM_END, Failure::failed, "zlib cannot deflate");
  return stored;
}

Bytes inflated(const std::uint8_t* stored, std::size_t size, std::size_t plain_size,
               const std::string& source) {
  z_stream stream{};
  check(inflateInit2(&stream, -MAX_WBITS) == Z_OK, Failure::failed, "zlib cannot inflate");
  inflateSetDictionary(&stream, dictionary_data, static_cast<uInt>(dictionary.size()));
  Bytes plain(plain_size);
  stream.next_in = const_cast<Bytef*>(stored);
  stream.avail_in = static_cast<uInt>(size);
  stream.next_out = plain.data();
  stream.avail_out = static_cast<uInt>(plain_size);
  const int status = inflate(&stream, Z_FINISH);
  const bool whole =
      status == Z_STREAM_END && stream.avail_in == 0 && stream.total_out == plain_size;
  inflateEnd(&stream);
  check(whole, Failure::data, source, ": the header cannot be inflated");
  return plain;
}

Definition get_definition(ByteReader& reader) {
  const std::string text = reader.text("the definition");
  check(std::all_of(text.begin(), text.end(),
                    [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }),
        Failure::data, reader.source(), ": expected a definition of printable characters");
  try {
    return parse_definition(text, "definition");
  } catch (const Error& error) {
    fail(Failure::data, reader.source(), ": ", error.what());
  }
}

}  // namespace

void put_header(Bytes& bytes, const ModelHeader& header) {
  const std::string text = print(header.definition);
  check(parse_definition(text, "definition") == header.definition, Failure::failed,
        "the definition of ", header.definition.name, " would not be read back as it is");
  check(std::max(header.attributes.size(), header.tensors.size()) <= max_items, Failure::failed,
        "expected at most ", max_items, " attributes and tensors, got ", header.attributes.size(),
        " and ", header.tensors.size());
  Bytes plain;
  put_text(plain, text);
  put_varint(plain, header.attributes.size());
  for (const auto& [key, value] : header.attributes) {
    check(is_name(key), Failure::failed, "expected an attribute name of 1 to ", max_name,
          " printable characters, got '", key, "'");
    put_text(plain, key);
    put_text(plain, value);
  }
  put_varint(plain, header.tensors.size());
  for (const TensorEntry& tensor : header.tensors) put_entry(plain, tensor);
  check(plain.size() <= max_plain, Failure::failed, "expected a header of at most ", max_plain,
        " bytes, got ", plain.size());

  const Bytes shorter = deflated(plain);
  const Bytes& stored = shorter.size() < plain.size() ? shorter : plain;
  put_varint(bytes, plain.size());
  put_varint(bytes, stored.size());
  put_bytes(bytes, stored.data(), stored.size());
}

ModelHeader get_header(ByteReader& reader) {
  const auto size = static_cast<std::size_t>(reader.varint(max_plain, "the header's size"));
  const auto stored = static_cast<std::size_t>(reader.varint(size, "the stored header's size"));
  const std::uint8_t* const data = reader.take(stored);
  check(size <= max_inflation * stored, Failure::data, reader.source(), ": a header of ", stored,
        " bytes cannot hold ", size);
  const Bytes plain =
      stored == size ? Bytes(data, data + size) : inflated(data, stored, size, reader.source());

  ByteReader texts(plain.data(), plain.size(), reader.source() + ": header");
  ModelHeader header;
  header.definition = get_definition(texts);
  std::string latest;
  for (auto left = texts.varint(max_items, "the number of attributes"); left > 0; --left) {
    std::string key = texts.text("an attribute's name");
    check(is_name(key), Failure::data, texts.source(), ": expected printable attribute names");
    check(key > latest, Failure::data, texts.source(), ": attribute ", key, " comes after ",
          latest);
    header.attributes[latest = std::move(key)] = texts.text("an attribute");
  }
  latest.clear();
  for (auto left = texts.varint(max_items, "the number of tensors"); left > 0; --left) {
    header.tensors.push_back(get_entry(texts));
    check(header.tensors.back().name > latest, Failure::data, texts.source(), ": tensor ",
          header.tensors.back().name, " comes after ", latest);
    latest = header.tensors.back().name;
  }
  check(texts.left() == 0, Failure::data, texts.source(), ": ", texts.left(), " bytes too many");
  return header;
}

}  // namespace octet
