// The lines that a run says about codes it loses.
#include "examples/cli/saturation.h"

#include <doctest/doctest.h>

#include <iostream>
#include <sstream>

using namespace octet;

namespace {

std::string said(cli::SaturationWarnings& warnings, const std::vector<Saturation>& all) {
  const std::ostringstream lines;
  std::streambuf* const before = std::cerr.rdbuf(lines.rdbuf());
  warnings.warn(all);
  std::cerr.rdbuf(before);
  return lines.str();
}

Saturation counted(const std::string& layer, std::int64_t clipped, std::int64_t underflowed) {
  return {.layer = layer,
          .role = "activations",
          .clipped = clipped,
          .underflowed = underflowed,
          .counted = 1000};
}

}  // namespace

TEST_CASE("saturation: the worst is named, once") {
  cli::SaturationWarnings warnings;
  CHECK(said(warnings, {}).empty());
  CHECK(said(warnings, {counted("conv1", 10, 990), counted("conv2", 0, 0)}).empty());
  CHECK(said(warnings, {counted("conv1", 20, 0), counted("conv2", 300, 0)}) ==
        "octet: activations of conv2: 30.0 % of the codes were clipped\n");
  CHECK(said(warnings, {counted("conv1", 20, 0), counted("conv2", 400, 0)}).empty());
  CHECK(said(warnings, {counted("conv1", 50, 0), counted("conv2", 40, 1000)}) ==
        "octet: activations of conv1: 5.0 % of the codes were clipped\n"
        "octet: activations of conv2: 100.0 % of the values became the code of 0\n");
}
