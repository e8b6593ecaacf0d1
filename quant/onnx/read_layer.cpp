#include "quant/onnx/read_layer.h"

#include <algorithm>
#include <map>

#include "framework/check.h"
#include "framework/text.h"
#include "framework/window.h"
#include "quant/onnx/layout.h"
#include "quant/onnx/read_window.h"

namespace octet {
namespace {

template <class... Parts>
[[noreturn]] void refuse(const OnnxNode& node, const Parts&... parts) {
  fail(Failure::data, print(node), ": ", parts...);
}

Tensor tensor_of(const Shape& shape, const std::vector<float>& values) {
  Tensor tensor(shape);
  std::copy(values.begin(), values.end(), tensor.floats());
  return tensor;
}

void check_image(const OnnxNode& node, const OnnxFlow& flow) {
  check(!flow.flat, Failure::data, print(node), ": expected images, got flattened values");
}

class NodeReader {
 public:
  NodeReader(const OnnxNode& node, const KnownValues& known, std::int64_t batch, OnnxFlow& flow)
      : node_(node), attributes_(node), known_(known), batch_(batch), flow_(flow) {}

  OnnxLayer read() {
    using Reader = void (NodeReader::*)();
    static const std::map<std::string, Reader> readers = {
        {"AveragePool", &NodeReader::average_pool},
        {"BatchNormalization", &NodeReader::batch_norm},
        {"Conv", &NodeReader::convolution},
        {"Dropout", &NodeReader::dropout},
        {"Flatten", &NodeReader::flatten},
        {"Gemm", &NodeReader::gemm},
        {"GlobalAveragePool", &NodeReader::global_average_pool},
        {"Identity", &NodeReader::nothing},
        {"MatMul", &NodeReader::mat_mul},
        {"MaxPool", &NodeReader::max_pool},
        {"Mul", &NodeReader::scale},
        {"ReduceMean", &NodeReader::reduce_mean},
        {"Relu", &NodeReader::relu},
        {"Reshape", &NodeReader::reshape},
    };
    const auto found = readers.find(node_.op);
    if (found == readers.end()) {
      if (node_.op == "Add") refuse(node_, "a constant is only added behind a MatMul");
      refuse(node_, "no layer does this");
    }
    check(!node_.inputs.empty() && node_.inputs.front() == flow_.name, Failure::data, print(node_),
          ": expected '", flow_.name, "' as its first input");
    layer_.node = node_.name.empty() ? node_.outputs.front() : node_.name;
    (this->*found->second)();
    attributes_.finish();
    check(flow_.shape.elements() <= 1 << 27, Failure::data, print(node_), ": an output of ",
          print(flow_.shape), " is more than 2^27 elements");
    flow_.name = node_.outputs.front();
    return std::move(layer_);
  }

 private:
  void nothing() {}
  void relu() { layer_.spec.kind = "relu"; }

  void scale() {
    const OnnxTensor& factor = known_.reals(node_, 1, "its factor");
    const float value = factor.elements() == 1 ? factor.floats()[0] : 0.0f;
    if (!(value >= 1e-6f && value <= 1e6f))
      refuse(node_, "expected a constant factor from 1e-6 to 1e6 for all values");
    layer_.spec.kind = "scale";
    layer_.spec.set("factor", shortest(value));
  }

  void dropout() {
    attributes_.ignore("ratio");
    attributes_.ignore("seed");
  }

  void convolution() {
    check_image(node_, flow_);
    const OnnxTensor& weight = known_.reals(node_, 1, "its weights");
    const std::int64_t groups = attributes_.integer("group", 1), c = flow_.shape[2];
    const std::vector<std::int64_t>& dims = weight.dims;
    if (dims.size() != 4) refuse(node_, "expected weights of 4 dimensions, got ", dims.size());
    const std::int64_t k = dims[0], kernel = dims[2];
    if (dims[3] != kernel) refuse(node_, "expected a square kernel, got ", kernel, "x", dims[3]);
    if (k < 1 || k > 1 << 16 || kernel < 1 || kernel > 1 << 10 || groups < 1 || groups > c ||
        c % groups != 0 || k % groups != 0 || dims[1] != c / groups)
      refuse(node_, "weights of ", k, "x", dims[1], "x", kernel, "x", kernel, " in ", groups,
             " groups do not fit ", c, " channels");
    const OnnxWindow window = read_window(node_, attributes_, flow_.shape, kernel);
    const std::int64_t padding = window.pads[0];
    if (padding >= kernel || window.pads != std::array{padding, padding, padding, padding})
      refuse(node_, "expected the same padding, below the kernel, on all four sides");
    layer_.spec.kind = "convolution";
    layer_.spec.set("channels", k)
        .set("kernel", kernel)
        .set_unless("stride", window.stride, 1)
        .set_unless("padding", padding, 0)
        .set_unless("groups", groups, 1);
    layer_.tensors.emplace_back(
        "weight", tensor_of({k, kernel, kernel, dims[1]},
                            channels_last(weight.floats(), k, kernel * kernel, dims[1])));
    take_bias(2, k);
    const auto extent = [&](int axis) {
      return (flow_.shape[axis] + 2 * padding - kernel) / window.stride + 1;
    };
    flow_.shape = {extent(0), extent(1), k};
  }

