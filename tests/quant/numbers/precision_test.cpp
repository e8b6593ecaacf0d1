#include "quant/numbers/precision.h"

#include <doctest/doctest.h>

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

TEST_CASE("precision: what makes no sense is refused") {
  for (const char* text :
       {"", "int7", "W", "X=f32", "W=int8", "W=f32,", "W=f32,W=bf16", "A=int8/absmax/channel",
        "E=uint8/absmax", "M=int8/minmax", "W=int8/absmax/channel,E=int8/step6",
        "W=int8/absmax/smooth", "W=int8/minmax", "E=uint8/minmax"}) {
    CAPTURE(std::string(text));
    CHECK_THROWS_AS(parse_precision(text), Error);
  }
}
