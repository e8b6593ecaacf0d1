#include "quant/compression/model_file.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "quant/compression/pruning.h"
#include "quant/compression/weight_sharing.h"
#include "tests/quant/compression/random_models.h"

namespace octet {
namespace {
using namespace compression_test;

TEST_CASE("model file: decode is the inverse of encode, bit for bit, and reports the same") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const Model model = random_model(seed);
    for (const EncodeOptions& how :
         {EncodeOptions{}, EncodeOptions{{}, Coder::arithmetic}, EncodeOptions{{}, Coder::huffman},
          EncodeOptions{{}, Coder::rans},
          EncodeOptions{1 + static_cast<int>(seed % 8), Coder::rans},
          EncodeOptions{1 + static_cast<int>(seed % 8), Coder::huffman}}) {
      std::vector<TensorReport> written, read;
      const Bytes bytes = encode(model, how, &written);
      REQUIRE(same_bits(decode(bytes, "test", &read), model));
      REQUIRE(written == read);
      REQUIRE(written.size() == model.tensors.size());
      std::int64_t payloads = 0;
      for (const TensorReport& report : read) {
        const Tensor& tensor = model.tensors.at(report.name);
        payloads += report.payload_bytes;
        CHECK(report.shape == tensor.shape());
        if (how.index_bits && report.coding != Coding::raw)
          CHECK(report.index_bits == *how.index_bits);
        if (report.coding != Coding::raw && how.coder != Coder::best)
          CHECK(report.coding == (how.coder == Coder::huffman      ? Coding::shared
                                  : how.coder == Coder::arithmetic ? Coding::contexts
                                                                   : Coding::rans));
        if (tensor.element() == Element::float32)
          CHECK(report.payload_bytes <= static_cast<std::int64_t>(tensor.bytes()));
      }
      CHECK(payloads < static_cast<std::int64_t>(bytes.size()));
      CHECK(encode(decode(bytes, "test"), how) == bytes);
    }
  }
}

TEST_CASE("model file: the best index width is the smallest of all eight") {
  const Model model = random_model(3);
  const Bytes best = encode(model, {{}, Coder::huffman});
  for (int bits = 1; bits <= 8; ++bits)
    CHECK(best.size() <= encode(model, {bits, Coder::huffman}).size());
  CHECK(failure_of([&] { encode(model, {.index_bits = 0}); }) == Failure::usage);
  CHECK(failure_of([&] { encode(model, {.index_bits = 9}); }) == Failure::usage);
}

TEST_CASE("model file: the best coder of each tensor is no larger than any") {
  bool mixed = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Model model = random_model(seed);
    std::vector<TensorReport> reports;
    const std::size_t best = encode(model, {}, &reports).size();
    const std::size_t huffman = encode(model, {{}, Coder::huffman}).size();
    const std::size_t arithmetic = encode(model, {{}, Coder::arithmetic}).size();
    const std::size_t rans = encode(model, {{}, Coder::rans}).size();
    const std::size_t least = std::min({huffman, arithmetic, rans});
    CHECK(best <= least + 8);  // kinds may deflate a little differently
    mixed = mixed || best < least;
  }
  CHECK(mixed);
  for (const Coder coder : {Coder::best, Coder::huffman, Coder::arithmetic, Coder::rans})
    CHECK(parse_coder(print(coder)) == coder);
  CHECK(failure_of([&] { parse_coder("zip"); }) == Failure::usage);
}

