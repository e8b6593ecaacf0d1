// A network in integers: a flat list of stages from the codes of images to scores. Between the two
// there is no float.
//   product   sum  = bias[k] + sum of weight[k] * (code - zero_point of the input)
//             code = clip(zero_point + round(sum * multiplier[k]))
//   add       code = clip(zero_point + round((a - za) m[0] + (b - zb) m[1]))
//   average   code = clip(zero_point + round((sum of (code - zero_point of the input)) * m[0]))
//   maximum   of the codes; input and output have one scale
//   table     code = table[code]: a function of single values, such as GELU
// A stage that rectifies clips at the output's zero point, the code of 0. The plain loops define
// all this; the fast ones give the same codes. Jacob et al. 2017 (1712.05877).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "framework/tensor.h"
#include "framework/window.h"
#include "quant/integer/requantizer.h"

namespace octet {

/// What flows from stage to stage: codes, real = scale * (code - zero_point).
struct Edge {
  std::string name;                  ///< of the layer whose output it is; "input"
  Shape shape;                       ///< H x W x C
  Element element = Element::uint8;  ///< int32: the scores, of zero point 0
  float scale = 1;
  std::int32_t zero_point = 0;
};

struct Stage {
  enum class Kind { convolution, linear, add, max_pool, average_pool, table };
  Kind kind = Kind::convolution;
  std::string name;                   ///< of the layer
  std::size_t input = 0, output = 0;  ///< places in the list of edges
  std::size_t addend = 0;             ///< add: the other operand
  bool rectify = false;
  /// Convolution: geometry. Pools: kernel and stride of windows without padding; the last may be
  /// cut off at the edge.
  Window window;
  /// Convolution: int8, K x KH x KW x C/groups. Linear: int8, K x (H W C). A scale each filter.
  Tensor weights;
  std::vector<std::int32_t> bias;  ///< K; in units of the input's scale times the filter's
  /// Products: K. Add: of both operands, one shift. Average: one, the reciprocal of the number of
  /// positions in it.
  std::vector<Multiplier> multipliers;
  std::vector<std::uint8_t> table;  ///< table: the output of each of the 256 codes
  float score_factor = 1;           ///< of scores: a factor that their edge's scale has in it
};

std::string_view print(Stage::Kind kind);
/// to[i] = table[codes[i]]
void look_up_codes(const std::vector<std::uint8_t>& table, const std::uint8_t* codes,
                   std::int64_t count, std::uint8_t* to);

class IntegerExecution;

class IntegerNetwork {
 public:
  IntegerNetwork();
  /// The first edge is the input, the last stage's output the scores; a stage's inputs come before
  /// it. Throws Error(usage), naming the stage, where shapes or numbers do not fit.
  IntegerNetwork(std::string name, std::vector<Edge> edges, std::vector<Stage> stages,
                 RequantRounding rounding = RequantRounding::half_even);
  IntegerNetwork(IntegerNetwork&&) noexcept;
  IntegerNetwork& operator=(IntegerNetwork&&) noexcept;
  ~IntegerNetwork();

  const std::string& name() const { return name_; }
  const std::vector<Edge>& edges() const { return edges_; }
  const std::vector<Stage>& stages() const { return stages_; }
  RequantRounding rounding() const { return rounding_; }
  const Edge& input() const { return edges_.front(); }
  const Edge& output() const { return edges_[stages_.back().output]; }
  /// Bytes of weights, biases, multipliers and tables.
  std::int64_t bytes() const;

  /// float32 N x H x W x C -> codes of the input.
  void encode(const Tensor& images, Tensor& codes) const;

  /// Codes N x H x W x C -> int32 scores N x 1 x 1 x K, valid until the next call. Where all
  /// products have a kernel of our own nothing is allocated from the second call of a number of
  /// images on.
  const Tensor& run(const Tensor& codes);

  /// The same by the loops that define it, a stage at a time; `watch` gets each stage's output.
  using Watch = std::function<void(std::size_t stage, const Tensor& output)>;
  Tensor run_plain(const Tensor& codes, const Watch& watch = {}) const;
  /// The same by the fast loops, a stage at a time: what `run` computes, watched.
  Tensor run_watched(const Tensor& codes, const Watch& watch);

 private:
  void check_input(const Tensor& codes) const;

  std::string name_;
  std::vector<Edge> edges_;
  std::vector<Stage> stages_;
  RequantRounding rounding_ = RequantRounding::half_even;
  std::unique_ptr<IntegerExecution> execution_;  // made by the first call
};

}  // namespace octet
