#include "quant/numbers/grid.h"

#include <doctest/doctest.h>

#include "framework/check.h"

using namespace octet;

TEST_CASE("grid: codes of an integer grid are symmetric, or count from 0") {
  CHECK(parse_grid("int8").most() == 127);
  CHECK(parse_grid("int8").least() == -127);
  CHECK(parse_grid("uint8").most() == 255);
  CHECK(parse_grid("uint8").least() == 0);
  CHECK(parse_grid("int2").most() == 1);
  CHECK(parse_grid("int16").most() == 32767);
  CHECK(parse_grid("binary").least() == -1);
  CHECK(parse_grid("ternary").most() == 1);
  CHECK(parse_grid("uint1").most() == 1);
  CHECK(parse_grid("midrise2").most() == 3);
  CHECK(parse_grid("midrise2").least() == -3);
}

TEST_CASE("grid: spellings") {
  for (const char* text : {"f32", "bf16", "f16", "float<5,2>", "int7", "int23", "uint1", "uint3",
                           "midrise2", "binary", "ternary", "codebook16", "posit<8,1>"})
    CHECK(print(parse_grid(text)) == text);
  CHECK(print(parse_grid("float<8,7>")) == "bf16");
  CHECK(print(parse_grid("float<8,23>")) == "f32");
  for (const char* text :
       {"", "int", "int1", "int25", "uint0", "uint99", "midrise8", "codebook1", "posit<8,3>",
        "posit<2,0>", "codebook999", "float<1,2>", "float<5,2", "float<,>", "int8 "})
    CHECK_THROWS_AS(parse_grid(text), Error);
}
