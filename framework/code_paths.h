// Which kernels give the exact sums of 8-bit codes on this machine. Octet has a kernel of its own
// for convolutions on CPUs with AVX512-VNNI (framework/direct_convolution.h). oneDNN's saturate
// on CPUs without VNNI and some round sums beyond 2^24, silently. Each kind is tested against the
// plain loops before it is used.
#pragma once

#include <string>

namespace octet::products {

struct Paths {
  bool convolution = false;    ///< the convolution gave the plain loops' sums up to 2^24
  bool wide_unsigned = false;  ///< and beyond, with uint8 input
  bool wide_signed = false;    ///< and beyond, with int8 input
  bool gemm = false;           ///< the matrix product gave the plain loops' sums
  bool direct = false;         ///< our own convolution is there and gave the plain loops' sums
};

/// The self-test runs on the first call.
const Paths& paths();

/// "oneDNN 2.6.3, AVX512_CORE_VNNI: int8 kernels (self-test passed); convolutions where it is
/// faster by Octet's own kernel", or what stands in.
std::string describe_paths();

/// Puts these paths in use, for tests; returns those before. `direct` must be available().
Paths override_paths(const Paths& paths);

}  // namespace octet::products
