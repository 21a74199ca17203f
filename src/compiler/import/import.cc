// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/import.h"

#include <algorithm>
#include <queue>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/crypto/crypto.h"
#include "compiler/import/names.h"
#include "compiler/import/onnx_model.h"
#include "compiler/import/opset.h"
#include "compiler/import/tensor_import.h"
#include "compiler/ops/op.h"

namespace kedge::compiler {
namespace {

constexpr size_t kOthersNamedMax = 16;  // operators, in one refusal
constexpr int64_t kOpsetMin = 6;
constexpr int64_t kOpsetMax = 21;
constexpr int64_t kIrVersionMin = 3;
constexpr int64_t kIrVersionMax = 11;

std::string DescribeNode(const OnnxNode& node) {
  if (node.name.empty()) return "a node";
  return "node '" + std::string(node.name) + "'";
}

// Builds the graph of one model.
class Importer {
 public:
  Importer(const OnnxModel& model, const ImportOptions& options)
      : model_(model), options_(options), folder_(options.external_folder) {}

  Result<ImportedModel> Import() {
    KEDGE_TRY(const int64_t opset, CheckVersions());
    KEDGE_TRY_STATUS(AddInitializers());
    KEDGE_TRY_STATUS(AddInputs());
    KEDGE_TRY(const std::vector<size_t> order, OrderNodes());
    NoteUsedNames();
    NodeConverter converter(result_.graph, static_cast<int>(opset));
    for (size_t index : order) KEDGE_TRY_STATUS(AddNode(model_.nodes[index], converter));
    KEDGE_TRY_STATUS(AddOutputs());
    for (const Node& node : result_.graph.nodes) KEDGE_TRY_STATUS(CheckNode(node));
    return std::move(result_);
  }

 private:
  Result<int64_t> CheckVersions() const {
    if (!model_.has_graph) return InvalidArgument("the model has no graph");
    if (model_.has_training) return Unimplemented("training is not supported");
    if (model_.has_sparse_initializers)
      return Unimplemented("sparse initializers are not supported");
    if (model_.ir_version < kIrVersionMin || model_.ir_version > kIrVersionMax)
      return Unimplemented("IR version " + std::to_string(model_.ir_version) +
                           " is not one of 3 to 11");
    int64_t version = 1;
    for (const OnnxOpset& opset : model_.opsets) {
      if (IsDefaultDomain(opset.domain)) version = opset.version;
    }
    if (version < kOpsetMin || version > kOpsetMax)
      return Unimplemented("opset " + std::to_string(version) + " is not one of 6 to 21");
    return version;
  }

  // A value of a name that must be new and well formed.
  Result<ValueId> Define(std::string_view name, std::string_view what) {
    Status valid = CheckName(name, options_.limits.name_bytes_max);
    if (!valid) return Wrap(std::move(valid).error(), what);
    if (ids_.contains(name))
      return InvalidArgument("value '" + std::string(name) + "' is made twice");
    if (ids_.size() >= static_cast<size_t>(options_.limits.values_max))
      return ResourceExhausted("it has more than " + std::to_string(options_.limits.values_max) +
                               " values");
    const ValueId id = result_.graph.AddUntyped(std::string(name));
    ids_[name] = id;
    return id;
  }

  Status AddInitializers() {
    for (const OnnxTensor& initializer : model_.initializers) {
      KEDGE_TRY(const ValueId id, Define(initializer.name, "initializer"));
      auto tensor = TakeTensor(initializer);
      if (!tensor)
        return Wrap(std::move(tensor).error(),
                    "initializer '" + std::string(initializer.name) + "'");
      Value& value = result_.graph.at(id);
      value.dtype = (*tensor)->dtype();
      value.shape = (*tensor)->shape();
      value.shape_known = true;
      value.constant = std::move(*tensor);
    }
    return {};
  }

  // Counts against the limit of all constants together.
  Result<std::shared_ptr<const Tensor>> TakeTensor(const OnnxTensor& from) {
    KEDGE_TRY(Tensor tensor,
              ImportTensor(from, folder_, options_.limits.constant_bytes_max - constant_bytes_));
    constant_bytes_ += static_cast<int64_t>(tensor.bytes().size());
    return std::make_shared<const Tensor>(std::move(tensor));
  }

