#include "quant/onnx/graph_file.h"

#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>

#include <climits>
#include <cstring>
#include <set>

#include "framework/check.h"

namespace octet {
namespace {

constexpr std::int64_t opset = 13, oldest_opset = 7, newest_opset = 21;
constexpr int ir_version = 7;

}  // namespace

int code_of(OnnxTensor::Type type) {
  switch (type) {
    case OnnxTensor::Type::float32:
      return ::onnx::TensorProto::FLOAT;
    case OnnxTensor::Type::int64:
      return ::onnx::TensorProto::INT64;
    case OnnxTensor::Type::int32:
      return ::onnx::TensorProto::INT32;
    case OnnxTensor::Type::int8:
      return ::onnx::TensorProto::INT8;
    case OnnxTensor::Type::uint8:
      return ::onnx::TensorProto::UINT8;
  }
  return ::onnx::TensorProto::UNDEFINED;
}

namespace {

void put(const OnnxTensor& tensor, ::onnx::TensorProto& out) {
  out.set_data_type(code_of(tensor.type));
  for (const std::int64_t extent : tensor.dims) out.add_dims(extent);
  out.set_raw_data(tensor.bytes.data(), tensor.bytes.size());
}

void put(const std::string& key, const OnnxAttribute& value, ::onnx::NodeProto& node) {
  using Proto = ::onnx::AttributeProto;
  Proto& out = *node.add_attribute();
  out.set_name(key);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    out.set_type(Proto::INT);
    out.set_i(*integer);
  } else if (const auto* real = std::get_if<float>(&value)) {
    out.set_type(Proto::FLOAT);
    out.set_f(*real);
  } else if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&value)) {
    out.set_type(Proto::INTS);
    for (const std::int64_t one : *integers) out.add_ints(one);
  } else {
    out.set_type(Proto::STRING);
    out.set_s(std::get<std::string>(value));
  }
}

void put(const OnnxValue& value, ::onnx::ValueInfoProto& out) {
  out.set_name(value.name);
  auto& type = *out.mutable_type()->mutable_tensor_type();
  type.set_elem_type(code_of(value.type));
  for (const std::int64_t extent : value.dims) {
    auto& dim = *type.mutable_shape()->add_dim();
    if (extent < 0)
      dim.set_dim_param("N");
    else
      dim.set_dim_value(extent);
  }
}

