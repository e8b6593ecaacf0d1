// How an IntegerNetwork runs fast. With kernels of our own (framework/direct_convolution.h) a few
// images go through many stages while they are in a core's cache, and sums become codes in the
// registers that hold them; elsewhere a stage at a time goes over all images, by the products of
// framework/code_products.h, and sums become codes while they are in the cache.
#pragma once

#include <atomic>
#include <optional>

#include "framework/direct_convolution.h"
#include "quant/integer/addition.h"
#include "quant/integer/integer_network.h"
#include "quant/integer/pooling_of_codes.h"

namespace octet {

class IntegerExecution {
 public:
  explicit IntegerExecution(const IntegerNetwork& network);
  const Tensor& run(const Tensor& codes);
  Tensor run_watched(const Tensor& codes, const IntegerNetwork::Watch& watch);

 private:
  // A product by our own kernel.
  struct Direct {
    direct_convolution::Weights weights;
    direct_convolution::CodeOutput output;
    Window window;       // without padding where the codes are padded before
    bool pads = false;   // with a zero point that is not the code 0
    bool heavy = false;  // weights so large that they should be read once for all images
  };
  struct Prepared {
    const Stage* stage = nullptr;
    Shape input, output;                     // H x W x C
    std::optional<Requantizer> requantizer;  // of products
    std::optional<Direct> direct;
    std::optional<Addition> addition;
    std::optional<Averaging> averaging;
    std::int64_t work = 0;  // products an image

    bool is_own() const { return !requantizer || direct; }
    bool goes_by_images() const { return is_own() && !(direct && direct->heavy); }
  };

  void prepare_product(Prepared& prepared, const Edge& in, const Edge& out) const;
  void run_stages(std::size_t first, std::size_t last, const Tensor& codes);
  void run_in_blocks(std::size_t first, std::size_t last, const Tensor& codes);
  void run_for_all(const Prepared& prepared, const Tensor& codes);
  void run_divided(std::size_t first, std::size_t last, const Tensor& codes);
  void divide(std::int64_t images);
  std::vector<direct_convolution::Part> parts_of(const Prepared& prepared,
                                                 std::int64_t images) const;
  void run_images(const Prepared& prepared, const Tensor& codes, std::int64_t first,
                  std::int64_t count);
  void run_direct(const Prepared& prepared, const Tensor& codes, std::int64_t first,
                  std::int64_t count, const direct_convolution::Part& part);
  const Tensor& value(std::size_t edge, const Tensor& codes) const {
    return edge == 0 ? codes : values_[edge];
  }

  const std::vector<Edge>& edges_;
  RequantRounding rounding_;
  // The parts of a stage that threads share, and how far they are with them.
  struct Shared {
    std::vector<direct_convolution::Part> parts;
    std::atomic<std::int64_t> next{0}, done{0};
  };

  std::vector<Prepared> prepared_;  // of each stage
  std::vector<Shared> shared_;      // of each stage, for divided_images_ images and threads
  std::int64_t divided_images_ = 0;
  int divided_threads_ = 0;
  std::vector<Tensor> values_;  // of each edge
  Tensor rows_;
};

}  // namespace octet
