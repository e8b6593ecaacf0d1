// A network that PyTorch has written, where python3 has it: the scores are PyTorch's own.
#include <cstdlib>
#include <fstream>

#include "tests/paths.h"
#include "tests/quant/onnx/helpers.h"

using namespace octet;
using namespace octet::test;

namespace {

// Of the system before one that the path names first.
std::string python_with_torch() {
  for (const char* python : {"/usr/bin/python3", "python3"})
    if (std::system((std::string(python) + " -c 'import torch' >/dev/null 2>&1").c_str()) == 0)
      return python;
  return "";
}

Tensor read_tensor(const std::filesystem::path& file, const Shape& shape) {
  Tensor tensor(shape);
  const Bytes bytes = read_file(file);
  REQUIRE(bytes.size() == tensor.bytes());
  std::memcpy(tensor.raw(), bytes.data(), bytes.size());
  return tensor;
}

}  // namespace

TEST_CASE("onnx: a network of PyTorch gives PyTorch's scores") {
  const std::string python = python_with_torch();
  if (python.empty()) {
    MESSAGE("skipped: python3 has no torch");
    return;
  }
  const TemporaryFolder folder;
  REQUIRE(std::system(("OMP_NUM_THREADS=1 " + python + " " + source_folder +
                       "/tests/clients/pytorch/export.py " + folder.path().string())
                          .c_str()) == 0);
  const Model model = read_onnx(read_file(folder / "net.onnx"), "net.onnx");
  CHECK(model.definition.input == Shape{20, 20, 3});
  CHECK(model.attribute("mean") == "0.5 0.4 0.3");

  const Tensor pixels = read_tensor(folder / "pictures.f32", {4, 3, 20, 20});
  Tensor images({4, 20, 20, 3});
  const float mean[] = {0.5f, 0.4f, 0.3f}, deviation[] = {0.2f, 0.25f, 0.3f};
  for (std::int64_t n = 0; n < 4; ++n)
    for (std::int64_t c = 0; c < 3; ++c)
      for (std::int64_t p = 0; p < 400; ++p)
        images.floats()[(n * 400 + p) * 3 + c] =
            (pixels.floats()[(n * 3 + c) * 400 + p] / 255 - mean[c]) / deviation[c];
  Network network = build_network(model);
  CHECK(relative_difference(network.forward(images, {}),
                            read_tensor(folder / "scores.f32", {4, 1, 1, 7})) < 1e-4);
}