::onnx::ModelProto to_proto(const OnnxGraph& graph) {
  ::onnx::ModelProto model;
  model.set_ir_version(ir_version);
  model.set_producer_name("octet");
  auto& import = *model.add_opset_import();
  import.set_domain("");
  import.set_version(opset);
  for (const auto& [key, value] : graph.metadata) {
    auto& entry = *model.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  auto& out = *model.mutable_graph();
  out.set_name(graph.name);
  for (const OnnxValue& value : graph.inputs) put(value, *out.add_input());
  for (const OnnxValue& value : graph.outputs) put(value, *out.add_output());
  for (const auto& [name, tensor] : graph.constants) {
    auto& constant = *out.add_initializer();
    put(tensor, constant);
    constant.set_name(name);
  }
  for (const OnnxNode& node : graph.nodes) {
    auto& to = *out.add_node();
    to.set_op_type(node.op);
    to.set_name(node.name);
    for (const std::string& input : node.inputs) to.add_input(input);
    for (const std::string& output : node.outputs) to.add_output(output);
    for (const auto& [key, value] : node.attributes) put(key, value, to);
  }
  return model;
}

class GraphParser {
 public:
  explicit GraphParser(const ::onnx::ModelProto& model) : model_(model), from_(model.graph()) {}

  OnnxGraph parse() {
    check_versions();
    graph_.name = from_.name();
    for (const auto& entry : model_.metadata_props()) graph_.metadata[entry.key()] = entry.value();
    check(from_.sparse_initializer_size() == 0 && from_.quantization_annotation_size() == 0,
          Failure::data, "sparse initialisers and annotations of formats are not supported");
    for (const auto& tensor : from_.initializer())
      add_constant(tensor.name(), tensor, "initialiser '" + tensor.name() + "'");
    for (const auto& input : from_.input())
      if (!graph_.constants.contains(input.name())) {
        graph_.inputs.push_back(value_of(input));
        check(known_.insert(input.name()).second, Failure::data, "two values are called '",
              input.name(), "'");
      }
    for (const auto& node : from_.node()) add_node(node);
    for (const auto& output : from_.output()) {
      check(known_.contains(output.name()), Failure::data, "nothing makes the output '",
            output.name(), "'");
      graph_.outputs.push_back({.name = output.name()});
    }
    return std::move(graph_);
  }

 private:
  void check_versions() const {
    check(model_.functions_size() == 0, Failure::data, "functions are not supported");
    std::int64_t version = 0;
    for (const auto& import : model_.opset_import())
      if (import.domain().empty() || import.domain() == "ai.onnx") version = import.version();
    check(version >= oldest_opset && version <= newest_opset, Failure::data,
          "expected operators of version ", oldest_opset, " to ", newest_opset, ", got ", version);
  }

  void add_constant(const std::string& name, const ::onnx::TensorProto& tensor,
                    const std::string& what) {
    check(!name.empty() && known_.insert(name).second, Failure::data, what,
          ": its name is missing or used twice");
    graph_.constants[name] = tensor_of(tensor, what);
  }

  static OnnxTensor tensor_of(const ::onnx::TensorProto& from, const std::string& what) {
    using Proto = ::onnx::TensorProto;
    check(from.data_location() != Proto::EXTERNAL && from.external_data_size() == 0, Failure::data,
          what, ": data in another file is not supported");
    check(!from.has_segment(), Failure::data, what, ": data in segments is not supported");
    OnnxTensor tensor;
    const bool real = from.data_type() == Proto::FLOAT;
    check(real || from.data_type() == Proto::INT64, Failure::data, what,
          ": expected elements float32 or int64, got type ", from.data_type());
    tensor.type = real ? OnnxTensor::Type::float32 : OnnxTensor::Type::int64;
    const std::size_t size = size_of(tensor.type);
    std::uint64_t elements = 1;
    for (const std::int64_t extent : from.dims()) {
      check(extent >= 0 && extent <= INT_MAX && elements <= INT_MAX, Failure::data, what,
            ": a dimension of ", extent, " is out of range");
      elements *= static_cast<std::uint64_t>(extent);
      tensor.dims.push_back(extent);
    }
    const void* data = from.raw_data().data();
    std::size_t bytes = from.raw_data().size();
    if (!from.has_raw_data()) {
      data = real ? static_cast<const void*>(from.float_data().data())
                  : static_cast<const void*>(from.int64_data().data());
      bytes =
          size * static_cast<std::size_t>(real ? from.float_data_size() : from.int64_data_size());
    }
    check(elements * size == bytes, Failure::data, what, ": its dimensions ask for ", elements,
          " elements, its data has ", bytes, " bytes");
    const auto* const begin = static_cast<const std::uint8_t*>(data);
    if (bytes > 0) tensor.bytes.assign(begin, begin + bytes);
    return tensor;
  }

  static OnnxValue value_of(const ::onnx::ValueInfoProto& from) {
    check(from.type().has_tensor_type() &&
              from.type().tensor_type().elem_type() == ::onnx::TensorProto::FLOAT,
          Failure::data, "input '", from.name(), "': expected a tensor of float32");
    OnnxValue value{.name = from.name()};
    for (const auto& dim : from.type().tensor_type().shape().dim())
      value.dims.push_back(dim.has_dim_value() ? dim.dim_value() : -1);
    return value;
  }

  static OnnxAttribute attribute_of(const ::onnx::AttributeProto& from, const std::string& what) {
    using Proto = ::onnx::AttributeProto;
    switch (from.type()) {
      case Proto::INT:
        return from.i();
      case Proto::FLOAT:
        return from.f();
      case Proto::STRING:
        return from.s();
      case Proto::INTS:
        return std::vector<std::int64_t>(from.ints().begin(), from.ints().end());
      case Proto::TENSOR:
        return tensor_of(from.t(), what);
      default:
        return std::monostate();
    }
  }

  void add_node(const ::onnx::NodeProto& from) {
    OnnxNode node{.op = from.op_type(), .name = from.name()};
    node.inputs.assign(from.input().begin(), from.input().end());
    node.outputs.assign(from.output().begin(), from.output().end());
    const std::string what = print(node);
    check(from.domain().empty() || from.domain() == "ai.onnx", Failure::data, what,
          ": operators of the domain '", from.domain(), "' are not supported");
    check(!node.outputs.empty() && !node.outputs[0].empty(), Failure::data, what,
          ": it has no output");
    for (const auto& attribute : from.attribute())
      node.attributes[attribute.name()] = attribute_of(attribute, what);
    for (const std::string& input : node.inputs)
      check(input.empty() || known_.contains(input), Failure::data, what,
            ": nothing before it makes '", input, "'");
    if (node.op == "Constant") {
      const auto found = node.attributes.find("value");
      const OnnxTensor* value =
          found == node.attributes.end() ? nullptr : std::get_if<OnnxTensor>(&found->second);
      check(value != nullptr && node.outputs.size() == 1, Failure::data, what,
            ": expected a tensor as its value");
      graph_.constants[node.outputs[0]] = *value;
    }
    for (const std::string& output : node.outputs)
      check(output.empty() || known_.insert(output).second, Failure::data, what,
            ": two values are called '", output, "'");
    if (node.op != "Constant") graph_.nodes.push_back(std::move(node));
  }

  const ::onnx::ModelProto& model_;
  const ::onnx::GraphProto& from_;
  OnnxGraph graph_;
  std::set<std::string> known_;
};

}  // namespace

Bytes serialize_onnx(const OnnxGraph& graph) {
  ::onnx::ModelProto model = to_proto(graph);
  const std::size_t size = model.ByteSizeLong();
  check(size < INT_MAX, Failure::failed, "an ONNX file holds less than 2 GiB, this network takes ",
        size, " bytes");
  Bytes bytes(size);
  model.SerializeToArray(bytes.data(), static_cast<int>(size));
  try {
    ::onnx::checker::check_model(model);
    ::onnx::shape_inference::InferShapes(model, ::onnx::OpSchemaRegistry::Instance(),
                                         {true, 1, false});
  } catch (const std::exception& error) {
    std::string reason = error.what();
    for (char& c : reason)
      if (c == '\n') c = ' ';
    fail(Failure::failed, "network ", graph.name, ": ONNX's checker refuses its file: ", reason);
  }
  return bytes;
}

OnnxGraph parse_onnx(const Bytes& bytes) {
  ::onnx::ModelProto model;
  check(bytes.size() < INT_MAX &&
            model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) && model.has_graph(),
        Failure::data, "not an ONNX file");
  return GraphParser(model).parse();
}

}  // namespace octet
