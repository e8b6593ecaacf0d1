// The front of a model file, drawn in model_file.h: definition, attributes, and the list of the
// tensors. Short texts that repeat themselves: deflated when that makes them smaller.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "framework/spec.h"
#include "quant/compression/bit_stream.h"
#include "quant/compression/tensor_report.h"

namespace octet {

struct TensorEntry {
  std::string name;
  Element element = Element::float32;
  Coding coding = Coding::raw;
  bool scaled = false;  ///< zero point and scales, other than 0 and 1, stand before the payload
  Shape shape;
};

struct ModelHeader {
  Definition definition;
  std::map<std::string, std::string> attributes;
  std::vector<TensorEntry> tensors;  ///< by rising name
};

/// Appends the header. Throws Error(usage) or Error(failed) for what could not be read back.
void put_header(Bytes& bytes, const ModelHeader& header);

/// Throws Error(data), beginning with the reader's source.
ModelHeader get_header(ByteReader& reader);

}  // namespace octet
