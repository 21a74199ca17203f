// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>

#include "compiler/graph/text.h"

namespace kedge::compiler {
namespace {

bool IsBareCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '/' || c == ':' || c == '-';
}

std::string Quote(const std::string& text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      quoted += "\\x" + HexEncode(AsBytes({&c, 1}));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string PrintName(const std::string& name) {
  // A bare ':' at the end would read as the colon before the types.
  if (!name.empty() && name.back() != ':' && std::all_of(name.begin(), name.end(), IsBareCharacter))
    return name;
  return Quote(name);
}

template <class Float>
std::string PrintFloat(Float value) {
  if (std::isnan(value)) return std::signbit(value) ? "-nan" : "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

std::string PrintFloatAttribute(float value) {
  std::string text = PrintFloat(value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

std::string PrintElement(const Tensor& tensor, int64_t i) {
  const auto at = static_cast<size_t>(i);
  switch (tensor.dtype()) {
    case DType::kF64:
      return PrintFloat(tensor.As<double>()[at]);
    case DType::kF32:
    case DType::kF16:
    case DType::kBf16:
      return PrintFloat(static_cast<float>(ElementAsDouble(tensor, i)));
    case DType::kI64:
      return std::to_string(tensor.As<int64_t>()[at]);
    case DType::kU64:
      return std::to_string(tensor.As<uint64_t>()[at]);
    default:
      return std::to_string(static_cast<int64_t>(ElementAsDouble(tensor, i)));
  }
}

std::string PrintType(DType dtype, const Shape& shape, bool shape_known) {
  return std::string(DTypeName(dtype)) + "[" + (shape_known ? ToString(shape) : "?") + "]";
}

std::string PrintTensor(const Tensor& tensor, const TextOptions& options) {
  std::string text = PrintType(tensor.dtype(), tensor.shape(), true) + " {";
  if (tensor.elements() > options.constant_elements_max) return text + "...}";
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    if (i > 0) text += ", ";
    text += PrintElement(tensor, i);
  }
  return text + "}";
}

template <class T, class PrintOne>
std::string PrintList(const std::vector<T>& list, const char* kind, PrintOne print) {
  if (list.empty()) return std::string(kind) + "[]";
  std::string text = "[";
  for (size_t i = 0; i < list.size(); ++i) text += (i > 0 ? ", " : "") + print(list[i]);
  return text + "]";
}

struct AttributePrinter {
  const TextOptions& options;
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(float value) const { return PrintFloatAttribute(value); }
  std::string operator()(const std::string& value) const { return Quote(value); }
  std::string operator()(const std::vector<int64_t>& list) const {
    return PrintList(list, "ints", [](int64_t value) { return std::to_string(value); });
  }
  std::string operator()(const std::vector<float>& list) const {
    return PrintList(list, "floats", PrintFloatAttribute);
  }
  std::string operator()(const std::vector<std::string>& list) const {
    return PrintList(list, "strings", Quote);
  }
  std::string operator()(const std::shared_ptr<const Tensor>& tensor) const {
    return PrintTensor(*tensor, options);
  }
};

class Printer {
 public:
  Printer(const Graph& graph, const TextOptions& options) : graph_(graph), options_(options) {}

  std::string Print() {
    text_ = "graph (";
    for (size_t i = 0; i < graph_.inputs.size(); ++i) {
      if (i > 0) text_ += ", ";
      text_ += Reference(graph_.inputs[i]) + ": " + Type(graph_.inputs[i]);
    }
    text_ += ") {\n";
    PrintConstants();
    for (const Node& node : graph_.nodes) PrintNode(node);
    text_ += "  return ";
    PrintReferences(graph_.outputs);
    return text_ + "\n}\n";
  }

 private:
  std::string Reference(ValueId id) const {
    return id == kNoValue ? "_" : "%" + PrintName(graph_.at(id).name);
  }
  std::string Type(ValueId id) const {
    if (id == kNoValue) return "_";
    const Value& value = graph_.at(id);
    return PrintType(value.dtype, value.shape, value.shape_known);
  }
  void PrintReferences(const std::vector<ValueId>& ids) {
    for (size_t i = 0; i < ids.size(); ++i) text_ += (i > 0 ? ", " : "") + Reference(ids[i]);
  }

  void PrintConstants() {
    std::vector<bool> used(graph_.values.size(), false);
    const auto mark = [&](const std::vector<ValueId>& ids) {
      for (ValueId id : ids) {
        if (id != kNoValue) used[static_cast<size_t>(id)] = true;
      }
    };
    for (const Node& node : graph_.nodes) mark(node.inputs);
    mark(graph_.outputs);
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      const auto id = static_cast<ValueId>(i);
      if (!used[i] || !graph_.IsConstant(id)) continue;
      text_ += "  " + Reference(id) + " = const " + PrintTensor(*graph_.at(id).constant, options_) +
               "\n";
    }
  }

  void PrintNode(const Node& node) {
    text_ += "  ";
    PrintReferences(node.outputs);
    text_ += " = " + node.op + "(";
    PrintReferences(node.inputs);
    text_ += ")";
    if (!node.attributes.empty()) {
      text_ += " {";
      bool first = true;
      for (const auto& [name, attribute] : node.attributes) {
        text_ += (first ? "" : ", ") + PrintName(name) + " = " +
                 std::visit(AttributePrinter{options_}, attribute);
        first = false;
      }
      text_ += "}";
    }
    if (!node.name.empty()) text_ += " @" + PrintName(node.name);
    text_ += " : ";
    for (size_t i = 0; i < node.outputs.size(); ++i)
      text_ += (i > 0 ? ", " : "") + Type(node.outputs[i]);
    text_ += "\n";
  }

  const Graph& graph_;
  const TextOptions& options_;
  std::string text_;
};

}  // namespace

std::string PrintGraph(const Graph& graph, const TextOptions& options) {
  return Printer(graph, options).Print();
}

}  // namespace kedge::compiler
