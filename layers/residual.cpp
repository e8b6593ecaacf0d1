#include "layers/residual.h"

#include "framework/check.h"
#include "framework/parallel.h"

namespace octet {
namespace {

OCTET_KERNEL void add_kernel(const float* a, const float* b, std::int64_t begin, std::int64_t end,
                             float* sum) {
  for (std::int64_t i = begin; i < end; ++i) sum[i] = a[i] + b[i];
}

void add(const Tensor& a, const Tensor& b, Tensor& sum) {
  sum.resize(a.shape());
  parallel_for(a.elements(), 1 << 15, [&](std::int64_t begin, std::int64_t end) {
    add_kernel(a.floats(), b.floats(), begin, end, sum.floats());
  });
}

Shape connect_path(const Layers& path, Shape shape) {
  for (const auto& layer : path) try {
      shape = layer->connect(shape);
      check(shape.elements() <= 1 << 27, Failure::usage, "an output of ", print(shape),
            " is more than 2^27 elements");
    } catch (const Error& error) {
      fail(error.kind, "layer ", layer->name(), ": ", error.what());
    }
  return shape;
}

const Tensor& forward_path(const Layers& path, const Tensor& input, const Pass& pass) {
  const Tensor* x = &input;
  for (const auto& layer : path) x = &layer->forward(*x, pass);
  return *x;
}

const Tensor& backward_path(const Layers& path, const Tensor& error, const Pass& pass) {
  const Tensor* e = &error;
  for (auto layer = path.rbegin(); layer != path.rend(); ++layer) e = &(*layer)->backward(*e, pass);
  return *e;
}

}  // namespace

Shape Residual::connect(const Shape& input) {
  const Shape main = connect_path(main_, input), shortcut = connect_path(shortcut_, input);
  check(main == shortcut, Failure::usage, "the main path gives ", print(main), ", the shortcut ",
        print(shortcut));
  return main;
}

std::int64_t Residual::parameter_count() const {
  std::int64_t count = 0;
  for (const Layers* path : {&main_, &shortcut_})
    for (const auto& layer : *path) count += layer->parameter_count();
  return count;
}

void Residual::allocate() {
  for (const Layers* path : {&main_, &shortcut_})
    for (const auto& layer : *path) layer->allocate();
}

void Residual::initialize(std::uint64_t seed) {
  for (const Layers* path : {&main_, &shortcut_})
    for (const auto& layer : *path) layer->initialize(seed);
}

const Tensor& Residual::forward(const Tensor& input, const Pass& pass) {
  add(forward_path(main_, input, pass), forward_path(shortcut_, input, pass), output_);
  return output_;
}

const Tensor& Residual::backward(const Tensor& error, const Pass& pass) {
  const Tensor& main = backward_path(main_, error, pass);
  const Tensor& shortcut = backward_path(shortcut_, error, pass);
  if (wants_input_error_) {
    add(main, shortcut, passed_);
  } else {
    passed_.resize({0});
  }
  return passed_;
}

std::vector<Parameter*> Residual::parameters() {
  std::vector<Parameter*> all;
  for (const Layers* path : {&main_, &shortcut_})
    for (const auto& layer : *path)
      for (Parameter* parameter : layer->parameters()) all.push_back(parameter);
  return all;
}

std::vector<std::pair<std::string, Tensor*>> Residual::state() {
  std::vector<std::pair<std::string, Tensor*>> all;
  for (const Layers* path : {&main_, &shortcut_})
    for (const auto& layer : *path)
      for (auto& entry : layer->state()) all.push_back(entry);
  return all;
}

std::vector<Branch> Residual::branches() const {
  if (shortcut_.empty()) return {{&main_, "end"}};
  return {{&main_, "shortcut"}, {&shortcut_, "end"}};
}

void Residual::skip_input_error() {
  Layer::skip_input_error();
  for (const Layers* path : {&main_, &shortcut_})
    if (!path->empty()) path->front()->skip_input_error();
}

}  // namespace octet
