#include "layers/average_pool.h"

#include "framework/bfloat16.h"
#include "framework/parallel.h"

namespace octet {
namespace {

template <class T>
OCTET_KERNEL void add_row(const T* x, std::int64_t channels, float factor, float* sum) {
  for (std::int64_t c = 0; c < channels; ++c) sum[c] += factor * to_float(x[c]);
}

}  // namespace

std::unique_ptr<Layer> AveragePool::from(SpecReader& reader) {
  return std::make_unique<AveragePool>(read(reader));
}

void AveragePool::set_flow_formats(const Format& activations, const Format& errors) {
  codes_.set_formats(name(), activations, errors);
}

const Tensor& AveragePool::forward(const Tensor& given, const Pass& pass) {
  const Tensor& input = is_real(given.element()) ? codes_.simulated().forward(given, pass) : given;
  input_ = &input;
  if (!is_real(input.element())) {
    if (in_integers(pass, *input_quantizer())) {
      codes_.evaluate(input, geometry(), make_edge(name(), output_shape_, *integer_),
                      integer_->rectify, output_);
      return output_;
    }
    codes_.forward(input, geometry(), outlet_, pass, output_);
    return output_;
  }
  const std::int64_t n = input.shape()[0], h = input_shape_[0], w = input_shape_[1],
                     c = input_shape_[2], oh = output_shape_[0], ow = output_shape_[1];
  output_.resize(output_shape_.with_front(n), input.element());
  with_reals(input.element(), [&](auto element) {
    using T = decltype(element);
    parallel_for(n * oh, 4, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t line = first; line < last; ++line) {
        const T* image = input.data<T>() + line / oh * h * w * c;
        const Range rows = range(line % oh, h);
        float* const sums = kernels::zero_sums(ow * c);
        for (std::int64_t x = 0; x < ow; ++x) {
          const Range columns = range(x, w);
          for (std::int64_t r = rows.begin; r < rows.end; ++r)
            for (std::int64_t q = columns.begin; q < columns.end; ++q)
              add_row(image + (r * w + q) * c, c, 1.0f / area(rows, columns), sums + x * c);
        }
        kernels::round_sums(sums, ow * c, output_.data<T>() + line * ow * c);
      }
    });
  });
  return output_;
}

const Tensor& AveragePool::backward(const Tensor& error, const Pass& pass) {
  if (!is_real(input_->element())) {
    codes_.backward(error, *input_, geometry(), error_outlet_, pass, passed_);
    return passed_;
  }
  const std::int64_t n = error.shape()[0], h = input_shape_[0], w = input_shape_[1],
                     c = input_shape_[2], oh = output_shape_[0], ow = output_shape_[1],
                     image = h * w * c;
  passed_.resize(input_shape_.with_front(n), error.element());
  with_reals(error.element(), [&](auto element) {
    using T = decltype(element);
    parallel_for(n, 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) {
        float* const sums = kernels::zero_sums(image);
        for (std::int64_t y = 0; y < oh; ++y)
          for (std::int64_t x = 0; x < ow; ++x) {
            const Range rows = range(y, h), columns = range(x, w);
            const T* from = error.data<T>() + ((i * oh + y) * ow + x) * c;
            for (std::int64_t r = rows.begin; r < rows.end; ++r)
              for (std::int64_t q = columns.begin; q < columns.end; ++q)
                add_row(from, c, 1.0f / area(rows, columns), sums + (r * w + q) * c);
          }
        kernels::round_sums(sums, image, passed_.data<T>() + i * image);
      }
    });
  });
  return codes_.simulated().backward(passed_, pass);
}

}  // namespace octet
