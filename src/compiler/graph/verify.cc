// SPDX-License-Identifier: Apache-2.0
#include <unordered_set>

#include "compiler/graph/graph.h"
#include "compiler/ops/op.h"

namespace kedge::compiler {
namespace {

class Verifier {
 public:
  Verifier(const Graph& graph, bool shapes)
      : graph_(graph), shapes_(shapes), made_(graph.values.size(), false) {}

  Status Verify() {
    KEDGE_TRY_STATUS(VerifyValues());
    for (ValueId id : graph_.inputs) KEDGE_TRY_STATUS(Make(id, "graph input"));
    for (const Node& node : graph_.nodes) {
      Status status = VerifyNode(node);
      if (!status) return Wrap(Internal(status.error().message), Describe(node));
    }
    for (ValueId id : graph_.outputs) KEDGE_TRY_STATUS(Use(id, "graph output"));
    return {};
  }

 private:
  Status CheckId(ValueId id, const char* what) const {
    if (id >= 0 && static_cast<size_t>(id) < graph_.values.size()) return {};
    return Internal(std::string(what) + " has the id " + std::to_string(id) + " of no value");
  }
  Status Make(ValueId id, const char* what) {
    KEDGE_TRY_STATUS(CheckId(id, what));
    if (made_[static_cast<size_t>(id)])
      return Internal("value '" + graph_.at(id).name + "' is made twice");
    made_[static_cast<size_t>(id)] = true;
    return {};
  }
  Status Use(ValueId id, const char* what) const {
    KEDGE_TRY_STATUS(CheckId(id, what));
    if (!made_[static_cast<size_t>(id)])
      return Internal("value '" + graph_.at(id).name + "' is used before it is made");
    return {};
  }

  Status VerifyValues() {
    std::unordered_set<std::string_view> names;
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      const Value& value = graph_.values[i];
      if (!names.insert(value.name).second)
        return Internal("two values have the name '" + value.name + "'");
      if (value.constant == nullptr) continue;
      made_[i] = true;
      if (!value.shape_known || value.dtype != value.constant->dtype() ||
          value.shape != value.constant->shape())
        return Internal("constant '" + value.name + "' has another type than its value");
    }
    return {};
  }

  Status VerifyNode(const Node& node) {
    KEDGE_TRY_STATUS(CheckNode(node));
    for (ValueId id : node.inputs) {
      if (id != kNoValue) KEDGE_TRY_STATUS(Use(id, "an input"));
    }
    for (ValueId id : node.outputs) {
      if (id != kNoValue) KEDGE_TRY_STATUS(Make(id, "an output"));
    }
    return shapes_ ? VerifyShapes(node) : Status();
  }

  Status VerifyShapes(const Node& node) const {
    for (ValueId id : node.inputs) {
      if (id != kNoValue && !graph_.at(id).shape_known)
        return Internal("value '" + graph_.at(id).name + "' has no known shape");
    }
    KEDGE_TRY(const std::vector<OutputType> types, InferNode(graph_, node));
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == kNoValue) continue;
      const Value& value = graph_.at(node.outputs[i]);
      if (!value.shape_known) return Internal("value '" + value.name + "' has no known shape");
      if (value.dtype != types[i].dtype ||
          (types[i].shape.has_value() && value.shape != *types[i].shape)) {
        return Internal("value '" + value.name + "' is " + std::string(DTypeName(value.dtype)) +
                        " " + ToString(value.shape) + ", its operator gives " +
                        std::string(DTypeName(types[i].dtype)) + " " +
                        (types[i].shape ? ToString(*types[i].shape) : "any shape"));
      }
    }
    return {};
  }

  const Graph& graph_;
  const bool shapes_;
  std::vector<bool> made_;
};

}  // namespace

Status Verify(const Graph& graph, bool shapes) { return Verifier(graph, shapes).Verify(); }

}  // namespace kedge::compiler
