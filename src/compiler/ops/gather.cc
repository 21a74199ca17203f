// Reads and writes at indices that are tensors. Indices are i64 or i32, may be negative, and must
// lie inside: the evaluation refuses others, a compiled model reports kedge_run's error.
//
//   Gather(x, indices)              attribute axis int 0
//   GatherElements(x, indices)      attribute axis int 0; same rank
//   GatherND(x, indices)            attribute batch_dims int 0
//   OneHot(indices, depth, values)  attribute axis int -1; depth: scalar; values: [off, on]
//   ScatterElements(x, indices, updates)   attributes axis int 0, reduction "none", "add", "mul",
//   ScatterND(x, indices, updates)         "max", "min"
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"

namespace kedge::compiler {
namespace {

Status RequireIndices(const Operand& operand) {
  if (operand.dtype == DType::kI64 || operand.dtype == DType::kI32) return {};
  return InvalidArgument("input 'indices' is " + std::string(DTypeName(operand.dtype)) +
                         ", needs i64");
}

Result<int64_t> ResolveIndex(int64_t index, int64_t size) {
  if (index >= -size && index < size) return index < 0 ? index + size : index;
  return InvalidArgument("index " + std::to_string(index) + " is out of range for size " +
                         std::to_string(size));
}

Result<OutputTypes> InferGather(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(RequireIndices(operands[1]));
  const Shape& x = operands[0].shape;
  KEDGE_TRY(const int64_t axis, ResolveAxis(IntAttribute(node, "axis", 0), x.rank()));
  Shape shape(std::vector<int64_t>(x.dims.begin(), x.dims.begin() + axis));
  const Shape& indices = operands[1].shape;
  shape.dims.insert(shape.dims.end(), indices.dims.begin(), indices.dims.end());
  shape.dims.insert(shape.dims.end(), x.dims.begin() + axis + 1, x.dims.end());
  return OneOutput(operands[0].dtype, std::move(shape));
}

Status EvaluateGather(const Node& node, std::span<const Tensor* const> inputs,
                      std::span<Tensor> outputs) {
  const Shape& shape = inputs[0]->shape();
  const AxisView view(shape, ResolveAxis(IntAttribute(node, "axis", 0), shape.rank()).value());
  std::vector<int64_t> indices = ReadIntegers(*inputs[1]);
  for (int64_t& index : indices) {
    KEDGE_TRY(index, ResolveIndex(index, view.length));
  }
  const size_t run = static_cast<size_t>(view.inner) * DTypeSize(outputs[0].dtype());
  uint8_t* to = outputs[0].mutable_bytes().data();
  for (int64_t outer = 0; outer < view.outer && run > 0; ++outer) {
    for (int64_t index : indices) {
      const size_t from = static_cast<size_t>(outer * view.length + index) * run;
      std::memcpy(to, inputs[0]->bytes().data() + from, run);
      to += run;
    }
  }
  return {};
}

Result<OutputTypes> InferGatherElements(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(RequireIndices(operands[1]));
  const Shape& x = operands[0].shape;
  const Shape& indices = operands[1].shape;
  KEDGE_TRY(const int64_t axis, ResolveAxis(IntAttribute(node, "axis", 0), x.rank()));
  KEDGE_TRY_STATUS(RequireRank(operands[1], x.rank(), "indices"));
  for (size_t i = 0; i < x.rank(); ++i) {
    if (static_cast<int64_t>(i) != axis && indices[i] > x[i])
      return InvalidArgument("indices of shape " + ToString(indices) + " exceed " + ToString(x));
  }
  return OneOutput(operands[0].dtype, indices);
}

Status EvaluateGatherElements(const Node& node, std::span<const Tensor* const> inputs,
                              std::span<Tensor> outputs) {
  const Shape& x = inputs[0]->shape();
  const auto axis =
      static_cast<size_t>(ResolveAxis(IntAttribute(node, "axis", 0), x.rank()).value());
  std::vector<int64_t> strides = RowMajorStrides(x);
  const int64_t along = strides[axis];
  strides[axis] = 0;
  const std::vector<int64_t> indices = ReadIntegers(*inputs[1]);
  const size_t size = DTypeSize(outputs[0].dtype());
  size_t i = 0;
  for (Odometer at(outputs[0].shape(), {strides}); !at.done(); at.Next(), ++i) {
    KEDGE_TRY(const int64_t index, ResolveIndex(indices[i], x[axis]));
    const auto from = static_cast<size_t>(at.offset(0) + index * along) * size;
    std::memcpy(outputs[0].mutable_bytes().data() + i * size, inputs[0]->bytes().data() + from,
                size);
  }
  return {};
}

// Offset in a tensor of `shape` of the tuple `index` over the dimensions from `first` on.
Result<int64_t> TupleOffset(const Shape& shape, size_t first, std::span<const int64_t> index) {
  const std::vector<int64_t> strides = RowMajorStrides(shape);
  int64_t offset = 0;
  for (size_t i = 0; i < index.size(); ++i) {
    KEDGE_TRY(const int64_t resolved, ResolveIndex(index[i], shape[first + i]));
    offset += resolved * strides[first + i];
  }
  return offset;
}

Result<OutputTypes> InferGatherNd(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(RequireIndices(operands[1]));
  const Shape& x = operands[0].shape;
  const Shape& indices = operands[1].shape;
  const int64_t batch = IntAttribute(node, "batch_dims", 0);
  if (indices.rank() == 0 || batch < 0 || batch >= static_cast<int64_t>(indices.rank()) ||
      batch >= static_cast<int64_t>(x.rank()))
    return InvalidArgument("attribute 'batch_dims' is " + std::to_string(batch));
  const int64_t tuple = indices.dims.back();
  if (tuple < 1 || batch + tuple > static_cast<int64_t>(x.rank()))
    return InvalidArgument("the index tuples have " + std::to_string(tuple) + " elements");
  if (!std::equal(x.dims.begin(), x.dims.begin() + batch, indices.dims.begin()))
    return InvalidArgument("batch dimensions of the inputs differ");
  Shape shape(std::vector<int64_t>(indices.dims.begin(), indices.dims.end() - 1));
  shape.dims.insert(shape.dims.end(), x.dims.begin() + batch + tuple, x.dims.end());
  return OneOutput(operands[0].dtype, std::move(shape));
}

Status EvaluateGatherNd(const Node& node, std::span<const Tensor* const> inputs,
                        std::span<Tensor> outputs) {
  const Shape& x = inputs[0]->shape();
  const auto batch = static_cast<size_t>(IntAttribute(node, "batch_dims", 0));
  const auto tuple = static_cast<size_t>(inputs[1]->shape().dims.back());
  const std::vector<int64_t> indices = ReadIntegers(*inputs[1]);
  const size_t run = static_cast<size_t>(ProductOf(x.dims, batch + tuple, x.rank())) *
                     DTypeSize(outputs[0].dtype());
  const auto batch_run = static_cast<size_t>(ProductOf(x.dims, batch, x.rank()));
  const size_t count = indices.size() / tuple;
  const size_t batches = static_cast<size_t>(ProductOf(x.dims, 0, batch));
  for (size_t i = 0; i < count && run > 0; ++i) {
    KEDGE_TRY(const int64_t offset,
              TupleOffset(x, batch, std::span(indices).subspan(i * tuple, tuple)));
    const size_t from = (i / (count / batches) * batch_run + static_cast<size_t>(offset)) *
                        DTypeSize(outputs[0].dtype());
    std::memcpy(outputs[0].mutable_bytes().data() + i * run, inputs[0]->bytes().data() + from, run);
  }
  return {};
}

Result<OutputTypes> InferOneHot(const Node& node, std::span<const Operand> operands) {
  const Shape& indices = operands[0].shape;
  KEDGE_TRY(const int64_t axis, ResolveAxis(IntAttribute(node, "axis", -1), indices.rank() + 1));
  if (operands[1].shape.elements() != 1) return InvalidArgument("input 'depth' is not a scalar");
  if (operands[2].shape != Shape{2}) return InvalidArgument("input 'values' needs two elements");
  if (operands[1].constant == nullptr) return OneUnknown(operands[2].dtype);
  const double depth = ElementAsDouble(*operands[1].constant, 0);
  if (!(depth >= 1 && depth < static_cast<double>(kElementsMax)))
    return InvalidArgument("input 'depth' is out of range");
  Shape shape = indices;
  shape.dims.insert(shape.dims.begin() + axis, static_cast<int64_t>(depth));
  return OneOutput(operands[2].dtype, std::move(shape));
}

Status EvaluateOneHot(const Node& node, std::span<const Tensor* const> inputs,
                      std::span<Tensor> outputs) {
  const Shape& shape = outputs[0].shape();
  const AxisView view(shape, ResolveAxis(IntAttribute(node, "axis", -1), shape.rank()).value());
  const std::vector<double> indices = ReadDoubles(*inputs[0]);
  const size_t size = DTypeSize(outputs[0].dtype());
  uint8_t* to = outputs[0].mutable_bytes().data();
  for (int64_t i = 0; i < shape.elements(); ++i, to += size) {
    const int64_t depth = i / view.inner % view.length;
    const int64_t from = i / view.inner / view.length * view.inner + i % view.inner;
    double index = indices[static_cast<size_t>(from)];
    if (index < 0) index += static_cast<double>(view.length);
    const size_t which = index == static_cast<double>(depth) ? 1 : 0;
    std::memcpy(to, inputs[2]->bytes().data() + which * size, size);
  }
  return {};
}

Status CheckReduction(const Node& node, const Operand& x) {
  const std::string reduction = StringAttribute(node, "reduction", "none");
  constexpr std::string_view kKnown[] = {"none", "add", "mul", "max", "min"};
  if (std::find(std::begin(kKnown), std::end(kKnown), reduction) == std::end(kKnown))
    return InvalidArgument("attribute 'reduction' is '" + reduction + "'");
  if (reduction != "none" && x.dtype == DType::kBool)
    return InvalidArgument("it does not reduce bool");
  return {};
}

template <class T>
T Combine(const std::string& reduction, T old, T update) {
  if (reduction == "add") return old + update;
  if (reduction == "mul") return old * update;
  if (reduction == "max") return std::max(old, update);
  if (reduction == "min") return std::min(old, update);
  return update;
}

// Writes update i to offset(i) of a copy of `x`.
template <class Offset>
Status Scatter(const std::string& reduction, const Tensor& x, const Tensor& updates, Tensor& output,
               Offset offset) {
  const auto write = [&](auto values, const auto& from) -> Status {
    for (size_t i = 0; i < from.size(); ++i) {
      KEDGE_TRY(const int64_t to, offset(i));
      auto& value = values[static_cast<size_t>(to)];
      value = Combine(reduction, value, from[i]);
    }
    using Element = typename decltype(values)::value_type;
    if constexpr (std::is_same_v<Element, double>) {
      WriteDoubles(values, output);
    } else {
      WriteIntegers(std::vector<int64_t>(values.begin(), values.end()), output);
    }
    return {};
  };
  if (IsFloat(x.dtype())) return write(ReadDoubles(x), ReadDoubles(updates));
  const bool is_signed = x.dtype() == DType::kI8 || x.dtype() == DType::kI16 ||
                         x.dtype() == DType::kI32 || x.dtype() == DType::kI64;
  const std::vector<int64_t> values = ReadIntegers(x);
  const std::vector<int64_t> from = ReadIntegers(updates);
  if (is_signed && (reduction == "max" || reduction == "min")) return write(values, from);
  return write(std::vector<uint64_t>(values.begin(), values.end()),
               std::vector<uint64_t>(from.begin(), from.end()));
}

Result<OutputTypes> InferScatterElements(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(RequireIndices(operands[1]));
  KEDGE_TRY_STATUS(RequireSameType(operands[0], operands[2]));
  KEDGE_TRY_STATUS(CheckReduction(node, operands[0]));
  const Shape& x = operands[0].shape;
  const Shape& indices = operands[1].shape;
  KEDGE_TRY(const int64_t axis, ResolveAxis(IntAttribute(node, "axis", 0), x.rank()));
  if (indices != operands[2].shape || indices.rank() != x.rank())
    return InvalidArgument("indices of shape " + ToString(indices) +
                           " do not fit updates of shape " + ToString(operands[2].shape));
  for (size_t i = 0; i < x.rank(); ++i) {
    if (static_cast<int64_t>(i) != axis && indices[i] > x[i])
      return InvalidArgument("indices of shape " + ToString(indices) + " exceed " + ToString(x));
  }
  return OneOutput(operands[0].dtype, x);
}

Status EvaluateScatterElements(const Node& node, std::span<const Tensor* const> inputs,
                               std::span<Tensor> outputs) {
  const Shape& x = inputs[0]->shape();
  const auto axis =
      static_cast<size_t>(ResolveAxis(IntAttribute(node, "axis", 0), x.rank()).value());
  std::vector<int64_t> strides = RowMajorStrides(x);
  const int64_t along = strides[axis];
  strides[axis] = 0;
  const std::vector<int64_t> indices = ReadIntegers(*inputs[1]);
  Odometer at(inputs[1]->shape(), {strides});
  const auto offset = [&](size_t i) -> Result<int64_t> {
    KEDGE_TRY(const int64_t index, ResolveIndex(indices[i], x[axis]));
    const int64_t to = at.offset(0) + index * along;
    at.Next();
    return to;
  };
  return Scatter(StringAttribute(node, "reduction", "none"), *inputs[0], *inputs[2], outputs[0],
                 offset);
}

Result<OutputTypes> InferScatterNd(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(RequireIndices(operands[1]));
  KEDGE_TRY_STATUS(RequireSameType(operands[0], operands[2]));
  KEDGE_TRY_STATUS(CheckReduction(node, operands[0]));
  const Shape& x = operands[0].shape;
  const Shape& indices = operands[1].shape;
  if (indices.rank() == 0) return InvalidArgument("input 'indices' is a scalar");
  const int64_t tuple = indices.dims.back();
  if (tuple < 1 || tuple > static_cast<int64_t>(x.rank()))
    return InvalidArgument("the index tuples have " + std::to_string(tuple) + " elements");
  Shape wanted(std::vector<int64_t>(indices.dims.begin(), indices.dims.end() - 1));
  wanted.dims.insert(wanted.dims.end(), x.dims.begin() + tuple, x.dims.end());
  if (operands[2].shape != wanted)
    return InvalidArgument("updates have shape " + ToString(operands[2].shape) + ", needs " +
                           ToString(wanted));
  return OneOutput(operands[0].dtype, x);
}

Status EvaluateScatterNd(const Node& node, std::span<const Tensor* const> inputs,
                         std::span<Tensor> outputs) {
  const Shape& x = inputs[0]->shape();
  const auto tuple = static_cast<size_t>(inputs[1]->shape().dims.back());
  const std::vector<int64_t> indices = ReadIntegers(*inputs[1]);
  const auto run = static_cast<size_t>(ProductOf(x.dims, tuple, x.rank()));
  const auto offset = [&](size_t i) -> Result<int64_t> {
    KEDGE_TRY(const int64_t start,
              TupleOffset(x, 0, std::span(indices).subspan(i / run * tuple, tuple)));
    return start + static_cast<int64_t>(i % run);
  };
  return Scatter(StringAttribute(node, "reduction", "none"), *inputs[0], *inputs[2], outputs[0],
                 offset);
}

OpSchema Indexed(int inputs, InferFunction infer, EvaluateFunction evaluate) {
  return {.family = Family::kIndexMap,
          .inputs_min = inputs,
          .inputs_max = inputs,
          .attributes = {{"axis", AttributeKind::kInt}},
          .infer = infer,
          .evaluate = evaluate};
}

}  // namespace

OpSchema GatherSchema(std::string_view) { return Indexed(2, InferGather, EvaluateGather); }
OpSchema GatherElementsSchema(std::string_view) {
  return Indexed(2, InferGatherElements, EvaluateGatherElements);
}
OpSchema GatherNdSchema(std::string_view) {
  OpSchema schema = Indexed(2, InferGatherNd, EvaluateGatherNd);
  schema.attributes = {{"batch_dims", AttributeKind::kInt}};
  return schema;
}
OpSchema OneHotSchema(std::string_view) { return Indexed(3, InferOneHot, EvaluateOneHot); }
OpSchema ScatterElementsSchema(std::string_view) {
  OpSchema schema = Indexed(3, InferScatterElements, EvaluateScatterElements);
  schema.attributes.push_back({"reduction", AttributeKind::kString});
  return schema;
}
OpSchema ScatterNdSchema(std::string_view) {
  OpSchema schema = Indexed(3, InferScatterNd, EvaluateScatterNd);
  schema.attributes = {{"reduction", AttributeKind::kString}};
  return schema;
}

}  // namespace kedge::compiler
