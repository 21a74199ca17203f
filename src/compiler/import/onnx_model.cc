// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/onnx_model.h"

#include <algorithm>
#include <string>

#include "compiler/import/wire.h"

namespace kedge::compiler {
namespace {

using Type = WireField::Type;

// A field of two bytes becomes a struct of two hundred, so repeated fields are counted.
constexpr size_t kAttributesMax = 256;        // of one node
constexpr size_t kNamesMax = 1 << 16;         // inputs or outputs of one node
constexpr size_t kListElementsMax = 1 << 20;  // of one attribute
constexpr size_t kDimensionsMax = 64;         // of one shape; ranks are checked later
constexpr size_t kValuesMax = 1 << 20;        // initializers, inputs, outputs, declared values

Status CheckRoom(size_t size, size_t max, const char* what) {
  if (size < max) return {};
  return ResourceExhausted("it has more than " + std::to_string(max) + " " + what);
}

// Calls `use` for each field of a message; errors name the message.
template <class Use>
Status ForEachField(Bytes message, std::string_view what, Use use) {
  WireReader reader(message);
  while (!reader.done()) {
    auto field = reader.Next();
    if (!field) return Wrap(std::move(field).error(), what);
    Status status = use(*field);
    if (!status) return Wrap(std::move(status).error(), what);
  }
  return {};
}

Status Expect(const WireField& field, Type type) {
  if (field.type == type) return {};
  return InvalidArgument("field " + std::to_string(field.number) + " has the wrong wire type");
}

Status TakeText(const WireField& field, std::string_view& to) {
  KEDGE_TRY_STATUS(Expect(field, Type::kBytes));
  to = AsText(field.bytes);
  return {};
}

Status TakeText(const WireField& field, std::vector<std::string_view>& to) {
  KEDGE_TRY_STATUS(Expect(field, Type::kBytes));
  KEDGE_TRY_STATUS(CheckRoom(to.size(), kNamesMax, "names or strings"));
  to.push_back(AsText(field.bytes));
  return {};
}

Status TakeInt(const WireField& field, int64_t& to) {
  KEDGE_TRY_STATUS(Expect(field, Type::kVarint));
  to = static_cast<int64_t>(field.varint);
  return {};
}

// A repeated integer: one element, or many packed.
Status TakeInts(const WireField& field, std::vector<int64_t>& to) {
  KEDGE_TRY_STATUS(CheckRoom(to.size(), kListElementsMax, "integers in a list"));
  if (field.type != Type::kBytes) {
    KEDGE_TRY_STATUS(Expect(field, Type::kVarint));
    to.push_back(static_cast<int64_t>(field.varint));
    return {};
  }
  for (VarintReader reader(field.bytes); !reader.done();) {
    KEDGE_TRY(const uint64_t value, reader.Next());
    KEDGE_TRY_STATUS(CheckRoom(to.size(), kListElementsMax, "integers in a list"));
    to.push_back(static_cast<int64_t>(value));
  }
  return {};
}

Status TakeFloats(const WireField& field, std::vector<float>& to) {
  if (field.type != Type::kFixed32) KEDGE_TRY_STATUS(Expect(field, Type::kBytes));
  if (field.bytes.size() % sizeof(float) != 0) return InvalidArgument("a float is cut off");
  const size_t added = field.bytes.size() / sizeof(float);
  KEDGE_TRY_STATUS(CheckRoom(to.size() + added, kListElementsMax, "floats in a list"));
  for (size_t at = 0; at < field.bytes.size(); at += sizeof(float))
    to.push_back(LoadLittle<float>(field.bytes.data() + at));
  return {};
}

Status ReadExternalEntry(const WireField& entry, OnnxTensor& tensor) {
  KEDGE_TRY_STATUS(Expect(entry, Type::kBytes));
  std::pair<std::string_view, std::string_view> pair;
  KEDGE_TRY_STATUS(ForEachField(entry.bytes, "external data", [&](const WireField& field) {
    if (field.number == 1) return TakeText(field, pair.first);
    if (field.number == 2) return TakeText(field, pair.second);
    return Status();
  }));
  constexpr size_t kEntriesMax = 16;
  if (tensor.external_entries.size() >= kEntriesMax)
    return InvalidArgument("a tensor has more than 16 external data entries");
  tensor.external_entries.push_back(pair);
  return {};
}

// Elements as typed chunks; `wide` is the wire type of an element that stands alone.
Status TakeChunk(const WireField& field, Type alone, std::vector<Bytes>& to) {
  if (field.type != Type::kBytes) KEDGE_TRY_STATUS(Expect(field, alone));
  to.push_back(field.bytes);
  return {};
}

Status ReadTensorField(const WireField& field, OnnxTensor& tensor) {
  switch (field.number) {
    case 1:
      return TakeInts(field, tensor.dims);
    case 2:
      return TakeInt(field, tensor.data_type);
    case 3:
      return Unimplemented("a tensor in segments is not supported");
    case 4:
      return TakeChunk(field, Type::kFixed32, tensor.fixed);
    case 5:
    case 7:
    case 11:
      return TakeChunk(field, Type::kVarint, tensor.varints);
    case 8:
      return TakeText(field, tensor.name);
    case 9:
      KEDGE_TRY_STATUS(Expect(field, Type::kBytes));
      tensor.raw = field.bytes;
      return {};
    case 10:
      return TakeChunk(field, Type::kFixed64, tensor.fixed);
    case 13:
      return ReadExternalEntry(field, tensor);
    case 14: {
      int64_t location = 0;
      KEDGE_TRY_STATUS(TakeInt(field, location));
      tensor.external = location == 1;
      return {};
    }
    default:
      return {};
  }
}

Status ReadAttributeField(const WireField& field, OnnxAttribute& attribute) {
  switch (field.number) {
    case 1:
      return TakeText(field, attribute.name);
    case 2:
      KEDGE_TRY_STATUS(Expect(field, Type::kFixed32));
      attribute.f = LoadLittle<float>(field.bytes.data());
      return {};
    case 3:
      return TakeInt(field, attribute.i);
    case 4:
      return TakeText(field, attribute.s);
    case 5: {
      KEDGE_TRY_STATUS(Expect(field, Type::kBytes));
      KEDGE_TRY(attribute.tensor, ReadOnnxTensor(field.bytes));
      return {};
    }
    case 7:
      return TakeFloats(field, attribute.floats);
    case 8:
      return TakeInts(field, attribute.ints);
    case 9:
      return TakeText(field, attribute.strings);
    case 20: {
      int64_t type = 0;
      KEDGE_TRY_STATUS(TakeInt(field, type));
      attribute.type = static_cast<OnnxAttributeType>(
          std::clamp<int64_t>(type, 0, static_cast<int64_t>(OnnxAttributeType::kUnsupported)));
      return {};
    }
    case 21:
      attribute.reference = true;
      return {};
    default:
      return {};
  }
}

// Files older than IR version 2 leave the type out; the field that is there tells it.
OnnxAttributeType TypeOfField(uint32_t number) {
  switch (number) {
    case 2:
      return OnnxAttributeType::kFloat;
    case 3:
      return OnnxAttributeType::kInt;
    case 4:
      return OnnxAttributeType::kString;
    case 5:
      return OnnxAttributeType::kTensor;
    case 6:
      return OnnxAttributeType::kGraph;
    case 7:
      return OnnxAttributeType::kFloats;
    case 8:
      return OnnxAttributeType::kInts;
    case 9:
      return OnnxAttributeType::kStrings;
    default:
      return OnnxAttributeType::kUndefined;
  }
}

Status ReadAttribute(const WireField& message, OnnxNode& node) {
  KEDGE_TRY_STATUS(Expect(message, Type::kBytes));
  KEDGE_TRY_STATUS(CheckRoom(node.attributes.size(), kAttributesMax, "attributes"));
  OnnxAttribute attribute;
  OnnxAttributeType implied = OnnxAttributeType::kUndefined;
  KEDGE_TRY_STATUS(ForEachField(message.bytes, "attribute", [&](const WireField& field) {
    const OnnxAttributeType type = TypeOfField(field.number);
    if (type != OnnxAttributeType::kUndefined) implied = type;
    return ReadAttributeField(field, attribute);
  }));
  if (attribute.type == OnnxAttributeType::kUndefined) attribute.type = implied;
  node.attributes.push_back(std::move(attribute));
  return {};
}

Status ReadNodeField(const WireField& field, OnnxNode& node) {
  switch (field.number) {
    case 1:
      return TakeText(field, node.inputs);
    case 2:
      return TakeText(field, node.outputs);
    case 3:
      return TakeText(field, node.name);
    case 4:
      return TakeText(field, node.op_type);
    case 5:
      return ReadAttribute(field, node);
    case 7:
      return TakeText(field, node.domain);
    default:
      return {};
  }
}

Status TakeSize(const WireField& field, OnnxDimension& dimension) {
  int64_t size = 0;
  KEDGE_TRY_STATUS(TakeInt(field, size));
  if (size >= 0) dimension.size = size;  // some exporters write -1 for "free"
  return {};
}

Status ReadDimension(const WireField& message, std::vector<OnnxDimension>& shape) {
  KEDGE_TRY_STATUS(Expect(message, Type::kBytes));
  KEDGE_TRY_STATUS(CheckRoom(shape.size(), kDimensionsMax, "dimensions"));
  OnnxDimension dimension;
  KEDGE_TRY_STATUS(ForEachField(message.bytes, "dimension", [&](const WireField& field) {
    if (field.number == 1) return TakeSize(field, dimension);
    if (field.number == 2) return TakeText(field, dimension.symbol);
    return Status();
  }));
  shape.push_back(dimension);
  return {};
}

Status ReadTensorType(const WireField& message, OnnxValue& value) {
  KEDGE_TRY_STATUS(Expect(message, Type::kBytes));
  return ForEachField(message.bytes, "tensor type", [&](const WireField& field) -> Status {
    if (field.number == 1) return TakeInt(field, value.data_type);
    if (field.number != 2) return {};
    KEDGE_TRY_STATUS(Expect(field, Type::kBytes));
    value.shape.emplace();
    return ForEachField(field.bytes, "shape", [&](const WireField& dimension) {
      return dimension.number == 1 ? ReadDimension(dimension, *value.shape) : Status();
    });
  });
}

Status ReadType(const WireField& message, OnnxValue& value) {
  KEDGE_TRY_STATUS(Expect(message, Type::kBytes));
  return ForEachField(message.bytes, "type", [&](const WireField& field) {
    if (field.number == 1) return ReadTensorType(field, value);
    if (field.number == 4) value.other_type = "a sequence";
    if (field.number == 5) value.other_type = "a map";
    if (field.number == 8) value.other_type = "a sparse tensor";
    if (field.number == 9) value.other_type = "an optional";
    return Status();
  });
}

Status ReadValue(const WireField& message, std::vector<OnnxValue>& values) {
  KEDGE_TRY_STATUS(Expect(message, Type::kBytes));
  KEDGE_TRY_STATUS(CheckRoom(values.size(), kValuesMax, "values"));
  OnnxValue value;
  KEDGE_TRY_STATUS(ForEachField(message.bytes, "value", [&](const WireField& field) {
    if (field.number == 1) return TakeText(field, value.name);
    if (field.number == 2) return ReadType(field, value);
    return Status();
  }));
  values.push_back(std::move(value));
  return {};
}

Status ReadNode(const WireField& message, int nodes_max, std::vector<OnnxNode>& nodes) {
  KEDGE_TRY_STATUS(Expect(message, Type::kBytes));
  KEDGE_TRY_STATUS(CheckRoom(nodes.size(), static_cast<size_t>(nodes_max), "nodes"));
  OnnxNode node;
  KEDGE_TRY_STATUS(ForEachField(
      message.bytes, "node", [&](const WireField& field) { return ReadNodeField(field, node); }));
  nodes.push_back(std::move(node));
  return {};
}

Status ReadGraphField(const WireField& field, int nodes_max, OnnxModel& model) {
  switch (field.number) {
    case 1:
      return ReadNode(field, nodes_max, model.nodes);
    case 5: {
      KEDGE_TRY_STATUS(Expect(field, Type::kBytes));
      KEDGE_TRY_STATUS(CheckRoom(model.initializers.size(), kValuesMax, "initializers"));
      KEDGE_TRY(OnnxTensor tensor, ReadOnnxTensor(field.bytes));
      model.initializers.push_back(std::move(tensor));
      return {};
    }
    case 11:
      return ReadValue(field, model.inputs);
    case 12:
      return ReadValue(field, model.outputs);
    case 13:
      return ReadValue(field, model.values);
    case 15:
      model.has_sparse_initializers = true;
      return {};
    default:
      return {};
  }
}

Status ReadOpset(const WireField& message, OnnxModel& model) {
  KEDGE_TRY_STATUS(Expect(message, Type::kBytes));
  OnnxOpset opset;
  KEDGE_TRY_STATUS(ForEachField(message.bytes, "opset", [&](const WireField& field) {
    if (field.number == 1) return TakeText(field, opset.domain);
    if (field.number == 2) return TakeInt(field, opset.version);
    return Status();
  }));
  KEDGE_TRY_STATUS(CheckRoom(model.opsets.size(), kAttributesMax, "opsets"));
  model.opsets.push_back(opset);
  return {};
}

}  // namespace

Result<OnnxTensor> ReadOnnxTensor(Bytes message) {
  OnnxTensor tensor;
  KEDGE_TRY_STATUS(ForEachField(
      message, "tensor", [&](const WireField& field) { return ReadTensorField(field, tensor); }));
  return tensor;
}

Result<OnnxModel> ReadOnnxModel(Bytes file, int nodes_max) {
  OnnxModel model;
  Status status = ForEachField(file, "model", [&](const WireField& field) -> Status {
    if (field.number == 1) return TakeInt(field, model.ir_version);
    if (field.number == 8) return ReadOpset(field, model);
    if (field.number == 20) model.has_training = true;
    if (field.number != 7) return {};
    KEDGE_TRY_STATUS(Expect(field, Type::kBytes));
    if (model.has_graph) return InvalidArgument("there are two graphs");
    model.has_graph = true;
    return ForEachField(field.bytes, "graph", [&](const WireField& part) {
      return ReadGraphField(part, nodes_max, model);
    });
  });
  if (!status) return std::move(status).error();
  return model;
}

}  // namespace kedge::compiler
