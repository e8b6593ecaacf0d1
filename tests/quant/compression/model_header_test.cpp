#include "quant/compression/model_header.h"

#include <doctest/doctest.h>

#include "tests/quant/compression/random_models.h"

namespace octet {
namespace {
using namespace compression_test;

// A header that is stored as it is, made from its plain bytes.
ModelHeader read_plain(const Bytes& plain) {
  Bytes bytes;
  put_varint(bytes, plain.size());
  put_varint(bytes, plain.size());
  put_bytes(bytes, plain.data(), plain.size());
  ByteReader reader(bytes.data(), bytes.size(), "a.octet");
  return get_header(reader);
}

void put_text(Bytes& bytes, std::string_view text) {
  put_varint(bytes, text.size());
  put_bytes(bytes, text.data(), text.size());
}

constexpr std::string_view definition = "network name=tiny input=4x4x1\nlinear units=2\n";

Bytes plain_with(const std::vector<std::string>& attributes,
                 const std::vector<std::pair<std::string, Bytes>>& tensors) {
  Bytes plain;
  put_text(plain, definition);
  put_varint(plain, attributes.size());
  for (const std::string& key : attributes) {
    put_text(plain, key);
    put_text(plain, "value");
  }
  put_varint(plain, tensors.size());
  for (const auto& [name, rest] : tensors) {
    put_text(plain, name);
    put_bytes(plain, rest.data(), rest.size());
  }
  return plain;
}

TEST_CASE("model header: what is written is read, deflated or not") {
  ModelHeader header{parse_definition(definition, "test"), {}, {}};
  Draw draw(1);
  for (int i = 0; i < 40; ++i) {
    Bytes bytes;
    put_header(bytes, header);
    ByteReader reader(bytes.data(), bytes.size(), "test");
    const ModelHeader read = get_header(reader);
    CHECK(reader.left() == 0);
    CHECK(read.definition == header.definition);
    CHECK(read.attributes == header.attributes);
    REQUIRE(read.tensors.size() == header.tensors.size());
    for (std::size_t t = 0; t < read.tensors.size(); ++t) {
      CHECK(read.tensors[t].name == header.tensors[t].name);
      CHECK(read.tensors[t].element == header.tensors[t].element);
      CHECK(read.tensors[t].coding == header.tensors[t].coding);
      CHECK(read.tensors[t].scaled == header.tensors[t].scaled);
      CHECK(read.tensors[t].shape == header.tensors[t].shape);
    }
    std::string noise;
    for (int c = 0; c < 50; ++c) noise += static_cast<char>(draw.below(256));
    header.attributes["key" + std::to_string(draw.below(1000))] = noise;
    header.tensors.push_back({.name = "tensor" + std::to_string(100 + i),
                              .element = static_cast<Element>(i % 5),
                              .coding = i % 5 == 0 ? Coding::shared : Coding::raw,
                              .scaled = i % 2 == 0,
                              .shape = i % 3 ? Shape{i, 1 << i % 20} : Shape{}});
  }
}

TEST_CASE("model header: that of a small network takes little") {
  ModelHeader header{parse_definition("network name=lenet5 input=28x28x1\n"
                                      "convolution name=conv1 channels=20 kernel=5\n"
                                      "max_pool name=pool1 window=2\n"
                                      "convolution name=conv2 channels=50 kernel=5\n"
                                      "max_pool name=pool2 window=2\n"
                                      "linear name=fc1 units=500\nrelu name=relu1\n"
                                      "linear name=fc2 units=10\n",
                                      "test"),
                     {{"classes", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9"}, {"dataset", "mnist"}},
                     {}};
  for (const char* layer : {"conv1", "conv2", "fc1", "fc2"})
    for (const char* kind : {".bias", ".weight"})
      header.tensors.push_back({.name = std::string(layer) + kind, .shape = {500, 800}});
  Bytes bytes;
  put_header(bytes, header);
  CHECK(bytes.size() < 150);
}

TEST_CASE("model header: each wrong part is refused") {
  const Bytes good{0, 2, 3, 4};  // float32, raw, two axes
  CHECK(!failure_of([&] { read_plain(plain_with({"a", "b"}, {{"s", good}, {"t", good}})); }));
  const auto refused = [](const Bytes& plain) {
    std::string message;
    CHECK(failure_of([&] { read_plain(plain); }, &message) == Failure::data);
    CHECK(message.starts_with("a.octet: "));
    return message;
  };
  CHECK(refused(plain_with({"a", "a"}, {})).find("comes after") != std::string::npos);
  CHECK(refused(plain_with({"b", "a"}, {})).find("comes after") != std::string::npos);
  CHECK(refused(plain_with({}, {{"t", good}, {"t", good}})).find("after") != std::string::npos);
  CHECK(refused(plain_with({"a\nb"}, {})).find("printable") != std::string::npos);
  CHECK(refused(plain_with({""}, {})).find("printable") != std::string::npos);
  CHECK(refused(plain_with({}, {{"t\x1b", good}})).find("printable") != std::string::npos);
  CHECK(refused(plain_with({}, {{"t", {5, 0}}})).find("element type 5") != std::string::npos);
  CHECK(refused(plain_with({}, {{"t", {0x40, 0}}})).find("coding 4") != std::string::npos);
  CHECK(refused(plain_with({}, {{"t", {0x13, 0}}})).find("float32") != std::string::npos);
  CHECK(refused(plain_with({}, {{"t", {0x23, 0}}})).find("float32") != std::string::npos);
  CHECK(refused(plain_with({}, {{"t", {0, 6, 1, 1, 1, 1, 1, 1}}})).find("axes") !=
        std::string::npos);
  // Three extents of 2^21, and a zero that does not make them fewer.
  CHECK(refused(plain_with(
                    {}, {{"t", {0, 4, 0, 128, 128, 128, 1, 128, 128, 128, 1, 128, 128, 128, 1}}}))
            .find("2^40") != std::string::npos);
  Bytes more = plain_with({}, {});
  more.push_back(0);
  CHECK(refused(more).find("too many") != std::string::npos);
  Bytes cut = plain_with({"a"}, {{"t", good}});
  while (!cut.empty()) {
    cut.pop_back();
    refused(cut);
  }
}

TEST_CASE("model header: a definition that cannot be parsed is bad data, not wrong usage") {
  for (const std::string_view text :
       {"", "nonsense", "network name=a input=0x1x1\nlinear", "network name=a input=1x1x1\n\x01"}) {
    Bytes plain;
    put_text(plain, text);
    plain.push_back(0);
    plain.push_back(0);
    CHECK(failure_of([&] { read_plain(plain); }) == Failure::data);
  }
}

}  // namespace
}  // namespace octet
