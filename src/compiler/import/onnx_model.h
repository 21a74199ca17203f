// An ONNX model as it stands in the file: plain structs whose texts and bytes point into it.
//
// Only what the compiler uses is kept; graphs inside attributes, sequences, maps and sparse tensors
// are noted as there and not read, so nothing here nests without bound.
// Source: field numbers of ModelProto and the messages below it in the ONNX specification.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace kedge::compiler {

// TensorProto.
struct OnnxTensor {
  std::string_view name;
  std::vector<int64_t> dims;
  int64_t data_type = 0;
  std::optional<Bytes> raw;
  std::vector<Bytes> fixed;    // chunks of float_data or double_data, little-endian
  std::vector<Bytes> varints;  // chunks of int32_data, int64_data or uint64_data, packed
  bool external = false;
  std::vector<std::pair<std::string_view, std::string_view>> external_entries;
};

// AttributeProto. The numbers are ONNX's AttributeType.
enum class OnnxAttributeType : uint8_t {
  kUndefined = 0,
  kFloat = 1,
  kInt = 2,
  kString = 3,
  kTensor = 4,
  kGraph = 5,
  kFloats = 6,
  kInts = 7,
  kStrings = 8,
  kUnsupported = 9,  // any higher number
};
struct OnnxAttribute {
  std::string_view name;
  OnnxAttributeType type = OnnxAttributeType::kUndefined;
  float f = 0;
  int64_t i = 0;
  std::string_view s;
  std::optional<OnnxTensor> tensor;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string_view> strings;
  bool reference = false;  // to an attribute of the enclosing function
};

struct OnnxNode {
  std::string_view name;
  std::string_view op_type;
  std::string_view domain;
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  std::vector<OnnxAttribute> attributes;
};

struct OnnxDimension {
  std::optional<int64_t> size;
  std::string_view symbol;  // dim_param
};
// ValueInfoProto.
struct OnnxValue {
  std::string_view name;
  const char* other_type = nullptr;  // "a sequence" and so on if it is not a tensor
  int64_t data_type = 0;
  std::optional<std::vector<OnnxDimension>> shape;
};

struct OnnxOpset {
  std::string_view domain;
  int64_t version = 0;
};

struct OnnxModel {
  int64_t ir_version = 0;
  std::vector<OnnxOpset> opsets;
  std::vector<OnnxNode> nodes;
  std::vector<OnnxTensor> initializers;
  std::vector<OnnxValue> inputs;
  std::vector<OnnxValue> outputs;
  std::vector<OnnxValue> values;  // value_info
  bool has_graph = false;
  bool has_sparse_initializers = false;
  bool has_training = false;
};

// Reads the messages. Everything points into `file`. kInvalidArgument naming the message in which
// the bytes are malformed; kResourceExhausted for more than nodes_max nodes.
Result<OnnxModel> ReadOnnxModel(Bytes file, int nodes_max);
Result<OnnxTensor> ReadOnnxTensor(Bytes message);

}  // namespace kedge::compiler
