// SPDX-License-Identifier: Apache-2.0
#include "compiler/testing/onnx_writer.h"

#include <cstring>

namespace kedge::compiler {

void WireWriter::Varint(uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
  bytes_ += static_cast<char>(value);
}

WireWriter& WireWriter::Int(uint32_t field, int64_t value) {
  Varint(field << 3);
  Varint(static_cast<uint64_t>(value));
  return *this;
}

WireWriter& WireWriter::Float(uint32_t field, float value) {
  Varint(field << 3 | 5);
  char raw[sizeof value];
  std::memcpy(raw, &value, sizeof value);
  bytes_.append(raw, sizeof value);
  return *this;
}

WireWriter& WireWriter::Text(uint32_t field, const std::string& bytes) {
  Varint(field << 3 | 2);
  Varint(bytes.size());
  bytes_ += bytes;
  return *this;
}

std::string OnnxInts(const std::string& name, const std::vector<int64_t>& values) {
  WireWriter writer;
  writer.Text(1, name);
  for (int64_t value : values) writer.Int(8, value);
  return writer.Int(20, 7).bytes();
}

std::string OnnxInt(const std::string& name, int64_t value) {
  return WireWriter().Text(1, name).Int(3, value).Int(20, 2).bytes();
}

std::string OnnxFloat(const std::string& name, float value) {
  return WireWriter().Text(1, name).Float(2, value).Int(20, 1).bytes();
}

std::string OnnxText(const std::string& name, const std::string& value) {
  return WireWriter().Text(1, name).Text(4, value).Int(20, 3).bytes();
}

std::string OnnxTensorAttribute(const std::string& name, const std::string& tensor) {
  return WireWriter().Text(1, name).Text(5, tensor).Int(20, 4).bytes();
}

std::string OnnxRaw(const std::string& name, int data_type, const std::vector<int64_t>& dims,
                    const std::string& raw) {
  WireWriter writer;
  for (int64_t size : dims) writer.Int(1, size);
  return writer.Int(2, data_type).Text(8, name).Text(9, raw).bytes();
}

std::string OnnxFloats(const std::string& name, const std::vector<int64_t>& dims,
                       const std::vector<float>& values) {
  std::string raw(values.size() * sizeof(float), '\0');
  std::memcpy(raw.data(), values.data(), raw.size());
  return OnnxRaw(name, 1, dims, raw);
}

std::string OnnxExternal(const std::string& name, const std::vector<int64_t>& dims,
                         const std::string& location, const std::string& length) {
  WireWriter writer;
  for (int64_t size : dims) writer.Int(1, size);
  writer.Int(2, 1).Text(8, name).Int(14, 1);
  writer.Text(13, WireWriter().Text(1, "location").Text(2, location).bytes());
  if (!length.empty()) writer.Text(13, WireWriter().Text(1, "length").Text(2, length).bytes());
  return writer.bytes();
}

std::string OnnxTensorValue(const std::string& name, const std::vector<std::string>& dims,
                            int data_type) {
  WireWriter shape;
  for (const std::string& dim : dims) {
    const bool number = !dim.empty() && dim.find_first_not_of("0123456789") == std::string::npos;
    WireWriter dimension;
    if (number) dimension.Int(1, std::stoll(dim));
    if (!number && !dim.empty()) dimension.Text(2, dim);
    shape.Text(1, dimension.bytes());
  }
  const WireWriter tensor = WireWriter().Int(1, data_type).Text(2, shape.bytes());
  const WireWriter type = WireWriter().Text(1, tensor.bytes());
  return WireWriter().Text(1, name).Text(2, type.bytes()).bytes();
}

std::string WriteOnnx(const OnnxModelText& model) {
  WireWriter graph;
  for (const OnnxNodeText& node : model.nodes) {
    WireWriter writer;
    for (const std::string& input : node.inputs) writer.Text(1, input);
    for (const std::string& output : node.outputs) writer.Text(2, output);
    if (!node.name.empty()) writer.Text(3, node.name);
    writer.Text(4, node.op);
    for (const std::string& attribute : node.attributes) writer.Text(5, attribute);
    if (!node.domain.empty()) writer.Text(7, node.domain);
    graph.Text(1, writer.bytes());
  }
  for (const std::string& tensor : model.initializers) graph.Text(5, tensor);
  for (const std::string& input : model.inputs) graph.Text(11, input);
  for (const std::string& output : model.outputs) graph.Text(12, output);
  std::string bytes = graph.bytes();
  for (const std::string& field : model.graph_fields) bytes += field;
  WireWriter file;
  file.Int(1, model.ir_version).Text(7, bytes);
  file.Text(8, WireWriter().Int(2, model.opset).bytes());
  std::string result = file.bytes();
  for (const std::string& field : model.model_fields) result += field;
  return result;
}

}  // namespace kedge::compiler
