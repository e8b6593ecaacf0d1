// The hot paths: products of one layer in both arithmetics, encoding, whole training steps, and the
// coders of model files. Items are images (steps), multiply-accumulates (products) or weights.
#include <benchmark/benchmark.h>

#include <atomic>

#include "datasets/transforms.h"
#include "examples/networks/networks.h"
#include "framework/code_paths.h"
#include "framework/code_products.h"
#include "framework/data_loader.h"
#include "framework/products.h"
#include "framework/random.h"
#include "framework/weight_gradient.h"
#include "layers/build.h"
#include "layers/code_pooling.h"
#include "layers/losses.h"
#include "optim/sgd.h"
#include "quant/compression/model_file.h"
#include "quant/numbers/quantizer.h"

namespace octet {
namespace {

Tensor uniform_tensor(const Shape& shape, Element element, std::uint64_t key) {
  Tensor tensor(shape, element);
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    const float u = uniform(key, static_cast<std::uint32_t>(i));
    if (element == Element::int8)
      tensor.data<std::int8_t>()[i] = static_cast<std::int8_t>(u * 64 - 32);
    else
      tensor.floats()[i] = u - 0.5f;
  }
  return tensor;
}

enum Product { forward, input_error, weight_gradient };

// 3x3, padding 1, batch 64: arguments are channels in, channels out, height and width.
template <Product product, Element element>
void convolution(benchmark::State& state) {
  const std::int64_t c = state.range(0), k = state.range(1), size = state.range(2);
  const Window window{3, 3, 1, 1, 1, 1, 1, 1};
  const Tensor x = uniform_tensor({64, size, size, c}, element, 1),
               w = uniform_tensor({k, 3, 3, c}, element, 2),
               e = uniform_tensor({64, size, size, k}, element, 3);
  Tensor result;
  for (auto _ : state) {
    if (product == forward) products::convolution(x, w, nullptr, window, result);
    if (product == input_error) products::convolution_input_error(e, w, window, x.shape(), result);
    if (product == weight_gradient)
      products::convolution_weight_gradient(x, e, window, w.shape(), result);
  }
  state.SetItemsProcessed(state.iterations() * 64 * size * size * c * k * 9);
}

// 3x3, padding 1, batch 128: the same arguments.
void weight_gradient_of_codes(benchmark::State& state) {
  const std::int64_t c = state.range(0), k = state.range(1), size = state.range(2);
  const Tensor x = uniform_tensor({128, size, size, c}, Element::int8, 1),
               e = uniform_tensor({128, size, size, k}, Element::int8, 2);
  Tensor result;
  for (auto _ : state)
    weight_gradient::compute(x, e, {3, 3, 1, 1, 1, 1, 1, 1}, {k, 3, 3, c}, {1.0f}, result);
  state.SetItemsProcessed(state.iterations() * 128 * size * size * c * k * 9);
  state.SetLabel(weight_gradient::kernel());
}

void shapes(benchmark::internal::Benchmark* b) {
  b->Args({64, 64, 32})->Args({128, 128, 32})->Args({256, 256, 16})->Args({512, 512, 8});
  b->UseRealTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK(convolution<forward, Element::float32>)->Apply(shapes);
BENCHMARK(convolution<forward, Element::int8>)->Apply(shapes);
BENCHMARK(convolution<input_error, Element::float32>)->Apply(shapes);
BENCHMARK(convolution<input_error, Element::int8>)->Apply(shapes);
BENCHMARK(convolution<weight_gradient, Element::float32>)->Apply(shapes);
BENCHMARK(convolution<weight_gradient, Element::int8>)->Apply(shapes);
BENCHMARK(weight_gradient_of_codes)
    ->Apply(shapes)
    ->Args({16, 16, 32})
    ->Args({32, 32, 16})
    ->Args({64, 64, 8});

// Batch 128: channels in, channels out, height and width of the input, kernel, stride, padding.
void input_error_of_codes(benchmark::State& state) {
  const std::int64_t c = state.range(0), k = state.range(1), size = state.range(2);
  const std::int64_t kernel = state.range(3), stride = state.range(4), pad = state.range(5);
  const Window window{kernel, kernel, stride, pad, pad, pad, pad, 1};
  const Shape input{128, size, size, c}, weight{k, kernel, kernel, c};
  const Shape output = convolution_shape(input, weight, window);
  const Tensor w = uniform_tensor(weight, Element::int8, 1),
               e = uniform_tensor(output, Element::int8, 2);
  products::paths();  // the self-test is not part of it
  std::atomic<std::int64_t> taken = 0;
  for (auto _ : state)
    products::input_error_sums(e, w, window, input,
                               [&](std::int64_t, std::int64_t count, const std::int32_t* sums) {
                                 benchmark::DoNotOptimize(sums[0]);
                                 taken += count;
                               });
  state.SetItemsProcessed(taken * output.elements() / 128 * c * kernel * kernel);
}
BENCHMARK(input_error_of_codes)
    ->Args({20, 50, 12, 5, 1, 0})  // LeNet-5's second: folded
    ->Args({16, 32, 32, 3, 2, 1})  // ResNet-20's first with a stride: folded
    ->Args({16, 16, 32, 3, 1, 1})  // turned
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// 2 x 2 windows, batch 256, forward and backward: channels, height and width.
void max_pool_of_codes(benchmark::State& state) {
  const std::int64_t channels = state.range(0), size = state.range(1);
  const kernels::PoolGeometry g{size, size, channels, size / 2, size / 2, 2, 2, 2};
  const std::int64_t in = size * size * channels, out = in / 4;
  const Tensor x = uniform_tensor({256, in}, Element::int8, 1);
  Tensor y({256, out}, Element::int8), passed({256, in}, Element::int8);
  std::vector<std::uint8_t> source(static_cast<std::size_t>(256 * out));
  for (auto _ : state)
    for (std::int64_t i = 0; i < 256; ++i) {
      kernels::max_pool_codes(x.data<std::int8_t>() + i * in, g, y.data<std::int8_t>() + i * out,
                              source.data() + i * out);
      kernels::max_pool_errors(y.data<std::int8_t>() + i * out, source.data() + i * out, g,
                               passed.data<std::int8_t>() + i * in);
    }
  state.SetBytesProcessed(state.iterations() * 256 * (2 * in + 4 * out));
}
BENCHMARK(max_pool_of_codes)->Args({20, 24})->Args({50, 8})->Args({128, 32})->UseRealTime();

void encode(benchmark::State& state, const char* format) {
  const Tensor x = uniform_tensor({64, 32, 32, 64}, Element::float32, 1);
  Quantizer quantizer(parse_format(format), "bench");
  Tensor codes;
  for (auto _ : state) quantizer.encode(x, {.training = true}, codes);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(x.bytes()));
}
BENCHMARK_CAPTURE(encode, nearest, "int8/absmax/smooth")->UseRealTime();
BENCHMARK_CAPTURE(encode, stochastic, "int8/absmax/stochastic")->UseRealTime();

// A layer as Deep Compression leaves them: 4 % of the weights, 31 values; a sixteenth of VGG-16's
// fc6.
Model pruned_layer() {
  Tensor weight(Shape{1024, 6272});
  const auto element = [](std::int64_t i) { return static_cast<std::uint32_t>(i); };
  for (std::int64_t i = 0; i < weight.elements(); ++i) {
    const float u = uniform(2, element(i)) * uniform(3, element(i));
    weight.floats()[i] = uniform(1, element(i)) < 0.04f
                             ? static_cast<float>(static_cast<int>(31 * u) - 15) - 0.37f
                             : 0.0f;
  }
  Model model{
      parse_definition("network name=fc6 input=6272x1x1\nlinear units=1024\n", "bench"), {}, {}};
  model.tensors["fc1.weight"] = std::move(weight);
  return model;
}

void write_layer(benchmark::State& state, Coder coder) {
  const Model model = pruned_layer();
  std::size_t bytes = 0;
  for (auto _ : state) bytes = encode(model, {{}, coder}).size();
  state.SetItemsProcessed(state.iterations() * model.parameters());
  state.SetLabel(std::to_string(bytes) + " bytes");
}
void read_layer(benchmark::State& state, Coder coder) {
  const Model model = pruned_layer();
  const Bytes bytes = encode(model, {{}, coder});
  for (auto _ : state) benchmark::DoNotOptimize(decode(bytes, "bench"));
  state.SetItemsProcessed(state.iterations() * model.parameters());
}
BENCHMARK_CAPTURE(write_layer, huffman, Coder::huffman)->UseRealTime();
BENCHMARK_CAPTURE(write_layer, rans, Coder::rans)->UseRealTime();
BENCHMARK_CAPTURE(write_layer, arithmetic, Coder::arithmetic)->UseRealTime();
BENCHMARK_CAPTURE(read_layer, huffman, Coder::huffman)->UseRealTime();
BENCHMARK_CAPTURE(read_layer, rans, Coder::rans)->UseRealTime();
BENCHMARK_CAPTURE(read_layer, arithmetic, Coder::arithmetic)->UseRealTime();

void step(benchmark::State& state, const char* name, const Shape& input, const char* precision) {
  const std::int64_t batch = state.range(0);
  Network network = build_network(zoo_network(name, input, 10));
  set_precision(network, parse_precision(precision));
  network.initialize(1);
  Sgd sgd(network.parameters(), {.weight_decay = 5e-4f});
  const Tensor x = uniform_tensor(input.with_front(batch), Element::float32, 1);
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < batch; ++i) labels.push_back(static_cast<std::int32_t>(i % 10));
  const SoftmaxCrossEntropy loss;
  Tensor error;
  Pass pass{.training = true};
  for (auto _ : state) {
    loss.evaluate(network.forward(x, pass), labels, &error);
    network.backward(error, pass);
    sgd.step(1e-3f);
    ++pass.step;
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK_CAPTURE(step, lenet5_float32, "lenet5", Shape{28, 28, 1}, "float32")
    ->Arg(64)
    ->Arg(256)
    ->UseRealTime();
BENCHMARK_CAPTURE(step, lenet5_int8, "lenet5", Shape{28, 28, 1}, "int8")
    ->Arg(64)
    ->Arg(256)
    ->UseRealTime();
BENCHMARK_CAPTURE(step, vgg7_float32, "vgg7", Shape{32, 32, 3}, "float32")
    ->Arg(128)
    ->UseRealTime()
    ->Iterations(2);
BENCHMARK_CAPTURE(step, vgg7_int8, "vgg7", Shape{32, 32, 3}, "int8")
    ->Arg(128)
    ->UseRealTime()
    ->Iterations(3);

// Pictures of 32x32x3 shuffled, changed as `octet train --augment translate-alternate:2` does, and
// normalised. It is done on one thread, beside the step before.
void load(benchmark::State& state) {
  const std::int64_t batch = state.range(0);
  Dataset pictures{
      .name = "random", .image = {32, 32, 3}, .pixels = {}, .labels = {}, .classes = {"a"}};
  pictures.labels.assign(4096, 0);
  pictures.pixels.resize(4096 * 32 * 32 * 3);
  for (std::size_t i = 0; i < pictures.pixels.size(); ++i)
    pictures.pixels[i] = static_cast<std::uint8_t>(random_bits(1, static_cast<std::uint32_t>(i)));
  DataLoader loader(pictures, {.batch = batch,
                               .shuffle = true,
                               .seed = 1,
                               .normalization = {},
                               .transform = chain({alternating_flip(), translate(2)})});
  std::int64_t epoch = 0;
  loader.start(epoch);
  for (auto _ : state)
    if (!loader.next()) {
      loader.start(++epoch);
      loader.next();
    }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(load)->Arg(1024)->UseRealTime();

}  // namespace
}  // namespace octet
