#include "quant/onnx/read_window.h"

#include <algorithm>

#include "framework/check.h"

namespace octet {
namespace {

constexpr std::int64_t most = 1 << 10;

// The one value of both rows and columns.
std::int64_t square(const OnnxNode& node, const std::string& key,
                    const std::vector<std::int64_t>& values, std::int64_t usual) {
  if (values.empty()) return usual;
  check(values.size() == 2 && values[0] == values[1] && values[0] >= 1 && values[0] <= most,
        Failure::data, print(node), ": ", key, ": expected the same two numbers from 1 to ", most);
  return values[0];
}

}  // namespace

OnnxWindow read_window(const OnnxNode& node, OnnxAttributeReader& attributes, const Shape& input,
                       std::int64_t kernel) {
  OnnxWindow window;
  window.kernel = square(node, "kernel_shape", attributes.integers("kernel_shape"), kernel);
  check(window.kernel > 0 && (kernel == 0 || window.kernel == kernel), Failure::data, print(node),
        ": kernel_shape is missing or not that of the weights");
  window.stride = square(node, "strides", attributes.integers("strides"), 1);
  check(square(node, "dilations", attributes.integers("dilations"), 1) == 1, Failure::data,
        print(node), ": dilations: expected 1");
  const std::string automatic = attributes.word("auto_pad", "NOTSET");
  const std::vector<std::int64_t> pads = attributes.integers("pads");
  check(automatic == "NOTSET" || pads.empty(), Failure::data, print(node),
        ": both auto_pad and pads are there");
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    for (int axis : {0, 1}) {
      const std::int64_t out = (input[axis] + window.stride - 1) / window.stride;
      const std::int64_t total =
          std::max<std::int64_t>(0, (out - 1) * window.stride + window.kernel - input[axis]);
      check(total % 2 == 0, Failure::data, print(node), ": auto_pad=", automatic,
            " pads one side more than the other, which is not supported");
      window.pads[static_cast<std::size_t>(axis)] =
          window.pads[static_cast<std::size_t>(axis) + 2] = total / 2;
    }
  } else {
    check(automatic == "NOTSET" || automatic == "VALID", Failure::data, print(node),
          ": auto_pad=", automatic, " is not supported");
    check(pads.empty() || (pads.size() == 4 &&
                           std::all_of(pads.begin(), pads.end(),
                                       [](std::int64_t pad) { return pad >= 0 && pad <= most; })),
          Failure::data, print(node), ": pads: expected four numbers from 0 to ", most);
    std::copy(pads.begin(), pads.end(), window.pads.begin());
  }
  for (std::size_t axis : {0u, 1u})
    check(
        input[static_cast<int>(axis)] + window.pads[axis] + window.pads[axis + 2] >= window.kernel,
        Failure::data, print(node), ": a window of ", window.kernel, " does not fit an input of ",
        print(input));
  return window;
}

}  // namespace octet
