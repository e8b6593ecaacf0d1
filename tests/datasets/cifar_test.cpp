#include "datasets/cifar.h"

#include <numeric>

#include "tests/datasets/helpers.h"

using namespace octet;

namespace {

// Records whose red, green and blue planes are a, a + 1 and a + 2 times the pixel's index.
Bytes make_records(Cifar kind, const std::vector<std::uint8_t>& labels) {
  Bytes bytes;
  for (const std::uint8_t label : labels) {
    if (kind == Cifar::hundred) bytes.push_back(3);
    bytes.push_back(label);
    for (int i = 0; i < 3072; ++i)
      bytes.push_back(static_cast<std::uint8_t>((label + i / 1024) * (i % 1024)));
  }
  return bytes;
}

Dataset parse(const Bytes& bytes, Cifar kind) {
  Dataset set{.name = "", .image = {32, 32, 3}, .pixels = {}, .labels = {}, .classes = {}};
  parse_cifar(bytes, "x.bin", kind, set);
  return set;
}

}  // namespace

TEST_CASE("cifar: planes become pixels") {
  for (const Cifar kind : {Cifar::ten, Cifar::hundred}) {
    const Dataset set = parse(make_records(kind, {4, 7}), kind);
    CHECK(set.labels == std::vector<std::int32_t>{4, 7});
    REQUIRE(set.pixels.size() == 2 * 3072);
    for (int i = 0; i < 1024; ++i)
      for (int c = 0; c < 3; ++c)
        REQUIRE(set.picture(1)[i * 3 + c] == static_cast<std::uint8_t>((7 + c) * i));
  }
}

TEST_CASE("cifar: lengths and labels are checked") {
  Bytes cut = make_records(Cifar::ten, {1, 2});
  cut.pop_back();
  CHECK(contains(error_of(Failure::data, [&] { parse(cut, Cifar::ten); }),
                 "x.bin: expected records of 3073 bytes, got 6145 bytes"));
  CHECK(contains(error_of(Failure::data, [&] { parse({}, Cifar::hundred); }), "got 0 bytes"));
  CHECK(contains(error_of(Failure::data,
                          [&] {
                            parse(make_records(Cifar::ten, {1, 10}), Cifar::ten);
                          }),
                 "x.bin: expected labels below 10, record 1 has 10"));
  CHECK(parse(make_records(Cifar::hundred, {99}), Cifar::hundred).labels[0] == 99);
  CHECK_THROWS_AS(parse(make_records(Cifar::hundred, {100}), Cifar::hundred), Error);
}

TEST_CASE("cifar: folders") {
  const TemporaryFolder folder;
  CHECK(!has_cifar(folder.path(), Cifar::ten));
  for (const char* batch : {"1", "2", "3", "4", "5"})
    put(folder / ("data_batch_" + std::string(batch) + ".bin"),
        make_records(Cifar::ten, {static_cast<std::uint8_t>(batch[0] - '0')}));
  CHECK(has_cifar(folder.path(), Cifar::ten));
  CHECK(!has_cifar(folder.path(), Cifar::hundred));
  const Dataset train = read_cifar_folder(folder.path(), Cifar::ten, Split::train);
  CHECK(train.labels == std::vector<std::int32_t>{1, 2, 3, 4, 5});
  CHECK(train.classes[9] == "truck");
  CHECK(contains(
      error_of(Failure::data, [&] { read_cifar_folder(folder.path(), Cifar::ten, Split::test); }),
      "test_batch.bin"));
  write_file(folder / "batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  CHECK(read_cifar_folder(folder.path(), Cifar::ten, Split::train).classes[9] == "j");
  write_file(folder / "batches.meta.txt", "a\nb\n");
  CHECK(contains(
      error_of(Failure::data, [&] { read_cifar_folder(folder.path(), Cifar::ten, Split::train); }),
      "batches.meta.txt: expected 10 class names, got 2"));
  put(folder / "test.bin", make_records(Cifar::hundred, {42}));
  const Dataset hundred = read_cifar_folder(folder.path(), Cifar::hundred, Split::test);
  CHECK(hundred.labels == std::vector<std::int32_t>{42});
  CHECK(hundred.classes.size() == 100);
}

TEST_CASE("cifar: damaged bytes are read or refused, nothing else") {
  for (const Cifar kind : {Cifar::ten, Cifar::hundred})
    fuzz(make_records(kind, {1, 5}), 1500, [kind](Bytes bytes) {
      // Nearly all flips fall on pixels; the first label gets its share here.
      const std::size_t label = kind == Cifar::ten ? 0 : 1;
      if (bytes.size() > label)
        bytes[label] = static_cast<std::uint8_t>(std::accumulate(bytes.begin(), bytes.end(), 0u) %
                                                 (kind == Cifar::ten ? 12 : 120));
      const Dataset set = parse(bytes, kind);
      CHECK(set.pixels.size() == set.labels.size() * 3072);
    });
}

TEST_CASE("cifar: the real CIFAR-10") {
  const char* data = std::getenv("OCTET_DATA");
  const auto folder = std::filesystem::path(data != nullptr ? data : "") / "cifar-10-batches-bin";
  if (data == nullptr || !has_cifar(folder, Cifar::ten)) {
    MESSAGE("no cifar-10-batches-bin in $OCTET_DATA, skipped");
    return;
  }
  const Dataset test = read_cifar_folder(folder, Cifar::ten, Split::test);
  CHECK(test.size() == 10000);
  std::vector<int> counts(10);
  for (const std::int32_t label : test.labels) ++counts[static_cast<std::size_t>(label)];
  CHECK(counts == std::vector<int>(10, 1000));
}
