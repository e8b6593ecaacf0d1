// What a coder makes of a tensor.
#pragma once

#include "framework/files.h"
#include "quant/compression/tensor_report.h"

namespace octet {

struct CodedTensor {
  Bytes bytes;  ///< the payload, as drawn in model_file.h
  TensorReport report;
};

}  // namespace octet