  void gemm() {
    const OnnxTensor& weight = known_.reals(node_, 1, "its weights");
    attributes_.only("transA", 0);
    const bool transposed = attributes_.integer("transB", 0) != 0;
    for (const char* factor : {"alpha", "beta"})
      if (attributes_.real(factor, 1) != 1) refuse(node_, factor, ": expected 1");
    linear(weight, transposed);
  }

  void mat_mul() { linear(known_.reals(node_, 1, "its weights"), false); }

  void linear(const OnnxTensor& weight, bool rows_are_units) {
    if (!flow_.flat) refuse(node_, "expected values that were flattened before");
    const std::int64_t inputs = flow_.shape.elements(), positions = flow_.shape[0] * flow_.shape[1];
    if (weight.dims.size() != 2 || weight.dims[rows_are_units ? 1 : 0] != inputs)
      refuse(node_, "expected weights for ", inputs, " inputs");
    const std::int64_t units = weight.dims[rows_are_units ? 0 : 1];
    if (units < 1 || units > 1 << 20) refuse(node_, "expected 1 to 2^20 outputs, got ", units);
    std::vector<float> rows(weight.floats(), weight.floats() + weight.elements());
    if (!rows_are_units) rows = channels_first(weight.floats(), 1, inputs, units);
    layer_.spec.kind = "linear";
    layer_.spec.set("units", units);
    layer_.tensors.emplace_back(
        "weight",
        tensor_of({units, inputs}, channels_last(rows.data(), units, positions, flow_.shape[2])));
    take_bias(2, units);
    flow_.shape = {1, 1, units};
  }

  void take_bias(std::size_t input, std::int64_t outputs) {
    if (input >= node_.inputs.size() || node_.inputs[input].empty()) {
      layer_.spec.set("bias", 0);
    } else {
      layer_.tensors.emplace_back(
          "bias", vector_of(node_, known_.reals(node_, input, "its bias"), outputs, "its bias"));
    }
  }

  void batch_norm() {
    const std::int64_t c = flow_.shape[2];
    if (flow_.flat && flow_.shape.elements() != c)
      refuse(node_, "expected images, or values without height and width");
    attributes_.only("training_mode", 0);
    attributes_.only("spatial", 1);
    const float epsilon = attributes_.real("epsilon", 1e-5f);
    const float kept = attributes_.real("momentum", 0.9f);
    if (!(epsilon >= 1e-12f && epsilon <= 1)) refuse(node_, "epsilon: expected 1e-12 to 1");
    layer_.spec.kind = "batch_norm";
    if (kept != 0.9f && kept >= 0 && kept <= 1) layer_.spec.set("momentum", shortest(1 - kept));
    if (epsilon != 1e-5f) layer_.spec.set("epsilon", shortest(epsilon));
    const char* const parts[] = {"gamma", "beta", "running_mean", "running_variance"};
    for (std::size_t i = 0; i < 4; ++i)
      layer_.tensors.emplace_back(
          parts[i], vector_of(node_, known_.reals(node_, i + 1, parts[i]), c, parts[i]));
    const float* variance = layer_.tensors.back().second.floats();
    if (std::any_of(variance, variance + c, [](float x) { return x < 0; }))
      refuse(node_, "expected variances of 0 and more");
  }

  void max_pool() {
    attributes_.only("storage_order", 0);
    pool("max_pool");
  }

  void average_pool() {
    const bool counts_padding = attributes_.integer("count_include_pad", 0) != 0;
    const bool cut = pool("average_pool");
    if (cut && counts_padding)
      refuse(node_, "a mean over windows that are cut off at the edge must not count padding");
  }

