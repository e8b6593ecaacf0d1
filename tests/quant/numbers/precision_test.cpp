#include "quant/numbers/precision.h"

#include <doctest/doctest.h>

#include <cmath>

#include "framework/check.h"
#include "quant/numbers/recipes.h"

using namespace octet;

TEST_CASE("precision: recipes print as their names, others by role") {
  for (const Recipe& recipe : recipes()) {
    CHECK(print(recipe.precision) == recipe.name);
    CHECK(parse_precision(recipe.name) == recipe.precision);
  }
  const char* text =
      "W=int4/absmax/channel,A=float<5,2>,E=int8/absmax/stochastic,G=f32,M=int16/step12/stochastic";
  CHECK(print(parse_precision(text)) == text);
  CHECK(parse_precision("W=binary/meanabs").weights == parse_format("binary/meanabs"));
  CHECK(parse_precision("W=binary/meanabs").errors.is_float32());
}

TEST_CASE("precision: a recipe and the roles in which it is another") {
  Precision wage = parse_precision("wage");
  wage.master = parse_format("int12/step11/stochastic/clip0.5");
  wage.errors = parse_format("float<5,2>");
  CHECK(parse_precision("wage,M=int12/step11/stochastic/clip0.5,E=float<5,2>") == wage);
  CHECK(parse_precision("float32,W=int8/absmax/channel") ==
        parse_precision("W=int8/absmax/channel"));
  Precision ruled = parse_precision("float32;last:bfloat16");
  ruled.rules[0].errors = parse_format("f32");
  CHECK(parse_precision("float32;last:bfloat16,E=f32") == ruled);
  CHECK_THROWS_WITH_AS(parse_precision("int7,A=f32"),
                       doctest::Contains("unknown recipe 'int7', expected "), Error);
}

TEST_CASE("precision: what makes no sense is refused") {
  for (const char* text : {"",
                           "int7",
                           "W",
                           "X=f32",
                           "W=int8",
                           "W=f32,",
                           "W=f32,W=bf16",
                           "A=int8/absmax/channel",
                           "E=uint8/absmax",
                           "M=int8/minmax",
                           "M=int8/pow2",
                           "W=int8/absmax/channel,E=int8/step6",
                           "W=int8/absmax/smooth",
                           "W=int8/minmax",
                           "E=uint8/minmax",
                           "W=int8/step3/stop",
                           "A=int8/range1/tanh",
                           "W=f32/clip1",
                           "E=int8/pow2/unit",
                           "E=int8/learned",
                           "S=fan-in",
                           "W=int2/step1,S=fan",
                           "W=int8/absmax/channel,E=int8/overflow",
                           "W=int8/absmax/sample",
                           "G=int8/absmax/channel/outlier",
                           "M=int8/absmax/channel/outlier",
                           "int8,",
                           "int8,bf16",
                           "int8,A=bf16,A=f32",
                           "W=int8/absmax,int8",
                           "int8;",
                           "int8;conv1",
                           "int8;:f32",
                           "int8;conv1:",
                           "int8;conv1:wage",
                           "int8;conv1:S=fan-in",
                           "int8;conv1:W=int8/step99",
                           "int8;conv1:E=int8/step3",
                           "int8;conv1:W=f32,W=bf16"}) {
    CAPTURE(std::string(text));
    CHECK_THROWS_AS(parse_precision(text), Error);
  }
}

TEST_CASE("precision: rules by layer name, the later over the earlier") {
  const char* text = "int8;conv*:W=int4/absmax/channel;first:A=bf16;conv2:E=f32,M=f32/clip1";
  const Precision precision = parse_precision(text);
  CHECK(print(precision) == text);
  CHECK(parse_precision(print(precision)) == precision);
  const Precision int8 = parse_precision("int8");
  const Precision first = precision_of(precision, "conv1", true, false);
  CHECK(first.weights == parse_format("int4/absmax/channel"));
  CHECK(first.activations == parse_format("bf16"));
  CHECK(first.errors == int8.errors);
  const Precision second = precision_of(precision, "conv2", false, false);
  CHECK(second.activations == int8.activations);
  CHECK(second.errors.is_float32());
  CHECK(second.master == parse_format("f32/clip1"));
  CHECK(precision_of(precision, "fc1", false, true) == int8);
  CHECK(precision_of(parse_precision("int8;last:float32"), "fc1", false, true) == Precision{});
}

TEST_CASE("precision: WAGE's constants of VGG-7 and its first weights") {
  const Format weights = parse_precision("wage").weights;
  const std::int64_t inputs[] = {27, 1152, 1152, 2304, 2304, 4608, 8192, 1024};
  const float published[] = {2, 16, 16, 16, 16, 32, 32, 16};
  for (int i = 0; i < 8; ++i) {
    CHECK(fan_in_shift(weights, inputs[i]).divisor == published[i]);
    CHECK(fan_in_shift(weights, inputs[i]).limit == 0.75f);
  }
  CHECK(fan_in_shift(weights, 2).divisor == 1);  // never multiplies
  CHECK(fan_in_shift(weights, 2).limit == doctest::Approx(std::sqrt(1.5)));
}
