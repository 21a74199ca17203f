// Puts the tensors of a Predict request in the model's order, or says what does not fit.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "agent/models/wire_type.h"
#include "base/bytes.h"
#include "ring/worker_process.h"

namespace kedge::agent {

// A tensor as the client sent it. Borrows the request.
struct RequestTensor {
  std::string_view name;  // empty: none given
  WireType type = WireType::kUint8;
  std::span<const int32_t> shape;  // empty with type UINT8: neither was given
  Bytes bytes;
};

// Gives the bytes of each input in the model's order; they point into `tensors`.
//   * With names: each must be an input of the model, none twice, all there.
//   * Without any name: as many as the model has, in its order.
//   * Type and shape must be the model's; a tensor that gives neither is taken by its size alone.
// kInvalidArgument naming the tensor, what it is and what the model needs.
Result<std::vector<Bytes>> BindInputs(std::span<const ring::IoInfo> inputs,
                                      std::span<const RequestTensor> tensors);

// "FLOAT32 1x3x32x32"
std::string DescribeTensor(WireType type, const Shape& shape);

}  // namespace kedge::agent
