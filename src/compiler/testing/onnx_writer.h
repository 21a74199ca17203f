// Writes small ONNX models in tests: well-formed ones, and ones that are wrong on purpose.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kedge::compiler {

// One protobuf message under construction.
class WireWriter {
 public:
  WireWriter& Int(uint32_t field, int64_t value);
  WireWriter& Float(uint32_t field, float value);
  WireWriter& Text(uint32_t field, const std::string& bytes);
  const std::string& bytes() const { return bytes_; }

 private:
  void Varint(uint64_t value);
  std::string bytes_;
};

// Encoded messages.
std::string OnnxInts(const std::string& name, const std::vector<int64_t>& values);
std::string OnnxInt(const std::string& name, int64_t value);
std::string OnnxFloat(const std::string& name, float value);
std::string OnnxText(const std::string& name, const std::string& value);
std::string OnnxTensorAttribute(const std::string& name, const std::string& tensor);

// A tensor with its elements as raw bytes. data_type is ONNX's number: 1 f32, 7 i64.
std::string OnnxRaw(const std::string& name, int data_type, const std::vector<int64_t>& dims,
                    const std::string& raw);
std::string OnnxFloats(const std::string& name, const std::vector<int64_t>& dims,
                       const std::vector<float>& values);
std::string OnnxExternal(const std::string& name, const std::vector<int64_t>& dims,
                         const std::string& location, const std::string& length = "");

// A dimension is a number, or a symbol.
std::string OnnxTensorValue(const std::string& name, const std::vector<std::string>& dims,
                            int data_type = 1);

struct OnnxNodeText {
  std::string op;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::string> attributes = {};
  std::string name = {};
  std::string domain = {};
};

struct OnnxModelText {
  std::vector<OnnxNodeText> nodes;
  std::vector<std::string> inputs;  // OnnxTensorValue
  std::vector<std::string> outputs;
  std::vector<std::string> initializers = {};
  int64_t opset = 17;
  int64_t ir_version = 8;
  std::vector<std::string> graph_fields = {};  // further bytes of the graph
  std::vector<std::string> model_fields = {};
};
std::string WriteOnnx(const OnnxModelText& model);

}  // namespace kedge::compiler
