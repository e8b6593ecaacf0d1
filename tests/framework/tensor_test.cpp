#include "framework/tensor.h"

#include "framework/check.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("tensor: shapes print and parse") {
  CHECK(print(Shape{28, 28, 1}) == "28x28x1");
  CHECK(parse_shape("28x28x1") == Shape{28, 28, 1});
  CHECK(Shape{4, 5}.with_front(3) == Shape{3, 4, 5});
  CHECK(Shape{3, 4, 5}.without_front() == Shape{4, 5});
  CHECK(Shape{}.elements() == 0);
  for (const char* text : {"", "x", "3x", "x3", "0x3", "-1x3", "3x3x3x3x3x3", "3 x3",
                           "2000000x2000000", "99999999999"})
    CHECK_THROWS_AS(parse_shape(text), Error);
}

TEST_CASE("tensor: resize keeps memory, copies are deep and keep the scale") {
  Tensor a({100});
  const void* memory = a.raw();
  a.resize({10, 4}, Element::int8);
  CHECK(a.raw() == memory);
  CHECK(a.bytes() == 40);
  CHECK(reinterpret_cast<std::uintptr_t>(memory) % 64 == 0);
  a.fill_zero();
  a.scales = {0.5f};
  a.zero_point = 3;
  Tensor b = a;
  CHECK(same_bits(a, b));
  b.data<std::int8_t>()[0] = 1;
  CHECK(a.data<std::int8_t>()[0] == 0);
  a.resize({2});
  CHECK(a.scale() == 1.0f);
  CHECK(a.zero_point == 0);
}
