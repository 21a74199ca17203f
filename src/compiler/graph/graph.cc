// SPDX-License-Identifier: Apache-2.0
#include "compiler/graph/graph.h"

#include <algorithm>

namespace kedge::compiler {

const char* AttributeKindName(AttributeKind kind) {
  constexpr const char* kNames[] = {"int",    "float",   "string", "ints",
                                    "floats", "strings", "tensor"};
  return kNames[static_cast<size_t>(kind)];
}

std::string Describe(const Node& node) {
  if (node.name.empty()) return "a node (" + node.op + ")";
  return "node '" + node.name + "' (" + node.op + ")";
}

std::string Graph::UniqueName(std::string name) {
  if (name.empty()) name = "v";
  const auto [found, added] = name_uses_.try_emplace(name, 1);
  if (added) return name;
  for (;;) {
    std::string numbered = name + "." + std::to_string(name_uses_[name]++);
    if (name_uses_.try_emplace(numbered, 1).second) return numbered;
  }
}

ValueId Graph::AddUntyped(std::string name) {
  Value value;
  value.name = UniqueName(std::move(name));
  values.push_back(std::move(value));
  return static_cast<ValueId>(values.size() - 1);
}

ValueId Graph::AddValue(std::string name, DType dtype, Shape shape) {
  const ValueId id = AddUntyped(std::move(name));
  at(id).dtype = dtype;
  at(id).shape = std::move(shape);
  at(id).shape_known = true;
  return id;
}

ValueId Graph::AddConstant(std::string name, Tensor tensor) {
  return AddConstant(std::move(name), std::make_shared<const Tensor>(std::move(tensor)));
}

ValueId Graph::AddConstant(std::string name, std::shared_ptr<const Tensor> tensor) {
  const ValueId id = AddValue(std::move(name), tensor->dtype(), tensor->shape());
  at(id).constant = std::move(tensor);
  return id;
}

ValueId Graph::AddIndices(std::string name, const std::vector<int64_t>& indices) {
  return AddConstant(std::move(name),
                     Tensor::Of(DType::kI64, Shape{static_cast<int64_t>(indices.size())}, indices));
}

int Graph::Producer(ValueId id) const {
  for (size_t i = 0; i < nodes.size(); ++i) {
    const auto& outputs_of_node = nodes[i].outputs;
    if (std::find(outputs_of_node.begin(), outputs_of_node.end(), id) != outputs_of_node.end()) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

namespace {

template <class T>
T ReadAttribute(const Node& node, const std::string& name, const T& other) {
  const auto found = node.attributes.find(name);
  if (found == node.attributes.end()) return other;
  const T* value = std::get_if<T>(&found->second);
  KEDGE_CHECK(value != nullptr);
  return *value;
}

}  // namespace

int64_t IntAttribute(const Node& node, const std::string& name, int64_t other) {
  return ReadAttribute(node, name, other);
}
float FloatAttribute(const Node& node, const std::string& name, float other) {
  return ReadAttribute(node, name, other);
}
std::string StringAttribute(const Node& node, const std::string& name, const std::string& other) {
  return ReadAttribute(node, name, other);
}
std::vector<int64_t> IntsAttribute(const Node& node, const std::string& name,
                                   const std::vector<int64_t>& other) {
  return ReadAttribute(node, name, other);
}
std::vector<float> FloatsAttribute(const Node& node, const std::string& name,
                                   const std::vector<float>& other) {
  return ReadAttribute(node, name, other);
}

std::vector<int64_t> ConstantIndices(const Graph& graph, ValueId id) {
  KEDGE_CHECK(graph.IsConstant(id));
  const Tensor& tensor = *graph.at(id).constant;
  if (tensor.dtype() == DType::kI64) {
    const auto elements = tensor.As<int64_t>();
    return {elements.begin(), elements.end()};
  }
  KEDGE_CHECK(tensor.dtype() == DType::kI32);
  const auto elements = tensor.As<int32_t>();
  return {elements.begin(), elements.end()};
}

}  // namespace kedge::compiler
