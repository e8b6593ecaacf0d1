// Files that are well formed and lie: made with ONNX's own types.
#include <onnx/onnx_pb.h>

#include <functional>

#include "tests/quant/onnx/helpers.h"

using namespace octet;
using namespace octet::test;

namespace {

// A small network's file after `change`.
std::string refusal_after(const std::function<void(::onnx::ModelProto&)>& change) {
  const Model model = random_model(
      "network name=net input=6x6x1\nconvolution channels=2 kernel=3\nlinear units=3\n");
  const Bytes bytes = write_onnx(model, {{0.5f}, {0.25f}});
  ::onnx::ModelProto proto;
  REQUIRE(proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  change(proto);
  const std::string changed = proto.SerializeAsString();
  return refusal(Bytes(changed.begin(), changed.end()));
}

::onnx::TensorProto& weight_of(::onnx::ModelProto& model) {
  for (auto& tensor : *model.mutable_graph()->mutable_initializer())
    if (tensor.name() == "conv1.weight") return tensor;
  FAIL("no weight");
  return *model.mutable_graph()->mutable_initializer(0);
}

void refuses(const std::string& words, const std::function<void(::onnx::ModelProto&)>& change) {
  const std::string line = refusal_after(change);
  CAPTURE(line);
  CAPTURE(words);
  CHECK(line.find(words) != std::string::npos);
}

}  // namespace

TEST_CASE("onnx: sizes are checked before anything is allocated") {
  for (const std::int64_t extent : {std::int64_t{-1}, std::int64_t{1} << 40})
    refuses("initialiser 'conv1.weight': a dimension of",
            [&](::onnx::ModelProto& model) { weight_of(model).set_dims(0, extent); });
  refuses("its dimensions ask for",
          [](::onnx::ModelProto& model) { weight_of(model).set_dims(0, 1 << 20); });
  refuses("its data has 0 bytes",
          [](::onnx::ModelProto& model) { weight_of(model).clear_raw_data(); });
  refuses("expected elements float32 or int64, got type 11", [](::onnx::ModelProto& model) {
    weight_of(model).set_data_type(::onnx::TensorProto::DOUBLE);
  });
  refuses("data in another file is not supported", [](::onnx::ModelProto& model) {
    weight_of(model).set_data_location(::onnx::TensorProto::EXTERNAL);
    auto& entry = *weight_of(model).add_external_data();
    entry.set_key("location");
    entry.set_value("/etc/passwd");
  });
  refuses("expected channels, height and width from 1 to 4096", [](::onnx::ModelProto& model) {
    model.mutable_graph()
        ->mutable_input(0)
        ->mutable_type()
        ->mutable_tensor_type()
        ->mutable_shape()
        ->mutable_dim(2)
        ->set_dim_value(std::int64_t{1} << 60);
  });
}

TEST_CASE("onnx: names and versions are checked") {
  refuses("nothing before it makes 'conv1.weight'",
          [](::onnx::ModelProto& model) { weight_of(model).set_name("other"); });
  refuses("nothing makes the output 'nobody'", [](::onnx::ModelProto& model) {
    model.mutable_graph()->mutable_output(0)->set_name("nobody");
  });
  refuses("expected operators of version 7 to 21, got 99",
          [](::onnx::ModelProto& model) { model.mutable_opset_import(0)->set_version(99); });
  refuses("operators of the domain 'com.microsoft' are not supported",
          [](::onnx::ModelProto& model) {
            model.mutable_graph()->mutable_node(3)->set_domain("com.microsoft");
          });
  refuses("two values are called 'conv1'", [](::onnx::ModelProto& model) {
    *model.mutable_graph()->add_node() = model.graph().node(3);
  });
  // A cycle: a node that takes what comes later.
  refuses("nothing before it makes 'scores'", [](::onnx::ModelProto& model) {
    model.mutable_graph()->mutable_node(3)->set_input(0, "scores");
  });
  // A name with line breaks does not break the message's line.
  refuses("no layer does this", [](::onnx::ModelProto& model) {
    model.mutable_graph()->mutable_node(3)->set_name("a\nb");
    model.mutable_graph()->mutable_node(3)->set_op_type("Odd");
  });
}

TEST_CASE("onnx: a constant that many nodes take cannot fill the memory") {
  // 300 layers that share one weight of 1 MB each would be 300 MB out of a file of 1 MB.
  refuses("constants that several nodes take are too large", [](::onnx::ModelProto& model) {
    auto& graph = *model.mutable_graph();
    auto& big = *graph.add_initializer();
    big.set_name("big");
    big.set_data_type(::onnx::TensorProto::FLOAT);
    for (const int extent : {512, 512}) big.add_dims(extent);
    big.set_raw_data(std::string(4 * 512 * 512, '\0'));
    auto& first = *graph.add_initializer();
    first.set_name("first");
    first.set_data_type(::onnx::TensorProto::FLOAT);
    for (const int extent : {3, 512}) first.add_dims(extent);
    first.set_raw_data(std::string(4 * 3 * 512, '\0'));
    std::string before = "scores";
    for (int i = 0; i < 300; ++i) {
      auto& node = *graph.add_node();
      node.set_op_type("MatMul");
      node.add_input(before);
      node.add_input(i == 0 ? "first" : "big");
      before = "p" + std::to_string(i);
      node.add_output(before);
    }
    graph.mutable_output(0)->set_name(before);
  });
}
