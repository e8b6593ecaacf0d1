// Codes on an edge that training only simulates: forward x -> decode(encode(x)), backward the
// straight-through estimator, which passes the error where x lay within the range and stops it
// where x was clipped. Jacob et al. 2017 (1712.05877), section 3.
#pragma once

#include "quant/numbers/quantizer.h"

namespace octet {

class SimulatedCodes {
 public:
  SimulatedCodes() = default;
  /// `stream`: as for a Quantizer.
  SimulatedCodes(const Format& format, const std::string& stream) : quantizer_(format, stream) {}

  /// Whether the format is one that is simulated (simulates_codes); else values pass as they are.
  bool on() const;
  Quantizer& quantizer() { return quantizer_; }
  const Quantizer& quantizer() const { return quantizer_; }

  /// float32 -> float32, valid until the next call; `reals` must stay until backward.
  const Tensor& forward(const Tensor& reals, const Pass& pass);
  const Tensor& backward(const Tensor& error, const Pass& pass);

 private:
  Quantizer quantizer_;
  const Tensor* reals_ = nullptr;
  Tensor codes_, quantized_, passed_;
};

/// The straight-through estimator: error of `reals`, zero where they were beyond what `codes`,
/// which they were encoded to, can say.
void stop_clipped(const Tensor& reals, const Tensor& codes, const Format& format,
                  const Tensor& error, Tensor& passed);

}  // namespace octet
