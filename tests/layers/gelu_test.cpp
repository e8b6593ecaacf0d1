#include "layers/gelu.h"

#include <cmath>
#include <cstring>

#include "framework/bfloat16.h"
#include "tests/gradient_check.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

namespace {

double truth(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

}  // namespace

TEST_CASE("gelu: values, near zero and far out") {
  Gelu gelu;
  gelu.connect({1, 1, 4001});
  Tensor x({1, 1, 1, 4001});
  for (int i = 0; i < 4001; ++i) x.floats()[i] = static_cast<float>(i - 2000) / 150;
  x.floats()[0] = -1e30f;
  x.floats()[4000] = 1e30f;
  const Tensor& y = gelu.forward(x, {.training = true});
  for (int i = 1; i < 4000; ++i)
    CHECK(std::abs(static_cast<double>(y.floats()[i]) - truth(static_cast<double>(x.floats()[i]))) <
          1e-6 * (1 + std::abs(static_cast<double>(x.floats()[i]))));
  CHECK(std::abs(y.floats()[0]) < 1e-3f);
  CHECK(y.floats()[4000] == 1e30f);
  Tensor error({1, 1, 1, 4001});
  std::fill(error.floats(), error.floats() + 4001, 1.0f);
  const Tensor& passed = gelu.backward(error, {.training = true});
  CHECK(passed.floats()[0] == 0);
  CHECK(passed.floats()[4000] == 1);
  for (int i = 1; i < 4000; ++i) {
    const auto at = static_cast<double>(x.floats()[i]);
    CHECK(std::abs(static_cast<double>(passed.floats()[i]) -
                   (truth(at + 1e-5) - truth(at - 1e-5)) / 2e-5) < 1e-5);
  }
}

TEST_CASE("gelu: bfloat16 is float32 rounded") {
  Gelu one, two;
  const Tensor x = random_tensor({2, 3, 3, 5}, 1, -4, 4), e = random_tensor({2, 3, 3, 5}, 2);
  Tensor xb, eb, back, xr, er;
  convert(x, Element::bfloat16, xb);
  convert(e, Element::bfloat16, eb);
  convert(xb, Element::float32, xr);
  convert(eb, Element::float32, er);
  convert(one.forward(xr, {.training = true}), Element::bfloat16, back);
  CHECK(same_bits(back, two.forward(xb, {.training = true})));
  convert(one.backward(er, {.training = true}), Element::bfloat16, back);
  CHECK(same_bits(back, two.backward(eb, {.training = true})));
}

TEST_CASE("gelu: codes are looked up as what they stand for") {
  for (const bool nonnegative : {false, true}) {
    CAPTURE(nonnegative);
    const Shape shape{4, 8, 8, 3};
    Tensor codes = random_codes(shape, 8), x(shape);
    if (nonnegative) {
      Tensor other(shape, Element::uint8);
      std::memcpy(other.raw(), codes.raw(), codes.bytes());
      codes = other;
    }
    codes.scales = {0.03125f};
    Tensor error_codes = random_codes(shape, 9), error(shape);
    error_codes.scales = {0.25f};
    for (std::int64_t i = 0; i < x.elements(); ++i) {
      x.floats()[i] = 0.03125f * (nonnegative ? static_cast<float>(codes.data<std::uint8_t>()[i])
                                              : static_cast<float>(codes.data<std::int8_t>()[i]));
      error.floats()[i] = 0.25f * static_cast<float>(error_codes.data<std::int8_t>()[i]);
    }
    if (nonnegative) {
      codes.zero_point = 96;
      for (std::int64_t i = 0; i < x.elements(); ++i) x.floats()[i] -= 0.03125f * 96;
    }
    Gelu real, coded;
    for (Gelu* gelu : {&real, &coded}) gelu->connect(shape.without_front());
    coded.set_flow_formats(parse_format("int8/absmax/smooth"), parse_format("int8/absmax/smooth"));
    coded.set_outlets({}, {});  // float32 leaves: nothing but the table is compared
    const Pass pass{.training = true, .seed = 1, .step = 0};
    CHECK(relative_difference(coded.forward(codes, pass), real.forward(x, pass)) < 1e-4);
    CHECK(relative_difference(coded.backward(error_codes, pass), real.backward(error, pass)) <
          1e-4);
  }
}