TEST_CASE("model file: pruned and shared weights take what the paper says, a plain one no more") {
  // LeNet-300-100's first layer: 8 % alive, 6 bits: 3.1 % of the dense size in the paper
  // without Huffman coding, 2.32 % with it and with its own weights.
  Parameter weight = normal_parameter(300 * 784, 1);
  prune(weight, 0.08);
  share(weight, 63, Centroids::linear, 0);
  Model model = empty_model();
  model.tensors["fc1.weight"] = weight.value;
  std::vector<TensorReport> reports;
  const Bytes bytes = encode(model, {}, &reports);
  CHECK(same_bits(decode(bytes, "test"), model));
  CHECK(static_cast<double>(bytes.size()) < 0.028 * 4 * 300 * 784);
  CHECK(reports[0].weight_bits == 6);
  CHECK(reports[0].payload_bytes < reports[0].shared_bytes);
  CHECK(reports[0].shared_bytes < reports[0].pruned_bytes);
  CHECK(reports[0].payload_bytes >= reports[0].entropy_bytes);

  model.tensors["fc1.weight"] = normal_parameter(1000, 2).value;
  CHECK(encode(model).size() < 4000 + 120);
}

TEST_CASE("model file: a minus zero is kept among shared weights") {
  Model model = empty_model();
  Tensor tensor = filled(Shape{4000}, 0.0f);
  for (std::int64_t i = 0; i < 4000; i += 7) tensor.floats()[i] = i % 2 ? -0.0f : 1.5f;
  model.tensors["fc1.weight"] = tensor;
  const Bytes bytes = encode(model);
  CHECK(bytes.size() < 700);
  CHECK(same_bits(decode(bytes, "test"), model));
}

TEST_CASE("model file: files are written and read whole") {
  const auto file = std::filesystem::temp_directory_path() /
                    ("octet_model_file_test_" + std::to_string(::getpid()));
  const Model model = random_model(4);
  write_model(file, model);
  CHECK(same_bits(read_model(file), model));
  std::filesystem::remove(file);
  std::string message;
  CHECK(failure_of([&] { read_model(file); }, &message) == Failure::data);
  CHECK(message.starts_with(file.string()));
}

TEST_CASE("model file: pruned int8 codes are coded as pruned weights are, by every coder") {
  Draw draw(3);
  Model model = empty_model();
  Tensor codes(Shape{20, 500}, Element::int8);
  codes.fill_zero();
  for (int i = 0; i < 600; ++i)
    codes.data<std::int8_t>()[draw.below(10000)] = static_cast<std::int8_t>(draw.below(256) - 128);
  for (int k = 0; k < 20; ++k) codes.scales.push_back(0.25f * static_cast<float>(k + 1));
  codes.scales.erase(codes.scales.begin());
  model.tensors["fc1.weight"] = codes;
  for (const Coder coder : {Coder::best, Coder::huffman, Coder::arithmetic, Coder::rans}) {
    std::vector<TensorReport> reports;
    const Bytes bytes = encode(model, {{}, coder}, &reports);
    CHECK(bytes.size() < 2200);
    REQUIRE(reports.size() == 1);
    CHECK(reports[0].coding != Coding::raw);
    CHECK(same_bits(decode(bytes, "test"), model));
  }
  // Where nothing is gained they lie as they are.
  for (int i = 0; i < 10000; ++i)
    codes.data<std::int8_t>()[i] = static_cast<std::int8_t>(draw.below(256) - 128);
  model.tensors["fc1.weight"] = codes;
  std::vector<TensorReport> reports;
  CHECK(same_bits(decode(encode(model, {}, &reports), "test"), model));
  CHECK(reports[0].coding == Coding::raw);
}

TEST_CASE("model file: what no file can hold is refused when it is written") {
  Model model = empty_model();
  model.tensors["line\nbreak"] = Tensor();
  CHECK(failure_of([&] { encode(model); }) == Failure::failed);
  model = empty_model();
  model.attributes[""] = "nothing";
  CHECK(failure_of([&] { encode(model); }) == Failure::failed);
  model = empty_model();
  model.tensors["codes"] = Tensor(Shape{3}, Element::int8);
  model.tensors["codes"].fill_zero();
  model.tensors["codes"].scales = {1, 2};
  CHECK(failure_of([&] { encode(model); }) == Failure::failed);
  model = empty_model();
  model.definition.layers[0].kind = "two words";
  CHECK(failure_of([&] { encode(model); }).has_value());
  CHECK(failure_of([&] { encode(Model{}); }) == Failure::usage);
}

}  // namespace
}  // namespace octet
