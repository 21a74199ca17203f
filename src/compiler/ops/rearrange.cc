// Copies under an index expression: every element of the result is an element of an input (or
// padding).
//
//   Transpose(x)                      perm ints (reversed order if missing)
//   Concat(x...)                      axis int (required)
//   Split(x, split?)                  axis int 0; split: i64 input with the sizes, else equal
//                                     parts, the last one smaller (num_outputs int is checked)
//   Slice(x, starts, ends, axes?, steps?)   i64 inputs, as NumPy's x[start:end:step]
//   Pad(x, pads, value?, axes?)       pads: i64 input, begins then ends, may be negative; mode
//                                     "constant", "edge", "reflect" or "wrap"
//   Expand(x, shape), Tile(x, repeats)      i64 inputs
//   DepthToSpace(x[n, c, h, w])       blocksize int (required), mode "DCR" or "CRD"
//   SpaceToDepth(x[n, c, h, w])       blocksize int (required)
//   Trilu(x, k?)                      upper int 1; k: i64 scalar input
// Where an i64 input is computed at run time the shape of the result is not known here; the
// importer may know it from the model.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"

namespace kedge::compiler {
namespace {

std::vector<int64_t> Permutation(const Node& node, size_t rank) {
  std::vector<int64_t> perm = IntsAttribute(node, "perm");
  if (!node.attributes.contains("perm")) {
    for (size_t i = rank; i-- > 0;) perm.push_back(static_cast<int64_t>(i));
  }
  return perm;
}

Result<OutputTypes> InferTranspose(const Node& node, std::span<const Operand> operands) {
  const Shape& x = operands[0].shape;
  const std::vector<int64_t> perm = Permutation(node, x.rank());
  std::vector<bool> seen(x.rank(), false);
  Shape shape;
  for (int64_t axis : perm) {
    if (axis < 0 || axis >= static_cast<int64_t>(x.rank()) || seen[static_cast<size_t>(axis)])
      return InvalidArgument("attribute 'perm' is not a permutation of the axes");
    seen[static_cast<size_t>(axis)] = true;
    shape.dims.push_back(x[static_cast<size_t>(axis)]);
  }
  if (perm.size() != x.rank())
    return InvalidArgument("attribute 'perm' is not a permutation of the axes");
  return OneOutput(operands[0].dtype, std::move(shape));
}

Status EvaluateTranspose(const Node& node, std::span<const Tensor* const> inputs,
                         std::span<Tensor> outputs) {
  const std::vector<int64_t> own = RowMajorStrides(inputs[0]->shape());
  std::vector<int64_t> strides;
  for (int64_t axis : Permutation(node, own.size()))
    strides.push_back(own[static_cast<size_t>(axis)]);
  CopyStrided(*inputs[0], strides, 0, outputs[0]);
  return {};
}

Result<OutputTypes> InferConcat(const Node& node, std::span<const Operand> operands) {
  Shape shape = operands[0].shape;
  KEDGE_TRY(const int64_t resolved, ResolveAxis(IntAttribute(node, "axis", 0), shape.rank()));
  const auto axis = static_cast<size_t>(resolved);
  for (const Operand& operand : operands.subspan(1)) {
    KEDGE_TRY_STATUS(RequireSameType(operands[0], operand));
    Shape same = operand.shape;
    if (same.rank() == shape.rank()) same.dims[axis] = shape[axis];
    if (same != shape) {
      return InvalidArgument("shapes " + ToString(operands[0].shape) + " and " +
                             ToString(operand.shape) + " do not concatenate along axis " +
                             std::to_string(axis));
    }
    shape.dims[axis] += operand.shape[axis];
  }
  return OneOutput(operands[0].dtype, std::move(shape));
}

// Bytes of the part of a tensor that lies together under one index of the axes before `axis`.
size_t RunBytes(const Tensor& tensor, int64_t axis) {
  return static_cast<size_t>(
             ProductOf(tensor.shape().dims, static_cast<size_t>(axis), tensor.shape().rank())) *
         DTypeSize(tensor.dtype());
}

Status EvaluateConcat(const Node& node, std::span<const Tensor* const> inputs,
                      std::span<Tensor> outputs) {
  const Shape& shape = outputs[0].shape();
  const int64_t axis = ResolveAxis(IntAttribute(node, "axis", 0), shape.rank()).value();
  uint8_t* to = outputs[0].mutable_bytes().data();
  const int64_t outer = ProductOf(shape.dims, 0, static_cast<size_t>(axis));
  for (int64_t i = 0; i < outer; ++i) {
    for (const Tensor* input : inputs) {
      const size_t run = RunBytes(*input, axis);
      if (run > 0) std::memcpy(to, input->bytes().data() + static_cast<size_t>(i) * run, run);
      to += run;
    }
  }
  return {};
}

Result<std::vector<int64_t>> SplitSizes(const Node& node, const Operand& split, int64_t length) {
  const auto parts = static_cast<int64_t>(node.outputs.size());
  std::vector<int64_t> sizes;
  if (split.present) {
    KEDGE_TRY(sizes, ConstantInts(split, "split"));
    int64_t sum = 0;
    for (int64_t size : sizes) {
      if (size < 0 || size > length)
        return InvalidArgument("a part has size " + std::to_string(size));
      sum += size;
    }
    if (sum != length || static_cast<int64_t>(sizes.size()) != parts)
      return InvalidArgument("the parts do not make up the size " + std::to_string(length));
    return sizes;
  }
  const int64_t wanted = IntAttribute(node, "num_outputs", parts);
  if (wanted != parts) {
    return InvalidArgument("attribute 'num_outputs' is " + std::to_string(wanted) + ", it has " +
                           std::to_string(parts) + " outputs");
  }
  const int64_t size = (length + parts - 1) / parts;
  for (int64_t i = 0; i < parts; ++i)
    sizes.push_back(std::clamp<int64_t>(length - i * size, 0, size));
  return sizes;
}

Result<OutputTypes> InferSplit(const Node& node, std::span<const Operand> operands) {
  const Operand& x = operands[0];
  KEDGE_TRY(const int64_t axis, ResolveAxis(IntAttribute(node, "axis", 0), x.shape.rank()));
  if (operands[1].present && operands[1].constant == nullptr)
    return OutputTypes(node.outputs.size(), {x.dtype, std::nullopt});
  KEDGE_TRY(const std::vector<int64_t> sizes,
            SplitSizes(node, operands[1], x.shape[static_cast<size_t>(axis)]));
  OutputTypes types;
  for (int64_t size : sizes) {
    Shape shape = x.shape;
    shape.dims[static_cast<size_t>(axis)] = size;
    types.push_back({x.dtype, std::move(shape)});
  }
  return types;
}

Status EvaluateSplit(const Node& node, std::span<const Tensor* const> inputs,
                     std::span<Tensor> outputs) {
  const Shape& shape = inputs[0]->shape();
  const int64_t axis = ResolveAxis(IntAttribute(node, "axis", 0), shape.rank()).value();
  const uint8_t* from = inputs[0]->bytes().data();
  const int64_t outer = ProductOf(shape.dims, 0, static_cast<size_t>(axis));
  for (int64_t i = 0; i < outer; ++i) {
    for (Tensor& output : outputs) {
      const size_t run = RunBytes(output, axis);
      if (run > 0)
        std::memcpy(output.mutable_bytes().data() + static_cast<size_t>(i) * run, from, run);
      from += run;
    }
  }
  return {};
}

Result<OutputTypes> InferExpand(const Node&, std::span<const Operand> operands) {
  if (operands[1].constant == nullptr) {
    KEDGE_TRY_STATUS(RequireType(operands[1], DType::kI64, "shape"));
    return OneUnknown(operands[0].dtype);
  }
  KEDGE_TRY(std::vector<int64_t> dims, ConstantInts(operands[1], "shape"));
  KEDGE_TRY_STATUS(CheckShape(Shape(dims)));
  KEDGE_TRY(Shape shape, BroadcastShapes(operands[0].shape, Shape(std::move(dims))));
  return OneOutput(operands[0].dtype, std::move(shape));
}

Status EvaluateExpand(const Node&, std::span<const Tensor* const> inputs,
                      std::span<Tensor> outputs) {
  CopyStrided(*inputs[0], BroadcastStrides(inputs[0]->shape(), outputs[0].shape()), 0, outputs[0]);
  return {};
}

Result<OutputTypes> InferTile(const Node&, std::span<const Operand> operands) {
  const Operand& x = operands[0];
  if (operands[1].constant == nullptr) return OneUnknown(x.dtype);
  KEDGE_TRY(const std::vector<int64_t> repeats, ConstantInts(operands[1], "repeats"));
  if (repeats.size() != x.shape.rank())
    return InvalidArgument("input 'repeats' has " + std::to_string(repeats.size()) + " elements");
  Shape shape = x.shape;
  for (size_t i = 0; i < repeats.size(); ++i) {
    if (repeats[i] < 0 || (shape[i] > 0 && repeats[i] > kElementsMax / shape[i]))
      return InvalidArgument("input 'repeats' has the element " + std::to_string(repeats[i]));
    shape.dims[i] *= repeats[i];
  }
  return OneOutput(x.dtype, std::move(shape));
}

Status EvaluateTile(const Node&, std::span<const Tensor* const> inputs, std::span<Tensor> outputs) {
  const Shape& shape = inputs[0]->shape();
  const std::vector<int64_t> strides = RowMajorStrides(shape);
  const size_t size = DTypeSize(outputs[0].dtype());
  uint8_t* to = outputs[0].mutable_bytes().data();
  for (Odometer at(outputs[0].shape(), {}); !at.done(); at.Next(), to += size) {
    int64_t offset = 0;
    for (size_t i = 0; i < strides.size(); ++i) offset += at.index()[i] % shape[i] * strides[i];
    std::memcpy(to, inputs[0]->bytes().data() + static_cast<size_t>(offset) * size, size);
  }
  return {};
}

Result<int64_t> BlockSize(const Node& node, const Operand& x) {
  KEDGE_TRY_STATUS(RequireRank(x, 4, "input"));
  const int64_t block = IntAttribute(node, "blocksize", 0);
  if (block < 1 || block > 65536)
    return InvalidArgument("attribute 'blocksize' is " + std::to_string(block));
  return block;
}

Result<OutputTypes> InferDepthToSpace(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY(const int64_t block, BlockSize(node, operands[0]));
  const Shape& x = operands[0].shape;
  const std::string mode = StringAttribute(node, "mode", "DCR");
  if (mode != "DCR" && mode != "CRD") return InvalidArgument("attribute 'mode' is '" + mode + "'");
  if (x[1] % (block * block) != 0)
    return InvalidArgument(std::to_string(x[1]) + " channels are no multiple of blocksize squared");
  return OneOutput(operands[0].dtype,
                   Shape{x[0], x[1] / (block * block), x[2] * block, x[3] * block});
}

Result<OutputTypes> InferSpaceToDepth(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY(const int64_t block, BlockSize(node, operands[0]));
  const Shape& x = operands[0].shape;
  if (x[2] % block != 0 || x[3] % block != 0)
    return InvalidArgument("height or width is no multiple of blocksize");
  return OneOutput(operands[0].dtype,
                   Shape{x[0], x[1] * block * block, x[2] / block, x[3] / block});
}

// Both are one transpose of a 6-dimensional view: `deep` [n, c, h, w] has blocks in its channels,
// `wide` [n, c', h*b, w*b] in space.
Status EvaluateBlocks(const Node& node, std::span<const Tensor* const> inputs,
                      std::span<Tensor> outputs) {
  const bool to_space = node.op == "DepthToSpace";
  const Shape& deep = to_space ? inputs[0]->shape() : outputs[0].shape();
  const int64_t b = IntAttribute(node, "blocksize", 1);
  const int64_t c = deep[1] / (b * b);
  const bool depth_last = to_space && StringAttribute(node, "mode", "DCR") == "CRD";
  const int64_t plane = deep[2] * deep[3];
  // Strides in the deep tensor of the indices n, c, h, row in block, w, column in block.
  const std::vector<int64_t> in_deep = {deep[1] * plane,
                                        depth_last ? b * b * plane : plane,
                                        deep[3],
                                        depth_last ? b * plane : b * c * plane,
                                        1,
                                        depth_last ? plane : c * plane};
  const Shape view{deep[0], c, deep[2], b, deep[3], b};
  const std::vector<int64_t> in_wide = RowMajorStrides(view);
  const size_t size = DTypeSize(outputs[0].dtype());
  for (Odometer at(view, {in_deep, in_wide}); !at.done(); at.Next()) {
    const auto from = static_cast<size_t>(at.offset(to_space ? 0 : 1)) * size;
    const auto to = static_cast<size_t>(at.offset(to_space ? 1 : 0)) * size;
    std::memcpy(outputs[0].mutable_bytes().data() + to, inputs[0]->bytes().data() + from, size);
  }
  return {};
}

Result<OutputTypes> InferTrilu(const Node&, std::span<const Operand> operands) {
  if (operands[0].shape.rank() < 2) return InvalidArgument("the input needs a rank of at least 2");
  if (operands[1].present) {
    KEDGE_TRY_STATUS(RequireType(operands[1], DType::kI64, "k"));
    if (operands[1].shape.elements() != 1) return InvalidArgument("input 'k' is not a scalar");
  }
  return OneOutput(operands[0].dtype, operands[0].shape);
}

Status EvaluateTrilu(const Node& node, std::span<const Tensor* const> inputs,
                     std::span<Tensor> outputs) {
  const Shape& shape = outputs[0].shape();
  const int64_t rows = shape[shape.rank() - 2];
  const int64_t columns = shape.dims.back();
  const bool upper = IntAttribute(node, "upper", 1) != 0;
  const int64_t given = inputs[1] != nullptr ? inputs[1]->As<int64_t>()[0] : 0;
  const int64_t k = std::clamp(given, -kElementsMax, kElementsMax);
  const size_t size = DTypeSize(outputs[0].dtype());
  for (int64_t i = 0; i < shape.elements(); ++i) {
    const int64_t row = i / columns % rows;
    const int64_t column = i % columns;
    if (upper ? column - row < k : column - row > k) continue;
    const size_t at = static_cast<size_t>(i) * size;
    std::memcpy(outputs[0].mutable_bytes().data() + at, inputs[0]->bytes().data() + at, size);
  }
  return {};
}

}  // namespace

OpSchema TransposeSchema(std::string_view) {
  return {.family = Family::kIndexMap,
          .attributes = {{"perm", AttributeKind::kInts}},
          .infer = InferTranspose,
          .evaluate = EvaluateTranspose};
}

OpSchema ConcatSchema(std::string_view) {
  return {.family = Family::kIndexMap,
          .inputs_max = kVariadic,
          .attributes = {{"axis", AttributeKind::kInt, true}},
          .infer = InferConcat,
          .evaluate = EvaluateConcat};
}

OpSchema SplitSchema(std::string_view) {
  return {.family = Family::kIndexMap,
          .inputs_max = 2,
          .outputs_max = kVariadic,
          .attributes = {{"axis", AttributeKind::kInt}, {"num_outputs", AttributeKind::kInt}},
          .infer = InferSplit,
          .evaluate = EvaluateSplit};
}

OpSchema ExpandSchema(std::string_view) {
  return {.family = Family::kIndexMap,
          .inputs_min = 2,
          .inputs_max = 2,
          .infer = InferExpand,
          .evaluate = EvaluateExpand};
}

OpSchema TileSchema(std::string_view) {
  return {.family = Family::kIndexMap,
          .inputs_min = 2,
          .inputs_max = 2,
          .infer = InferTile,
          .evaluate = EvaluateTile};
}

OpSchema DepthToSpaceSchema(std::string_view) {
  return {
      .family = Family::kIndexMap,
      .attributes = {{"blocksize", AttributeKind::kInt, true}, {"mode", AttributeKind::kString}},
      .infer = InferDepthToSpace,
      .evaluate = EvaluateBlocks};
}

OpSchema SpaceToDepthSchema(std::string_view) {
  return {.family = Family::kIndexMap,
          .attributes = {{"blocksize", AttributeKind::kInt, true}},
          .infer = InferSpaceToDepth,
          .evaluate = EvaluateBlocks};
}

OpSchema TriluSchema(std::string_view) {
  return {.family = Family::kIndexMap,
          .inputs_max = 2,
          .attributes = {{"upper", AttributeKind::kInt}},
          .infer = InferTrilu,
          .evaluate = EvaluateTrilu};
}

}  // namespace kedge::compiler