  Status AddInputs() {
    std::unordered_set<std::string_view> seen;
    for (const OnnxValue& input : model_.inputs) {
      if (!seen.insert(input.name).second)
        return InvalidArgument("input '" + std::string(input.name) + "' is given twice");
      const auto found = ids_.find(input.name);
      if (found != ids_.end()) continue;  // an initializer gives its value: a constant
      KEDGE_TRY(const ValueId id, Define(input.name, "input"));
      result_.graph.inputs.push_back(id);
      pending_.push_back(&input);
    }
    KEDGE_TRY_STATUS(GatherShapes());
    for (const auto& given : given_shapes_) {
      const std::string& name = given.first;
      const bool known = std::any_of(pending_.begin(), pending_.end(),
                                     [&](auto* input) { return input->name == name; });
      if (!known) return InvalidArgument("the model has no input '" + name + "'");
    }
    BindSymbols();
    for (size_t i = 0; i < pending_.size(); ++i) {
      Status status = TypeInput(*pending_[i], result_.graph.at(result_.graph.inputs[i]));
      if (!status)
        return Wrap(std::move(status).error(), "input '" + std::string(pending_[i]->name) + "'");
    }
    return {};
  }

  // The given shapes, all by name.
  Status GatherShapes() {
    given_shapes_ = options_.input_shapes;
    const std::vector<Shape>& in_order = options_.shapes_in_order;
    if (in_order.empty()) return {};
    if (in_order.size() != pending_.size()) {
      return InvalidArgument(std::to_string(in_order.size()) + " shapes are given, the model has " +
                             std::to_string(pending_.size()) + " inputs");
    }
    for (size_t i = 0; i < in_order.size(); ++i) {
      given_shapes_.try_emplace(std::string(pending_[i]->name), in_order[i]);
    }
    return {};
  }

  // A symbol that a given shape fixes has that size in every input.
  void BindSymbols() {
    for (const OnnxValue* input : pending_) {
      const auto given = given_shapes_.find(std::string(input->name));
      if (given == given_shapes_.end() || !input->shape.has_value()) continue;
      for (size_t i = 0; i < std::min(input->shape->size(), given->second.rank()); ++i) {
        const OnnxDimension& dimension = (*input->shape)[i];
        if (!dimension.size.has_value() && !dimension.symbol.empty())
          symbols_.try_emplace(dimension.symbol, given->second[i]);
      }
    }
  }

  Status TypeInput(const OnnxValue& input, Value& value) {
    if (input.other_type != nullptr)
      return Unimplemented(std::string(input.other_type) + " is not supported");
    KEDGE_TRY(value.dtype, DTypeFromOnnx(input.data_type));
    const auto given = given_shapes_.find(value.name);
    if (given != given_shapes_.end()) {
      if (input.shape.has_value() && input.shape->size() != given->second.rank()) {
        return InvalidArgument("the given shape " + ToString(given->second) + " has rank " +
                               std::to_string(given->second.rank()) + ", the model's has " +
                               std::to_string(input.shape->size()));
      }
      value.shape = given->second;
    } else {
      if (!input.shape.has_value())
        return InvalidArgument("its shape is free; give it with --input");
      for (size_t i = 0; i < input.shape->size(); ++i) {
        KEDGE_TRY(const int64_t size, SizeOf((*input.shape)[i], i, value.name));
        value.shape.dims.push_back(size);
      }
    }
    value.shape_known = true;
    return CheckShape(value.shape);
  }

  // A free first dimension with a symbol is taken for the batch: one.
  Result<int64_t> SizeOf(const OnnxDimension& dimension, size_t index, const std::string& input) {
    if (dimension.size.has_value()) return *dimension.size;
    const std::string symbol(dimension.symbol.substr(0, 64));
    const auto bound = symbols_.find(dimension.symbol);
    if (!symbol.empty() && bound != symbols_.end()) return bound->second;
    if (index == 0 && !symbol.empty()) {
      result_.notes.push_back("dimension 0 ('" + symbol + "') of input '" + input +
                              "' is free and was set to 1");
      symbols_[dimension.symbol] = 1;
      return 1;
    }
    return InvalidArgument("dimension " + std::to_string(index) +
                           (symbol.empty() ? "" : " ('" + symbol + "')") +
                           " is free; give the input's shape with --input");
  }

  // Indices of the nodes so that each stands after those whose results it reads; nodes that are in
  // order stay in it.
  Result<std::vector<size_t>> OrderNodes() const {
    std::unordered_map<std::string_view, size_t> maker;
    for (size_t i = 0; i < model_.nodes.size(); ++i) {
      for (std::string_view name : model_.nodes[i].outputs) maker.try_emplace(name, i);
    }
    maker.erase("");
    std::vector<size_t> waits(model_.nodes.size(), 0);
    std::vector<std::vector<size_t>> readers(model_.nodes.size());
    for (size_t i = 0; i < model_.nodes.size(); ++i) {
      for (std::string_view name : model_.nodes[i].inputs) {
        const auto found = maker.find(name);
        if (found == maker.end()) continue;
        readers[found->second].push_back(i);
        ++waits[i];
      }
    }
    std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
    for (size_t i = 0; i < waits.size(); ++i) {
      if (waits[i] == 0) ready.push(i);
    }
    std::vector<size_t> order;
    while (!ready.empty()) {
      order.push_back(ready.top());
      ready.pop();
      for (size_t reader : readers[order.back()]) {
        if (--waits[reader] == 0) ready.push(reader);
      }
    }
    if (order.size() == waits.size()) return order;
    const auto stuck = std::find_if(waits.begin(), waits.end(), [](size_t n) { return n > 0; });
    return InvalidArgument(DescribeNode(model_.nodes[static_cast<size_t>(stuck - waits.begin())]) +
                           " is part of a cycle");
  }

