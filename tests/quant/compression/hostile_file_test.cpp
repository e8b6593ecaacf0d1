// The reader of model files against files that are damaged, and files that are made to do harm.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <cmath>
#include <fstream>

#include "quant/compression/model_file.h"
#include "quant/compression/model_header.h"
#include "tests/quant/compression/random_models.h"

namespace octet {
namespace {
using namespace compression_test;

Model small_model() {
  Draw draw(1);
  Model model = empty_model();
  model.attributes["classes"] = "cat\ndog";
  model.tensors["fc1.weight"] = clustered(draw, Shape{20, 30}, 6, 0.1f);
  model.tensors["fc1.bias"] = any_bits(draw, Shape{3}, Element::float32);
  model.tensors["codes"] = any_bits(draw, Shape{2, 3}, Element::int8);
  model.tensors["codes"].scales = {0.5f, 0.25f};
  return model;
}

// Lets the process grow by 1 GB at most, so that an absurd allocation throws std::bad_alloc, which
// no test here expects. Address sanitizers reserve terabytes and cannot be limited.
class MemoryLimit {
 public:
  MemoryLimit() {
    getrlimit(RLIMIT_AS, &before_);
#if !defined(__SANITIZE_ADDRESS__)
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit limit = before_;
    limit.rlim_cur = std::min<rlim_t>(pages * 4096 + (std::uint64_t{1} << 30), before_.rlim_max);
    setrlimit(RLIMIT_AS, &limit);
#endif
  }
  ~MemoryLimit() { setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

// Decodes bytes that may be anything: a model in proportion to their number, or Error(data) in one
// line that names the source. Returns whether there was a model.
bool survives(const Bytes& bytes) {
  std::string message;
  std::size_t size = 0;
  std::vector<TensorReport> reports;
  const auto failure = failure_of(
      [&] {
        for (const auto& [name, tensor] : decode(bytes, "bad.octet", &reports).tensors)
          size += tensor.bytes();
      },
      &message);
  if (!failure) {
    REQUIRE(size <= 8192 * bytes.size());
    return true;
  }
  REQUIRE(*failure == Failure::data);
  REQUIRE(message.starts_with("bad.octet: "));
  REQUIRE(message.find('\n') == std::string::npos);
  return false;
}

constexpr Coder coders[] = {Coder::best, Coder::huffman, Coder::arithmetic, Coder::rans};

TEST_CASE("hostile files: a file cut at any length is refused, and so is one byte more") {
  Bytes whole;
  SUBCASE("Huffman") { whole = encode(small_model(), {{}, Coder::huffman}); }
  SUBCASE("arithmetic") { whole = encode(small_model(), {{}, Coder::arithmetic}); }
  SUBCASE("rANS") { whole = encode(small_model(), {{}, Coder::rans}); }
  REQUIRE(survives(whole));
  for (std::size_t size = 0; size < whole.size(); ++size)
    REQUIRE(!survives(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))));
  Bytes longer = whole;
  longer.push_back(0);
  CHECK(!survives(longer));
  forge_checksum(longer);
  CHECK(!survives(longer));
}

TEST_CASE("hostile files: a file with any byte changed is refused") {
  Bytes whole;
  SUBCASE("Huffman") { whole = encode(small_model(), {{}, Coder::huffman}); }
  SUBCASE("arithmetic") { whole = encode(small_model(), {{}, Coder::arithmetic}); }
  SUBCASE("rANS") { whole = encode(small_model(), {{}, Coder::rans}); }
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (int change = 1; change < 256; ++change) {
      Bytes bytes = whole;
      bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ change);
      REQUIRE(!survives(bytes));
    }
}

TEST_CASE("hostile files: changes under a forged checksum do no harm") {
  const MemoryLimit limit;
  int accepted = 0, refused = 0;
  for (std::uint64_t seed = 0; seed < 16; ++seed) {
    const Bytes whole =
        encode(seed % 5 == 0 ? small_model() : random_model(seed), {{}, coders[seed % 4]});
    Draw draw(seed + 100);
    for (int i = 0; i < 1000; ++i) {
      Bytes bytes = whole;
      for (std::uint32_t changes = 1 + draw.below(4); changes > 0; --changes) {
        // Half of them where sizes and tables stand.
        const auto size = static_cast<std::uint32_t>(bytes.size());
        const std::uint32_t at = draw.below(draw.below(2) ? size : std::min(size, 400u));
        bytes[at] = static_cast<std::uint8_t>(draw.below(3) ? bytes[at] ^ (1u << draw.below(8))
                                                            : draw.below(256));
      }
      if (draw.below(4) == 0) bytes.resize(draw.below(static_cast<std::uint32_t>(bytes.size())));
      forge_checksum(bytes);
      (survives(bytes) ? accepted : refused) += 1;
    }
  }
  CHECK(refused > 4000);
  CHECK(accepted > 10);
}

// A file of one tensor whose header and payload are given; the header is not deflated away.
Bytes forged(const TensorEntry& entry, const Bytes& payload) {
  Bytes bytes{'O', 'C', 'T', 'E', 'T', 1};
  put_header(bytes, {empty_model().definition, {}, {entry}});
  put_bytes(bytes, payload.data(), payload.size());
  bytes.resize(bytes.size() + 4);
  forge_checksum(bytes);
  return bytes;
}

// The front of a shared payload of one cluster and 8 index bits; its gaps are 256, or 255 too.
Bytes shared_front(std::uint64_t entries, bool one_gap) {
  Bytes bytes{1};
  put_varint(bytes, entries);
  put_bytes(bytes, "\x08\x02\x80\x3f", 4);
  BitWriter bits(bytes);
  put_lengths(bits, {0, 1});
  CodeLengths gaps(256);
  gaps[255] = 1;
  gaps[254] = one_gap ? 0 : 1;
  put_lengths(bits, gaps);
  bits.finish();
  return bytes;
}

TEST_CASE("hostile files: claims of many elements are refused without allocating") {
  const MemoryLimit limit;
  const std::int64_t huge = std::int64_t{1} << 39;
  const TensorEntry shared{.name = "w", .coding = Coding::shared, .shape = {huge}};
  CHECK(!survives(forged({.name = "w", .coding = Coding::raw, .shape = {huge}}, {1, 2, 3, 4})));
  CHECK(!survives(forged(shared, {0, 0, 8})));
  TensorEntry contexts{.name = "w", .coding = Coding::contexts, .shape = {huge}};
  CHECK(!survives(forged(contexts, {0, 0, 0})));
  for (const Shape& none : {Shape{1, 0, 1, huge}, Shape{0, 1, 1, huge}, Shape{0, huge}}) {
    contexts.shape = none;
    CHECK(survives(forged(contexts, {0, 0, 0})));
  }
  Bytes cheap{0, 1, 1, 0x40};  // 1000 bytes may say as much as 2^21 elements, and no more
  put_varint(cheap, 1000);
  cheap.resize(cheap.size() + 1000);
  contexts.shape = {(std::int64_t{1} << 21) + 2049};
  CHECK(!survives(forged(contexts, cheap)));
  contexts.shape = {huge, 0};  // a great many rows of nothing
  CHECK(survives(forged(contexts, {0, 0, 0})));
  CHECK(!survives(forged(contexts, {0, 0, 1, 0})));  // a zero that nobody needs
  contexts.shape = {100};
  CHECK(survives(forged(contexts, {0, 0, 1, 255})));       // zeros
  CHECK(!survives(forged(contexts, {0, 0, 1, 1})));        // a value where there are none
  CHECK(!survives(forged(contexts, {0, 1, 5, 0x40, 0})));  // an unknown form of values
  CHECK(!survives(forged(contexts, {0, 1, 1, 0x80, 0})));  // a negative one among the positive
  CHECK(!survives(forged(shared, shared_front(std::uint64_t{1} << 35, false))));
  CHECK(!survives(forged({.name = "w", .scaled = true, .shape = {huge}},
                         {0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f})));
}

TEST_CASE("hostile files: blocks of rANS that claim more than is there are refused") {
  const MemoryLimit limit;
  TensorEntry entry{.name = "w", .coding = Coding::rans, .shape = {std::int64_t{1} << 39}};
  CHECK(!survives(forged(entry, {0, 8, 0})));
  for (const Shape& none : {Shape{1, 0, 1, 1 << 30}, Shape{0}, Shape{1 << 30, 0}}) {
    entry.shape = none;
    CHECK(survives(forged(entry, {0, 8})));
    CHECK(!survives(forged(entry, {0, 8, 0})));
  }
  entry.shape = {2048 * 9 + 100};
  CHECK(survives(forged(entry, {0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})));
  CHECK(!survives(forged(entry, {0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0})));        // a zero too few
  CHECK(!survives(forged(entry, {0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})));  // too many
  CHECK(!survives(forged(entry, {0, 8, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0})));
  // More entries than elements, a stream longer than the file, entries without a stream.
  entry.shape = {100};
  CHECK(!survives(forged(entry, {0, 8, 101, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0})));
  CHECK(!survives(forged(entry, {0, 8, 100, 255, 255, 255, 255, 255, 255, 127})));
  CHECK(!survives(forged(entry, {0, 8, 100, 0, 0, 0, 0})));
  // A table that gives every symbol a part, of thousands of gaps that do not exist.
  CHECK(!survives(forged(entry, {0, 1, 50, 4, 0xe1, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0})));
}

TEST_CASE("hostile files: entries that cost no bits are refused") {
  const TensorEntry entry{.name = "w", .coding = Coding::shared, .shape = {16 * 256}};
  Bytes honest = shared_front(16, false);
  for (int i = 0; i < 2; ++i) honest.push_back(0xff);  // the gap of 256 has the second word
  CHECK(survives(forged(entry, honest)));
  CHECK(!survives(forged(entry, shared_front(16, true))));
}

TEST_CASE("hostile files: values that are no codes of int8 are refused") {
  // The entries of a float32 tensor, said to be codes.
  for (const float value : {1.0f, -128.0f, 0.5f, 128.0f, std::nanf("")}) {
    Model model = empty_model();
    Tensor weights(Shape{100});
    weights.fill_zero();
    weights.floats()[7] = value;
    model.tensors["w"] = weights;
    Bytes bytes = encode(model, {{}, Coder::huffman});
    ByteReader reader(bytes.data() + 6, bytes.size() - 10, "test");
    ModelHeader header = get_header(reader);
    REQUIRE(header.tensors[0].coding == Coding::shared);
    header.tensors[0].element = Element::int8;
    Bytes lying(bytes.begin(), bytes.begin() + 6);
    put_header(lying, header);
    put_bytes(lying, reader.here(), reader.left());
    lying.resize(lying.size() + 4);
    forge_checksum(lying);
    CHECK(survives(lying) == (value == 1.0f || value == -128.0f));
  }
}

TEST_CASE("hostile files: a header that inflates beyond measure is refused") {
  const MemoryLimit limit;
  for (const std::uint64_t size : {std::uint64_t{1} << 24, std::uint64_t{1} << 40}) {
    Bytes bytes{'O', 'C', 'T', 'E', 'T', 1};
    put_varint(bytes, size);
    put_varint(bytes, 20);
    bytes.resize(bytes.size() + 24);
    forge_checksum(bytes);
    CHECK(!survives(bytes));
  }
}

TEST_CASE("hostile files: the message tells other files, damage and newer versions apart") {
  const Bytes whole = encode(small_model());
  const auto message_of = [](const Bytes& bytes) {
    std::string message;
    CHECK(failure_of([&] { decode(bytes, "a.octet"); }, &message) == Failure::data);
    return message;
  };
  Bytes other = whole;
  other[0] = 'P';
  CHECK(message_of(other).find("expected a model file") != std::string::npos);
  Bytes newer = whole;
  newer[5] = 2;
  CHECK(message_of(newer).find("damaged") != std::string::npos);
  forge_checksum(newer);
  CHECK(message_of(newer).find("newer") != std::string::npos);
  Bytes older = whole;
  older[5] = 0;
  forge_checksum(older);
  CHECK(message_of(older).find("unknown file version 0") != std::string::npos);
}

}  // namespace
}  // namespace octet
