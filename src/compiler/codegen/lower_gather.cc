// Operators whose indices are tensors: Gather, GatherElements, GatherND, ScatterElements,
// ScatterND, OneHot.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/lowering.h"
#include "compiler/codegen/reorder.h"
#include "compiler/codegen/source.h"

namespace kedge::compiler {
namespace {

int64_t Product(const Shape& shape, size_t from, size_t to) {
  int64_t product = 1;
  for (size_t d = from; d < to; ++d) product *= shape[d];
  return product;
}

// {rank, {sizes}, {strides}}.
std::string ExtentsLiteral(const Shape& shape) {
  return Text("Extents{", static_cast<int64_t>(shape.rank()), ", ", ListLiteral(shape.dims), ", ",
              ListLiteral(RowMajorStrides(shape)), "}");
}

// A kernel whose pointers are typed: writes as y, reads as x0, x1 ...
class TypedKernel {
 public:
  TypedKernel(std::string path, bool can_fail) : source_({"generic/gather.h"}) {
    step_.path = std::move(path);
    step_.can_fail = can_fail;
  }
  void Write(BufferRef place, std::string_view type) {
    step_.writes.push_back(place);
    lines_.push_back(Text("auto* y = reinterpret_cast<", type, "*>(p0);"));
  }
  void Read(BufferRef place, std::string_view type) {
    const size_t i = step_.reads.size();
    step_.reads.push_back(place);
    lines_.push_back(
        Text("const auto* x", i, " = reinterpret_cast<const ", type, "*>(p", i + 1, ");"));
  }
  Status Finish(const std::string& statement, PlanBuilder& builder) {
    source_.OpenKernel(step_.writes.size(), step_.reads.size(), step_.can_fail);
    for (const std::string& line : lines_) source_.Line(line);
    source_.Line(statement);
    source_.Close();
    step_.source = std::move(source_).Take();
    builder.Add(std::move(step_));
    return {};
  }

 private:
  Source source_;
  Step step_;
  std::vector<std::string> lines_;
};

std::string_view Type(ValueId id, PlanBuilder& builder) {
  return ElementType(builder.value(id).dtype);
}
std::string_view RawType(ValueId id, PlanBuilder& builder) {
  return StorageType(builder.value(id).dtype);
}

// Tuples along the last dimension of the indices, into the dimensions of x from `batch` on.
std::string TupleLiteral(const Shape& x, const Shape& indices, int64_t batch_dims) {
  const auto b = static_cast<size_t>(batch_dims);
  const int64_t depth = indices[indices.rank() - 1];
  const int64_t batches = Product(indices, 0, b);
  const int64_t tuples = Product(indices, b, indices.rank() - 1);
  const int64_t slice = Product(x, b + static_cast<size_t>(depth), x.rank());
  return Text("TupleShape",
              ListLiteral({batches, Product(x, b, x.rank()), tuples, depth, batch_dims, slice}));
}

Result<std::string_view> ScatterKind(const Node& node) {
  const std::string how = StringAttribute(node, "reduction", "none");
  if (how == "none") return std::string_view("Scatter::kSet");
  if (how == "add") return std::string_view("Scatter::kAdd");
  if (how == "mul") return std::string_view("Scatter::kMul");
  if (how == "max") return std::string_view("Scatter::kMax");
  if (how == "min") return std::string_view("Scatter::kMin");
  return Unimplemented(Describe(node) + " has an unknown reduction");
}

}  // namespace

Status LowerGather(const Node& node, PlanBuilder& builder) {
  const Shape& x = builder.value(node.inputs[0]).shape;
  const Shape& indices = builder.value(node.inputs[1]).shape;
  const int64_t count = builder.value(node.outputs[0]).shape.elements();
  TypedKernel kernel("generic-gather", true);
  kernel.Write(builder.WritePlain(node.outputs[0]), RawType(node.outputs[0], builder));
  kernel.Read(builder.ReadPlain(node.inputs[0]), RawType(node.inputs[0], builder));
  kernel.Read(builder.ReadPlain(node.inputs[1]), Type(node.inputs[1], builder));
  if (node.op == "GatherND") {
    return kernel.Finish(
        Text("return GatherTuples(", TupleLiteral(x, indices, IntAttribute(node, "batch_dims", 0)),
             ", ", ExtentsLiteral(x), ", x0, x1, y);"),
        builder);
  }
  const int64_t axis = AxisAttribute(node, "axis", 0, x.rank());
  if (node.op == "GatherElements") {
    return kernel.Finish(Text("return GatherElements(", ExtentsLiteral(indices), ", ",
                              ExtentsLiteral(x), ", ", axis, ", ", count, ", x0, x1, y);"),
                         builder);
  }
  const auto at = static_cast<size_t>(axis);
  return kernel.Finish(Text("return Gather(GatherShape",
                            ListLiteral({Product(x, 0, at), x[at], Product(x, at + 1, x.rank()),
                                         indices.elements()}),
                            ", x0, x1, y);"),
                       builder);
}

// The result starts as a copy of x, on which the updates are then laid.
Status LowerScatter(const Node& node, PlanBuilder& builder) {
  const Value& x = builder.value(node.inputs[0]);
  const Shape& indices = builder.value(node.inputs[1]).shape;
  KEDGE_TRY(const std::string_view how, ScatterKind(node));
  const BufferRef result = builder.WritePlain(node.outputs[0]);
  builder.Add(
      MakeCopy(StorageBytes(x.dtype, x.shape, {}), builder.ReadPlain(node.inputs[0]), result));
  TypedKernel kernel("generic-scatter", true);
  kernel.Write(result, Type(node.outputs[0], builder));
  kernel.Read(builder.ReadPlain(node.inputs[1]), Type(node.inputs[1], builder));
  kernel.Read(builder.ReadPlain(node.inputs[2]), Type(node.inputs[2], builder));
  if (node.op == "ScatterND") {
    return kernel.Finish(Text("return ScatterTuples<", how, ">(", TupleLiteral(x.shape, indices, 0),
                              ", ", ExtentsLiteral(x.shape), ", x0, x1, y);"),
                         builder);
  }
  const int64_t axis = AxisAttribute(node, "axis", 0, x.shape.rank());
  return kernel.Finish(
      Text("return ScatterElements<", how, ">(", ExtentsLiteral(indices), ", ",
           ExtentsLiteral(x.shape), ", ", axis, ", ", indices.elements(), ", x0, x1, y);"),
      builder);
}

// The depth is known: the output's shape says it.
Status LowerOneHot(const Node& node, PlanBuilder& builder) {
  const Shape& to = builder.value(node.outputs[0]).shape;
  const auto axis = static_cast<size_t>(AxisAttribute(node, "axis", -1, to.rank()));
  TypedKernel kernel("generic-gather", false);
  kernel.Write(builder.WritePlain(node.outputs[0]), RawType(node.outputs[0], builder));
  kernel.Read(builder.ReadPlain(node.inputs[0]), Type(node.inputs[0], builder));
  kernel.Read(builder.ReadPlain(node.inputs[2]), RawType(node.inputs[2], builder));
  return kernel.Finish(Text("OneHot(", Product(to, 0, axis), ", ", to[axis], ", ",
                            Product(to, axis + 1, to.rank()), ", x0, x1, y);"),
                       builder);
}

}  // namespace kedge::compiler
