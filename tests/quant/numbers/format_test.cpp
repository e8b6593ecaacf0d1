#include "quant/numbers/format.h"

#include <doctest/doctest.h>

#include "framework/check.h"

using namespace octet;

TEST_CASE("format: one spelling for printing and parsing") {
  for (const char* text : {"f32",
                           "bf16",
                           "f16",
                           "float<5,2>",
                           "float<4,3>/stochastic",
                           "int8/absmax",
                           "int8/absmax/channel",
                           "int8/absmax/smooth",
                           "int8/absmax/stochastic",
                           "int16/step12",
                           "int16/step-3/stochastic",
                           "uint8/minmax/smooth",
                           "int8/pow2",
                           "int3/pow2/channel",
                           "binary/meanabs",
                           "binary/step0/stochastic",
                           "ternary/meanabs/channel",
                           "ternary/absmax",
                           "int20/step14",
                           "int10/overflow",
                           "int8/block",
                           "int8/block32/stochastic",
                           "codebook16",
                           "midrise2/range1/tanh",
                           "uint2/range0.1/stop",
                           "int4/learned",
                           "int6/absmax/sample",
                           "int8/absmax/channel/outlier",
                           "int16/pow2/unit",
                           "f32/clip1",
                           "int8/step7/stochastic/clip0.5"}) {
    CAPTURE(std::string(text));
    CHECK(print(parse_format(text)) == text);
    CHECK(parse_format(print(parse_format(text))) == parse_format(text));
  }
}

TEST_CASE("format: what does not go together is refused with its reason") {
  for (const char* text : {"",
                           "int",
                           "int1/absmax",
                           "int17/absmax",
                           "int8",
                           "f32/absmax",
                           "f32/stochastic",
                           "int8/absmax/pow2",
                           "int8/step99",
                           "int8/stepx",
                           "int8/absmax/loud",
                           "float<9,2>",
                           "float<5>",
                           "int8/step2/smooth",
                           "int8/absmax/smooth/channel",
                           "uint8/minmax/channel",
                           "int8/meanabs",
                           "binary/minmax",
                           "ternary/pow2",
                           "int2/pow2",
                           "int20/absmax",
                           "codebook16/absmax",
                           "codebook16/stochastic",
                           "float<5,2>/stop",
                           "int2/block",
                           "uint8/overflow",
                           "int8/block0",
                           "binary/learned",
                           "int8/range",
                           "int8/absmax/unit",
                           "int8/step3/sample",
                           "int8/absmax/outlier",
                           "int8/pow2/channel/outlier",
                           "int9/absmax/channel/outlier",
                           "int8/absmax/channel/outlier/stochastic",
                           "ternary/absmax/channel/outlier",
                           "int8/range2/tanh",
                           "f32/clip0"}) {
    CAPTURE(std::string(text));
    CHECK_THROWS_AS(parse_format(text), Error);
  }
  CHECK_THROWS_WITH(
      parse_format("int8"),
      "format 'int8': expected a scaling: step, range, absmax, minmax, pow2, meanabs, "
      "overflow, block, learned "
      "or trained");
}

TEST_CASE("format: codes of at most 8 bits are held as bytes") {
  CHECK(parse_format("int8/absmax").element() == Element::int8);
  CHECK(parse_format("int4/absmax").element() == Element::int8);
  CHECK(parse_format("uint8/minmax").element() == Element::uint8);
  CHECK(parse_format("int9/absmax").element() == Element::float32);
  CHECK(parse_format("binary/meanabs").element() == Element::int8);
  CHECK(parse_format("bf16").element() == Element::float32);
  CHECK(parse_format("int8/absmax").fits_int8_product());
  CHECK(parse_format("uint4/learned").fits_int8_product());
  CHECK_FALSE(parse_format("uint8/minmax").fits_int8_product());
  CHECK_FALSE(parse_format("f32").fits_int8_product());
}
