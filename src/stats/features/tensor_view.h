// A tensor that somebody else owns: what a model was given or gave.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "tensor/tensor.h"

namespace kedge::stats {

// Row-major, no padding; `bytes` has the product of `dims` elements, at any alignment.
struct TensorView {
  DType dtype = DType::kF32;
  std::span<const int64_t> dims;
  Bytes bytes;

  static TensorView Of(const Tensor& tensor) {
    return {tensor.dtype(), tensor.shape().dims, tensor.bytes()};
  }
};

}  // namespace kedge::stats