  // Returns whether windows are cut off at the edge.
  bool pool(const char* kind) {
    check_image(node_, flow_);
    const OnnxWindow window = read_window(node_, attributes_, flow_.shape, 0);
    const bool up = attributes_.integer("ceil_mode", 0) != 0;
    if (window.pads[0] != 0 || window.pads[1] != 0)
      refuse(node_, "padding before the first row or column is not supported");
    bool cut = false;
    std::int64_t out[2];
    for (int axis : {0, 1}) {
      out[axis] =
          pool_extent(flow_.shape[axis] + window.pads[axis + 2], window.kernel, window.stride, up);
      cut = cut || (out[axis] - 1) * window.stride + window.kernel > flow_.shape[axis];
    }
    // Padding at the end and ceil_mode are two ways to say that windows are cut off.
    const auto same = [&](bool ceil_mode) {
      const auto extent = [&](int axis) {
        return pool_extent(flow_.shape[axis], window.kernel, window.stride, ceil_mode);
      };
      return out[0] == extent(0) && out[1] == extent(1);
    };
    const bool ceil_mode = same(true);
    if (!ceil_mode && !same(false))
      refuse(node_,
             "windows of which some are cut off at the edge and others dropped, or that "
             "begin beyond it, are not supported");
    layer_.spec.kind = kind;
    layer_.spec.set("window", window.kernel)
        .set_unless("stride", window.stride, window.kernel)
        .set_unless("ceil_mode", ceil_mode ? 1 : 0, 1);
    flow_.shape = {out[0], out[1], flow_.shape[2]};
    return cut;
  }

  void global_average_pool() {
    check_image(node_, flow_);
    layer_.spec.kind = "global_average_pool";
    flow_.shape = {1, 1, flow_.shape[2]};
  }

  void reduce_mean() {
    std::vector<std::int64_t> axes = attributes_.integers("axes");
    if (axes.empty() && node_.inputs.size() > 1)
      axes = known_.dimensions(node_.inputs[1]).value_or(axes);
    for (std::int64_t& axis : axes)
      if (axis < 0) axis += 4;
    std::sort(axes.begin(), axes.end());
    if (axes != std::vector<std::int64_t>{2, 3})
      refuse(node_, "expected a mean over height and width");
    attributes_.only("noop_with_empty_axes", 0);
    const bool keeps = attributes_.integer("keepdims", 1) != 0;
    global_average_pool();
    flow_.flat = !keeps;
  }

  void flatten() {
    const std::int64_t axis = attributes_.integer("axis", 1), rank = flow_.flat ? 2 : 4;
    if (axis != 1 && axis != 1 - rank) refuse(node_, "axis: expected 1, got ", axis);
    flow_.flat = true;
  }

  void reshape() {
    attributes_.only("allowzero", 0);
    const auto dims = node_.inputs.size() > 1 ? known_.dimensions(node_.inputs[1]) : std::nullopt;
    const std::int64_t size = flow_.shape.elements();
    // One of the two may be -1, whatever is left; the first may be 0, as many images as came.
    const bool flattens = dims && dims->size() == 2 &&
                          (((*dims)[0] == 0 || (batch_ > 0 && (*dims)[0] == batch_))
                               ? (*dims)[1] == -1 || (*dims)[1] == size
                               : (*dims)[0] == -1 && (*dims)[1] == size);
    if (!flattens) refuse(node_, "expected a shape of N x ", size, ", known beforehand");
    flow_.flat = true;
  }

  const OnnxNode& node_;
  OnnxAttributeReader attributes_;
  const KnownValues& known_;
  std::int64_t batch_;
  OnnxFlow& flow_;
  OnnxLayer layer_;
};

}  // namespace

Tensor vector_of(const OnnxNode& node, const OnnxTensor& from, std::int64_t elements,
                 const char* what) {
  // More than one axis would be added along another than the channels.
  check(from.elements() == elements && (from.dims.empty() || from.dims.back() == elements),
        Failure::data, print(node), ": ", what, ": expected ", elements,
        " numbers along the last axis, got ", from.elements());
  return tensor_of({elements}, {from.floats(), from.floats() + elements});
}

OnnxLayer read_layer(const OnnxNode& node, const KnownValues& known, std::int64_t batch,
                     OnnxFlow& flow) {
  return NodeReader(node, known, batch, flow).read();
}

void read_bias(const OnnxNode& node, const OnnxTensor& bias, OnnxLayer& product) {
  std::erase_if(product.spec.attributes, [](const auto& entry) { return entry.first == "bias"; });
  product.tensors.emplace_back(
      "bias", vector_of(node, bias, product.tensors.front().second.shape()[0], "the bias"));
}

}  // namespace octet
