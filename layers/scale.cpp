#include "layers/scale.h"

#include "framework/bfloat16.h"
#include "framework/parallel.h"
#include "framework/text.h"

namespace octet {

std::unique_ptr<Layer> Scale::from(SpecReader& reader) {
  return std::make_unique<Scale>(static_cast<float>(reader.real("factor", 1e-6, 1e6, 1.0)));
}

Spec Scale::spec() const {
  Spec spec{.kind = "scale"};
  return spec.set("factor", shortest(factor_));
}

void Scale::multiply(const Tensor& from, Tensor& to) const {
  if (!is_real(from.element())) {
    to = from;
    for (float& scale : to.scales) scale *= factor_;
    return;
  }
  to.resize(from.shape(), from.element());
  with_reals(from.element(), [&](auto element) {
    using T = decltype(element);
    parallel_for(from.elements(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        to.data<T>()[i] = from_float<T>(factor_ * to_float(from.data<T>()[i]));
    });
  });
}

const Tensor& Scale::forward(const Tensor& input, const Pass& pass) {
  if (taken_in_by_ && taken_in_by_->runs_in_integers(pass)) return input;
  multiply(input, output_);
  return output_;
}

const Tensor& Scale::backward(const Tensor& error, const Pass&) {
  multiply(error, passed_);
  return passed_;
}

}  // namespace octet
