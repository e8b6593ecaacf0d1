#include <cstring>
#include <memory>

#include "layers/batch_norm.h"
#include "tests/support.h"

using namespace octet;
using namespace octet::test;

TEST_CASE("batch norm: of codes it is that of the numbers they stand for") {
  const Shape shape{3, 5, 4, 6};
  for (const bool nonnegative : {false, true}) {
    Tensor codes = random_codes(shape, 8);
    Tensor reals(shape);
    const std::vector<float> scales = {0.02f, 0.5f, 1.0f, 0.001f, 3.0f, 0.125f};
    for (std::int64_t i = 0; i < codes.elements(); ++i) {
      const std::int8_t code = codes.data<std::int8_t>()[i];
      reals.floats()[i] = scales[static_cast<std::size_t>(i % 6)] *
                          static_cast<float>(nonnegative ? static_cast<std::uint8_t>(code) : code);
    }
    if (nonnegative) {
      Tensor other(shape, Element::uint8);
      std::memcpy(other.raw(), codes.raw(), codes.bytes());
      codes = other;
    }
    codes.scales = scales;
    Tensor error_codes = random_codes(shape, 9), error(shape);
    error_codes.scales = {0.01f};
    for (std::int64_t i = 0; i < error.elements(); ++i)
      error.floats()[i] = 0.01f * static_cast<float>(error_codes.data<std::int8_t>()[i]);
    const auto make = [&] {
      auto norm = std::make_unique<BatchNorm>(BatchNorm::Options{});
      norm->set_name("bn1");
      norm->connect(shape.without_front());
      norm->allocate();
      norm->initialize(1);
      for (int k = 0; k < 6; ++k) {
        norm->parameters()[0]->value.floats()[k] = 0.5f + 0.2f * static_cast<float>(k);
        norm->parameters()[1]->value.floats()[k] = 0.3f * static_cast<float>(k) - 0.5f;
      }
      return norm;
    };
    const auto real = make(), coded = make();
    const Pass pass{.training = true, .seed = 1, .step = 0};
    coded->set_flow_formats(parse_format("int8/absmax/smooth"), parse_format("int8/absmax/smooth"));
    coded->set_outlets({}, {});  // float32 leaves: nothing but the arithmetic is compared
    const Tensor y = real->forward(reals, pass), z = coded->forward(codes, pass);
    CHECK(relative_difference(z, y) < 1e-5);
    const Tensor passed = real->backward(error, pass), other = coded->backward(error_codes, pass);
    CHECK(relative_difference(other, passed) < 1e-5);
    for (const std::size_t p : {0u, 1u})
      CHECK(relative_difference(coded->parameters()[p]->gradient, real->parameters()[p]->gradient) <
            1e-5);
    for (const std::size_t s : {0u, 1u})
      CHECK(relative_difference(*coded->state()[s].second, *real->state()[s].second) < 1e-5);
  }
}