  void NoteUsedNames() {
    for (const OnnxNode& node : model_.nodes) used_.insert(node.inputs.begin(), node.inputs.end());
    for (const OnnxValue& output : model_.outputs) used_.insert(output.name);
    for (const OnnxValue& value : model_.values) declared_[value.name] = &value;
    for (const OnnxValue& output : model_.outputs) declared_[output.name] = &output;
  }

  Status AddNode(const OnnxNode& from, NodeConverter& converter) {
    KEDGE_TRY_STATUS(CheckSupported(from));
    auto node = ConvertNode(from);
    if (!node) return Wrap(std::move(node).error(), DescribeNode(from));
    Status status = converter.Append(std::move(*node));
    if (!status)
      return Wrap(std::move(status).error(),
                  DescribeNode(from) + " (" + std::string(from.op_type) + ")");
    return {};
  }

  Status CheckSupported(const OnnxNode& node) const {
    Status valid = CheckName(node.op_type, options_.limits.name_bytes_max);
    if (!valid) return Wrap(std::move(valid).error(), "operator");
    if (!node.name.empty()) valid = CheckName(node.name, options_.limits.name_bytes_max);
    if (!valid) return Wrap(std::move(valid).error(), "node");
    valid = CheckText(node.domain, options_.limits.name_bytes_max);
    if (!valid) return Wrap(std::move(valid).error(), "domain of " + DescribeNode(node));
    if (IsSupported(node)) return {};
    const std::string what = "operator '" + std::string(node.op_type) + "'";
    if (!IsDefaultDomain(node.domain)) {
      return Unimplemented(what + " of domain '" + std::string(node.domain) + "' in " +
                           DescribeNode(node) + " is not supported" +
                           ReasonForRefusal(node.domain, node.op_type) + OthersNotSupported(node));
    }
    return Unimplemented(what + " in " + DescribeNode(node) + " is not supported" +
                         ReasonForRefusal(node.domain, node.op_type) + OthersNotSupported(node));
  }

  static bool IsSupported(const OnnxNode& node) {
    return IsDefaultDomain(node.domain) &&
           (IsImportedAway(node.op_type) || FindOp(node.op_type) != nullptr);
  }

  // What else the model has that would be refused, so that one attempt tells all: "; nor are 'A',
  // 'B'".
  std::string OthersNotSupported(const OnnxNode& first) const {
    std::set<std::string_view> others;
    for (const OnnxNode& node : model_.nodes) {
      if (!IsSupported(node) && node.op_type != first.op_type &&
          CheckName(node.op_type, options_.limits.name_bytes_max)) {
        others.insert(node.op_type);
      }
      if (others.size() == kOthersNamedMax) break;
    }
    std::string text;
    for (const std::string_view name : others) {
      text += (text.empty() ? "; nor are '" : ", '") + std::string(name) + "'";
    }
    return text;
  }

  Result<Node> ConvertNode(const OnnxNode& from) {
    Node node;
    node.op = from.op_type;
    node.name = from.name;
    for (const OnnxAttribute& attribute : from.attributes) {
      Status valid = CheckName(attribute.name, options_.limits.name_bytes_max);
      if (!valid) return Wrap(std::move(valid).error(), "attribute");
      auto value = ConvertAttribute(attribute);
      if (!value)
        return Wrap(std::move(value).error(), "attribute '" + std::string(attribute.name) + "'");
      if (!node.attributes.emplace(attribute.name, std::move(*value)).second)
        return InvalidArgument("attribute '" + std::string(attribute.name) + "' is given twice");
    }
    for (std::string_view name : from.inputs) {
      const auto found = ids_.find(name);
      if (!name.empty() && found == ids_.end())
        return InvalidArgument("input '" + std::string(name.substr(0, 512)) +
                               "' is made by nobody");
      node.inputs.push_back(name.empty() ? kNoValue : found->second);
    }
    KEDGE_TRY_STATUS(ConvertOutputs(from, node));
    while (!node.inputs.empty() && node.inputs.back() == kNoValue) node.inputs.pop_back();
    return node;
  }

