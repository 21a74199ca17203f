// The little of ONNX that `kedge conform` needs beside the compiler: the tensors of test data, and
// which inputs a model has.
//
// Read straight from protobuf's wire format: a field is a varint key (number << 3 | kind) and a
// value, kinds 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes. Sources: protobuf.dev
// "Encoding"; onnx/onnx.proto (TensorProto, ModelProto, GraphProto).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "tensor/tensor.h"

namespace kedge::cli {

struct OnnxTensor {
  std::string name;  // may be empty
  Tensor tensor;
};

// Reads a TensorProto. kInvalidArgument if it is malformed or its data does not fit its shape;
// kUnimplemented for strings, complex numbers and other types that we do not have, and external
// data.
Result<OnnxTensor> ReadOnnxTensor(Bytes file);

struct OnnxInput {
  std::string name;
  bool static_shape = false;  // a tensor all of whose sizes are numbers
};

// The inputs of a ModelProto's graph without those that have an initializer. kInvalidArgument.
Result<std::vector<OnnxInput>> ReadOnnxInputs(Bytes file);

}  // namespace kedge::cli
