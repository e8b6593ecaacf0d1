#include "quant/compression/model_file.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "framework/check.h"
#include "quant/compression/bit_stream.h"
#include "quant/compression/context_coding.h"
#include "quant/compression/distinct_values.h"
#include "quant/compression/model_header.h"
#include "quant/compression/rans_coding.h"
#include "quant/compression/shared_coding.h"

namespace octet {
namespace {

constexpr std::string_view magic = "OCTET";
constexpr std::array<std::string_view, 4> coder_names{"best", "huffman", "arithmetic", "rans"};
constexpr std::uint8_t version = 1;
constexpr std::size_t checksum_size = 4;
constexpr std::size_t least_size = magic.size() + 1 + checksum_size;

std::uint32_t checksum(const std::uint8_t* data, std::size_t size) {
  return static_cast<std::uint32_t>(crc32_z(0, data, size));
}

bool is_scaled(const Tensor& tensor) {
  return tensor.zero_point != 0 || tensor.scales.size() != 1 ||
         std::bit_cast<std::uint32_t>(tensor.scales[0]) != std::bit_cast<std::uint32_t>(1.0f);
}

bool is_scale_count(std::uint64_t count, const Shape& shape) {
  return count == 1 || (shape.rank() > 0 && count == static_cast<std::uint64_t>(shape[0]));
}

void put_scaling(Bytes& bytes, const std::string& name, const Tensor& tensor) {
  check(is_scale_count(tensor.scales.size(), tensor.shape()), Failure::failed, name,
        ": expected one scale or one for each filter of ", print(tensor.shape()), ", got ",
        tensor.scales.size());
  put_bytes(bytes, &tensor.zero_point, 4);
  put_varint(bytes, tensor.scales.size());
  put_bytes(bytes, tensor.scales.data(), 4 * tensor.scales.size());
}

void get_scaling(ByteReader& reader, const Shape& shape, std::int32_t& zero_point,
                 std::vector<float>& scales) {
  std::memcpy(&zero_point, reader.take(4), 4);
  const std::uint64_t count = reader.varint(reader.left() / 4, "scales");
  check(is_scale_count(count, shape), Failure::data, reader.source(),
        ": expected one scale or one for each filter of ", print(shape), ", got ", count);
  scales.resize(static_cast<std::size_t>(count));
  if (count > 0) std::memcpy(scales.data(), reader.take(4 * count), 4 * scales.size());
}

// The coders know float32 values; codes of int8 are whole ones.
Tensor as_floats(const Tensor& codes) {
  Tensor values(codes.shape());
  std::copy_n(codes.data<std::int8_t>(), codes.elements(), values.floats());
  return values;
}

Tensor as_codes(const Tensor& values, const std::string& source) {
  Tensor codes(values.shape(), Element::int8);
  for (std::int64_t i = 0; i < values.elements(); ++i) {
    const float value = values.floats()[i];
    check(value >= -128 && value <= 127 && value == std::nearbyint(value), Failure::data, source,
          ": expected codes of int8, got ", value);
    codes.data<std::int8_t>()[i] = static_cast<std::int8_t>(value);
  }
  return codes;
}

Tensor get_tensor(ByteReader& file, const TensorEntry& entry, TensorReport* report) {
  ByteReader reader(file.here(), file.left(), file.source() + ": tensor " + entry.name);
  std::int32_t zero_point = 0;
  std::vector<float> scales{1.0f};
  if (entry.scaled) get_scaling(reader, entry.shape, zero_point, scales);
  const std::size_t scaling = file.left() - reader.left();
  Tensor tensor;
  if (entry.coding == Coding::shared) {
    tensor = decode_shared(reader, entry.name, entry.shape, report);
  } else if (entry.coding == Coding::contexts) {
    tensor = decode_contexts(reader, entry.name, entry.shape, report);
  } else if (entry.coding == Coding::rans) {
    tensor = decode_rans(reader, entry.name, entry.shape, report);
  } else {
    const auto size = static_cast<std::uint64_t>(entry.shape.elements()) * size_of(entry.element);
    const std::uint8_t* const data = reader.take(size);
    tensor.resize(entry.shape, entry.element);
    if (size > 0) std::memcpy(tensor.raw(), data, tensor.bytes());
    if (report) *report = report_raw(entry.name, tensor);
  }
  if (entry.coding != Coding::raw && entry.element == Element::int8)
    tensor = as_codes(tensor, reader.source());
  tensor.zero_point = zero_point;
  tensor.scales = std::move(scales);
  if (report) add_scaling(*report, scaling);
  file.take(file.left() - reader.left());
  return tensor;
}

// None where the tensor is smallest as it lies.
std::optional<CodedTensor> encode_smallest(const std::string& name, const Tensor& tensor,
                                           const EncodeOptions& options) {
  constexpr std::int64_t quick = 1 << 24;
  auto distinct =
      find_distinct(tensor.element() == Element::int8 ? as_floats(tensor) : tensor);
  if (!distinct) return std::nullopt;
  std::optional<CodedTensor> best;
  const auto offer = [&](CodedTensor coded) {
    if (coded.bytes.size() < (best ? best->bytes.size() : tensor.bytes())) best = std::move(coded);
  };
  const auto may_use = [&](Coder coder) {
    return options.coder == coder || options.coder == Coder::best;
  };
  if (options.coder == Coder::arithmetic ||
      (options.coder == Coder::best && tensor.elements() <= quick))
    offer(encode_contexts(name, tensor.shape(), *distinct));
  if (may_use(Coder::rans)) offer(encode_rans(name, tensor.shape(), *distinct, options.index_bits));
  if (may_use(Coder::huffman))
    offer(encode_shared(name, tensor.shape(), std::move(*distinct), options.index_bits));
  return best;
}

}  // namespace

std::string_view print(Coder coder) { return coder_names[static_cast<std::size_t>(coder)]; }

Coder parse_coder(std::string_view text) {
  const auto found = std::find(coder_names.begin(), coder_names.end(), text);
  check(found != coder_names.end(), Failure::usage,
        "expected best, huffman, arithmetic or rans for a coder, got '", text, "'");
  return static_cast<Coder>(found - coder_names.begin());
}

Bytes encode(const Model& model, const EncodeOptions& options, std::vector<TensorReport>* reports) {
  check(!options.index_bits || (*options.index_bits >= 1 && *options.index_bits <= 8),
        Failure::usage, "expected 1 to 8 index bits, got ", options.index_bits.value_or(0));
  ModelHeader header{model.definition, model.attributes, {}};
  Bytes payloads;
  if (reports) reports->clear();
  for (const auto& [name, tensor] : model.tensors) {
    const bool scaled = is_scaled(tensor);
    const std::size_t before = payloads.size();
    if (scaled) put_scaling(payloads, name, tensor);
    const std::size_t scaling = payloads.size() - before;
    std::optional<CodedTensor> coded = encode_smallest(name, tensor, options);
    if (coded)
      put_bytes(payloads, coded->bytes.data(), coded->bytes.size());
    else
      put_bytes(payloads, tensor.raw(), tensor.bytes());
    header.tensors.push_back({name, tensor.element(), coded ? coded->report.coding : Coding::raw,
                              scaled, tensor.shape()});
    if (!reports) continue;
    reports->push_back(coded ? std::move(coded->report) : report_raw(name, tensor));
    add_scaling(reports->back(), scaling);
  }
  Bytes bytes(magic.begin(), magic.end());
  bytes.push_back(version);
  put_header(bytes, header);
  bytes.reserve(bytes.size() + payloads.size() + checksum_size);
  put_bytes(bytes, payloads.data(), payloads.size());
  const std::uint32_t sum = checksum(bytes.data(), bytes.size());
  put_bytes(bytes, &sum, checksum_size);
  return bytes;
}

Model decode(const Bytes& bytes, std::string_view source, std::vector<TensorReport>* reports) {
  check(bytes.size() >= least_size && std::equal(magic.begin(), magic.end(), bytes.begin()),
        Failure::data, source, ": expected a model file, which begins with ", magic);
  const std::size_t size = bytes.size() - checksum_size;
  std::uint32_t sum = 0;
  std::memcpy(&sum, bytes.data() + size, checksum_size);
  check(sum == checksum(bytes.data(), size), Failure::data, source,
        ": damaged or cut short, its checksum differs");
  const int written = bytes[magic.size()];
  check(written <= version, Failure::data, source, ": expected file version ", int{version},
        ", got ", written, ": it was written by a newer Octet");
  check(written == version, Failure::data, source, ": unknown file version ", written);

  ByteReader reader(bytes.data() + magic.size() + 1, size - magic.size() - 1, std::string(source));
  ModelHeader header = get_header(reader);
  Model model{std::move(header.definition), std::move(header.attributes), {}};
  if (reports) reports->clear();
  for (const TensorEntry& entry : header.tensors) {
    TensorReport report;
    model.tensors[entry.name] = get_tensor(reader, entry, reports ? &report : nullptr);
    if (reports) reports->push_back(std::move(report));
  }
  check(reader.left() == 0, Failure::data, source, ": ", reader.left(),
        " bytes too many after the last tensor");
  return model;
}

void write_model(const std::filesystem::path& file, const Model& model,
                 const EncodeOptions& options) {
  const Bytes bytes = encode(model, options);
  write_file(file, bytes.data(), bytes.size());
}

Model read_model(const std::filesystem::path& file) {
  return decode(read_file(file), file.string());
}

}  // namespace octet