  Status ConvertOutputs(const OnnxNode& from, Node& node) {
    for (std::string_view name : from.outputs) {
      ValueId id = kNoValue;
      // The first output stays even if nobody reads it: remove-dead-nodes takes the whole node.
      if (!name.empty() && (node.outputs.empty() || used_.contains(name))) {
        KEDGE_TRY(id, Define(name, "output"));
        DeclareType(name, result_.graph.at(id));
      }
      node.outputs.push_back(id);
    }
    while (!node.outputs.empty() && node.outputs.back() == kNoValue) node.outputs.pop_back();
    if (node.outputs.empty()) return InvalidArgument("it has no outputs");
    return {};
  }

  // The shape the file declares, if it is a fixed one: inference falls back on it where the shape
  // depends on values of run time.
  void DeclareType(std::string_view name, Value& value) const {
    const auto found = declared_.find(name);
    if (found == declared_.end() || !found->second->shape.has_value()) return;
    Shape shape;
    for (const OnnxDimension& dimension : *found->second->shape) {
      if (!dimension.size.has_value()) return;
      shape.dims.push_back(*dimension.size);
    }
    const auto dtype = DTypeFromOnnx(found->second->data_type);
    if (!dtype.has_value() || !CheckShape(shape).has_value()) return;
    value.dtype = *dtype;
    value.declared_shape = std::move(shape);
  }

  Result<Attribute> ConvertAttribute(const OnnxAttribute& from) {
    if (from.reference) return InvalidArgument("it refers to an attribute of a function");
    switch (from.type) {
      case OnnxAttributeType::kFloat:
        return Attribute(from.f);
      case OnnxAttributeType::kInt:
        return Attribute(from.i);
      case OnnxAttributeType::kString:
        return Attribute(std::string(from.s));
      case OnnxAttributeType::kFloats:
        return Attribute(from.floats);
      case OnnxAttributeType::kInts:
        return Attribute(from.ints);
      case OnnxAttributeType::kStrings:
        return Attribute(std::vector<std::string>(from.strings.begin(), from.strings.end()));
      case OnnxAttributeType::kTensor: {
        if (!from.tensor.has_value()) return InvalidArgument("it has no tensor");
        KEDGE_TRY(std::shared_ptr<const Tensor> tensor, TakeTensor(*from.tensor));
        return Attribute(std::move(tensor));
      }
      case OnnxAttributeType::kGraph:
        return Unimplemented("graphs in attributes are not supported");
      default:
        return Unimplemented("its kind is not supported");
    }
  }

  Status AddOutputs() {
    if (model_.outputs.empty()) return InvalidArgument("the model has no outputs");
    std::unordered_set<std::string_view> seen;
    for (const OnnxValue& output : model_.outputs) {
      const std::string name(output.name.substr(0, 512));
      if (output.other_type != nullptr)
        return Unimplemented("output '" + name + "': " + output.other_type + " is not supported");
      const auto found = ids_.find(output.name);
      if (found == ids_.end()) return InvalidArgument("output '" + name + "' is made by nobody");
      if (!seen.insert(output.name).second)
        return InvalidArgument("output '" + name + "' is given twice");
      result_.graph.outputs.push_back(found->second);
    }
    return {};
  }

  const OnnxModel& model_;
  const ImportOptions& options_;
  const ExternalFolder folder_;
  ImportedModel result_;
  std::unordered_map<std::string_view, ValueId> ids_;  // names point into the file
  std::unordered_map<std::string_view, const OnnxValue*> declared_;
  std::unordered_map<std::string_view, int64_t> symbols_;
  std::unordered_set<std::string_view> used_;
  std::vector<const OnnxValue*> pending_;  // inputs, as in the graph's list
  std::map<std::string, Shape> given_shapes_;
  int64_t constant_bytes_ = 0;
};

}  // namespace

Result<ImportedModel> ImportOnnx(Bytes file, const ImportOptions& options) {
  if (file.size() > options.limits.file_bytes_max) {
    return ResourceExhausted("the model has " + std::to_string(file.size()) + " bytes, more than " +
                             std::to_string(options.limits.file_bytes_max));
  }
  KEDGE_TRY(const OnnxModel model, ReadOnnxModel(file, options.limits.nodes_max));
  KEDGE_TRY(ImportedModel imported, Importer(model, options).Import());
  imported.graph.model_hash = crypto::Sha256Hex(file);
  return imported;
}

Result<ImportedModel> ImportOnnxFile(const Path& path, ImportOptions options) {
  KEDGE_TRY(const MappedFile file, MappedFile::Open(path));
  if (options.external_folder.empty())
    options.external_folder = path.has_parent_path() ? path.parent_path() : Path(".");
  return ImportOnnx(file.bytes(), options);
}

}  // namespace kedge::compiler
