// What the files of the oneDNN seam share. Included by framework/dnn*.cpp only.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

#include "framework/check.h"
#include "framework/tensor.h"
#include "framework/window.h"

namespace octet::dnn {

const dnnl::engine& engine();
dnnl::stream& stream();

dnnl::memory::data_type type_of(Element element);

/// N x H x W x C in memory; oneDNN names extents N, C, H, W whatever their order.
dnnl::memory::desc image_desc(const Shape& shape, Element element);

/// K x KH x KW x C/groups filters, as they are stored or in the primitive's own choice of order.
dnnl::memory::desc weight_desc(const Shape& shape, const Window& window, Element element, bool any);

struct Geometry {
  dnnl::memory::dims strides, before, after;
  explicit Geometry(const Window& w)
      : strides{w.stride, w.stride},
        before{w.pad_top, w.pad_left},
        after{w.pad_bottom, w.pad_right} {}
};

/// While it lives, primitives are made for one thread: OpenMP would give one.
class OneThread {
 public:
  OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread();
};

/// Of the calling thread: a stream, and scratch memory of at least so many bytes.
dnnl::stream& own_stream();
void* own_scratch(std::size_t bytes);

/// oneDNN wants pointers to non-const even for what it only reads.
dnnl::memory borrow(const dnnl::memory::desc& desc, const void* data);

}  // namespace octet::dnn
