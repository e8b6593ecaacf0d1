#include "framework/spec.h"

#include <doctest/doctest.h>

#include "framework/check.h"
#include "framework/random.h"
#include "layers/build.h"

using namespace octet;

namespace {
const char* const lenet =
    "network name=small input=28x28x1\n"
    "convolution channels=20 kernel=5\n"
    "max_pool window=2\n"
    "linear units=10\n";
}

TEST_CASE("spec: definitions print and parse") {
  const Definition definition = parse_definition(lenet, "test");
  CHECK(definition.name == "small");
  CHECK(definition.input == Shape{28, 28, 1});
  REQUIRE(definition.layers.size() == 3);
  CHECK(*definition.layers[0].find("channels") == "20");
  CHECK(print(definition) == lenet);
  CHECK(parse_definition(print(definition), "again") == definition);
}

TEST_CASE("spec: comments, blank lines and the number of classes") {
  const Definition definition = parse_definition(
      "# a comment\n\n  network name=n input=8x8x3  # more\r\nlinear units=classes\n", "test", 7);
  CHECK(*definition.layers[0].find("units") == "7");
}

TEST_CASE("spec: what is wrong is said with source and line") {
  const auto message = [](const char* text) -> std::string {
    try {
      parse_definition(text, "net.txt");
    } catch (const Error& error) {
      CHECK(error.kind == Failure::usage);
      return error.what();
    }
    return "";
  };
  CHECK(message("").find("net.txt") == 0);
  CHECK(message("linear units=3\n").find("net.txt:1: expected 'network") == 0);
  CHECK(message("network input=8x8x3\n").find("no layers") != std::string::npos);
  CHECK(message("network input=8x8\nrelu\n").find("height x width x channels") !=
        std::string::npos);
  CHECK(message("network input=8x8x3\nrelu units\n").find("net.txt:2: expected key=value") == 0);
  CHECK(message("network input=8x8x3\nlinear units=3 units=4\n").find("given twice") !=
        std::string::npos);
  CHECK(message("network input=8x8x3 colour=red\nrelu\n").find("unknown attribute 'colour'") !=
        std::string::npos);
}

TEST_CASE("spec: a reader refuses values out of range and attributes nobody asked for") {
  Spec spec{.kind = "convolution"};
  spec.set("kernel", std::int64_t{5}).set("strid", std::int64_t{2});
  SpecReader reader(spec);
  CHECK(reader.integer("kernel", 1, 9) == 5);
  CHECK(reader.integer("padding", 0, 9, 1) == 1);
  CHECK_THROWS_AS(reader.integer("kernel", 1, 4), Error);
  CHECK_THROWS_AS(reader.integer("channels", 1, 4), Error);
  CHECK_THROWS_WITH(
      reader.finish(),
      "convolution: unknown attribute 'strid', expected one of: kernel padding kernel channels");
}

TEST_CASE("spec: random cuts and changes of a definition are read or refused, never worse") {
  const std::string text =
      "network name=small input=28x28x1\nresidual\nbatch_norm momentum=0.2\nshortcut\nrelu\nend\n" +
      std::string(lenet).substr(std::string(lenet).find('\n') + 1) +
      "dropout rate=0.5\naverage_pool window=1 stride=1\nglobal_average_pool\nrelu name=last\n";
  for (std::uint32_t i = 0; i < 3000; ++i) {
    const std::uint64_t key = random_key(1, 2, i);
    std::string changed =
        text.substr(0, uniform_below(key, 0, static_cast<std::uint32_t>(text.size()) + 1));
    for (std::uint32_t k = 0; k < 3 && !changed.empty(); ++k) {
      const auto at = uniform_below(key, 10 + k, static_cast<std::uint32_t>(changed.size()));
      changed[at] = static_cast<char>(k == 0 ? '0' + static_cast<char>(uniform_below(key, 20, 10))
                                             : static_cast<char>(uniform_below(key, 30 + k, 256)));
    }
    try {
      const Network network = build_network(parse_definition(changed, "fuzz"));
      CHECK(parse_definition(print(network.definition()), "again") == network.definition());
    } catch (const Error& error) {
      CHECK(error.kind == Failure::usage);
    }
  }
}
