// Operators that make a tensor from a shape: ConstantOfShape, EyeLike. Most are folded before; what
// is left has a shape that is only given at run time but declared by the model.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "compiler/codegen/copy.h"
#include "compiler/codegen/lower_shape_check.h"
#include "compiler/codegen/lowering.h"
#include "compiler/codegen/source.h"

namespace kedge::compiler {
namespace {

// A step that fills the node's output with the bits of one element.
CopyStep FillOutput(const Node& node, PlanBuilder& builder, uint64_t bits) {
  const Value& output = builder.value(node.outputs[0]);
  CopyStep copy;
  copy.path = "generic-fill";
  copy.element_bytes = DTypeSize(output.dtype);
  copy.from = builder.ReadPlain(node.inputs[0]);
  copy.to = builder.WritePlain(node.outputs[0]);
  copy.fill = true;
  copy.fill_bits = bits;
  copy.to_bytes = StorageBytes(output.dtype, output.shape, {});
  return copy;
}

Status LowerConstantOfShape(const Node& node, PlanBuilder& builder) {
  AddShapeCheck(node, builder);
  uint64_t bits = 0;  // f32 zero without a value
  if (auto value = node.attributes.find("value"); value != node.attributes.end()) {
    const Tensor& element = *std::get<std::shared_ptr<const Tensor>>(value->second);
    std::memcpy(&bits, element.bytes().data(), std::min(sizeof bits, element.bytes().size()));
  }
  builder.Add(MakeCopies(FillOutput(node, builder, bits)));
  return {};
}

// Zeros, and ones on diagonal k.
Status LowerEyeLike(const Node& node, PlanBuilder& builder) {
  const Value& output = builder.value(node.outputs[0]);
  const int64_t rows = output.shape[0], columns = output.shape[1];
  const int64_t k = std::clamp(IntAttribute(node, "k", 0), -rows, columns);
  const int64_t first_row = std::max<int64_t>(0, -k), first_column = std::max<int64_t>(0, k);
  const int64_t ones = std::max<int64_t>(0, std::min(rows - first_row, columns - first_column));
  const size_t size = DTypeSize(output.dtype);
  const uint64_t one = ElementBits(output.dtype, 1);
  CopyStep copy = FillOutput(node, builder, 0);
  copy.from = builder.Weights(Text("one ", DTypeName(output.dtype)), size,
                              [one, size](auto to) { std::memcpy(to.data(), &one, size); });
  copy.copies = {{{ones}, {columns + 1}, {0}, first_row * columns + first_column, 0}};
  builder.Add(MakeCopies(std::move(copy)));
  return {};
}

}  // namespace

Status LowerGenerate(const Node& node, PlanBuilder& builder) {
  if (node.op == "EyeLike") return LowerEyeLike(node, builder);
  return LowerConstantOfShape(node, builder);
}

}  // namespace kedge::compiler
