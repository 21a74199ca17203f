// MatMul with batches that broadcast, and Gemm, by the generic kernels (generic/matmul.h).
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "compiler/codegen/copy.h"
#include "compiler/codegen/expression.h"
#include "compiler/codegen/loop_nest.h"
#include "compiler/codegen/lowering.h"
#include "compiler/ops/elements.h"

namespace kedge::compiler {
namespace {

constexpr int64_t kRowsPerBlock = 6;
constexpr int64_t kColumnsPerBlock = 512;
// From so many rows on a transposed B is turned once instead of being read in dots.
constexpr int64_t kRowsForTurn = 8;

// One batch of products: C[b] = A[b] B[b], strides in elements.
struct Product {
  int64_t m = 1, n = 1, k = 1;
  int64_t a_row = 0, a_k = 1, b_k = 0, b_column = 1;
  Shape batch;  // of the result
  std::vector<int64_t> a_batch, b_batch;

  bool Dots() const { return b_column != 1 || n == 1; }
  int64_t RowBlocks() const { return (m + kRowsPerBlock - 1) / kRowsPerBlock; }
  int64_t ColumnBlocks() const { return (n + kColumnsPerBlock - 1) / kColumnsPerBlock; }
  int64_t Units() const { return batch.elements() * RowBlocks() * ColumnBlocks(); }
};

// The two operands and what is added, as places.
struct Places {
  BufferRef a, b;
};

// The offset of batch `expression` by the strides of its dimensions.
std::string BatchOffset(const Shape& batch, const std::vector<int64_t>& strides) {
  std::string out = "0";
  int64_t below = 1;
  for (size_t d = batch.rank(); d-- > 0;) {
    if (strides[d] != 0 && batch[d] != 1) {
      out += Text(" + batch / ", below, " % ", batch[d], " * ", strides[d]);
    }
    below *= batch[d];
  }
  return out;
}

std::vector<int64_t> BatchStrides(const Shape& from, const Shape& batch) {
  const Shape own(std::vector<int64_t>(from.dims.begin(), from.dims.end() - 2));
  std::vector<int64_t> strides = BroadcastStrides(own, batch);
  for (int64_t& stride : strides) stride *= from[from.rank() - 2] * from[from.rank() - 1];
  return strides;
}

// B[n][k] as B[k][n]: packed at compile time if it is constant, else by a step before.
BufferRef Turned(ValueId id, const Product& p, PlanBuilder& builder) {
  const Value& value = builder.value(id);
  const size_t size = DTypeSize(value.dtype);
  const auto bytes = static_cast<uint64_t>(p.n * p.k) * size;
  if (value.constant != nullptr) {
    return builder.Weights(Text("turned ", id), bytes,
                           [tensor = value.constant, n = p.n, k = p.k, size](auto to) {
                             const uint8_t* from = tensor->bytes().data();
                             for (int64_t row = 0; row < n; ++row) {
                               for (int64_t i = 0; i < k; ++i) {
                                 std::memcpy(to.data() + static_cast<size_t>(i * n + row) * size,
                                             from + static_cast<size_t>(row * k + i) * size, size);
                               }
                             }
                           });
  }
  CopyStep copy;
  copy.path = "generic-matmul turn";
  copy.element_bytes = size;
  copy.from = builder.ReadPlain(id);
  copy.to = builder.Scratch(bytes);
  copy.copies = {{{p.k, p.n}, {p.n, 1}, {1, p.k}}};
  const BufferRef turned = copy.to;
  builder.Add(MakeCopies(std::move(copy)));
  return turned;
}

// What is done with each result before it is stored, as a lambda `finish(row, column, value)`.
struct Finish {
  ValueId addend = kNoValue;  // Gemm's C
  float alpha = 1, beta = 1;
  ValueId residual = kNoValue;
};

class MatMulStep {
 public:
  MatMulStep(const Node& node, PlanBuilder& builder, const Product& product, const Finish& finish)
      : node_(node),
        builder_(builder),
        p_(product),
        finish_(finish),
        result_(builder.value(node.outputs[0])),
        type_(ElementType(result_.dtype)) {}

  Status Lower(const Places& places) {
    Step step;
    step.path = "generic-matmul";
    step.reads = {places.a, places.b};
    if (finish_.addend != kNoValue) step.reads.push_back(builder_.ReadPlain(finish_.addend));
    if (finish_.residual != kNoValue) step.reads.push_back(builder_.ReadPlain(finish_.residual));
    step.writes = {builder_.WritePlain(node_.outputs[0])};
    const auto results = static_cast<uint64_t>(result_.shape.elements());
    step.tasks = TaskCount(static_cast<uint64_t>(p_.k * p_.n) * DTypeSize(result_.dtype),
                           results * static_cast<uint64_t>(p_.k) / 8, p_.Units());
    Source source({"generic/matmul.h"});
    source.Line(Text("constexpr MatMulShape kShape = ",
                     ListLiteral({p_.m, p_.n, p_.k, p_.a_row, p_.a_k, p_.b_k, p_.b_column}), ";"));
    source.OpenKernel(1, step.reads.size());
    source.Line(Text("auto* y = reinterpret_cast<", type_, "*>(p0);"));
    for (size_t i = 0; i < step.reads.size(); ++i) {
      source.Line(
          Text("const auto* x", i, " = reinterpret_cast<const ", type_, "*>(p", i + 1, ");"));
    }
    WriteFinish(source);
    WriteUnits(source, step.tasks);
    source.Close();
    step.source = std::move(source).Take();
    builder_.Add(std::move(step));
    return {};
  }

 private:
  void WriteFinish(Source& source) {
    source.Line("[[maybe_unused]] int64_t batch = 0;");
    source.Open(Text("auto finish = [&](int64_t row, int64_t column, ", type_,
                     " value) KEDGE_LAMBDA_INLINE"));
    source.Line(Text("const int64_t at = (batch * ", p_.m, " + row) * ", p_.n, " + column;"));
    if (finish_.alpha != 1) {
      source.Line(
          Text("value *= ", Literal(result_.dtype, static_cast<double>(finish_.alpha)), ";"));
    }
    size_t operand = 2;
    if (finish_.addend != kNoValue) {
      const auto strides = BroadcastStrides(builder_.value(finish_.addend).shape, result_.shape);
      const std::string element =
          Text("x", operand++, "[row * ", strides[0], " + column * ", strides[1], "]");
      source.Line(finish_.beta == 1
                      ? Text("value += ", element, ";")
                      : Text("value += ", Literal(result_.dtype, static_cast<double>(finish_.beta)),
                             " * ", element, ";"));
    }
    if (finish_.residual != kNoValue) source.Line(Text("value += x", operand, "[at];"));
    source.Line(Text("y[at] = static_cast<", type_, ">(", PrintActivation(node_, "value"), ");"));
    source.Close("};");
  }

  void WriteUnits(Source& source, uint32_t tasks) {
    const int64_t per_batch = p_.RowBlocks() * p_.ColumnBlocks();
    source.Line(Text("const int64_t begin = task * ", p_.Units(), " / ", tasks,
                     ", end = (task + INT64_C(1)) * ", p_.Units(), " / ", tasks, ";"));
    source.Open("for (int64_t u = begin; u < end; ++u)");
    source.Line(Text("batch = u / ", per_batch, ";"));
    source.Line(Text("const int64_t row = u / ", p_.ColumnBlocks(), " % ", p_.RowBlocks(), " * ",
                     kRowsPerBlock, ";"));
    source.Line(
        Text("const int64_t column = u % ", p_.ColumnBlocks(), " * ", kColumnsPerBlock, ";"));
    source.Line(Text("const int64_t rest = ", p_.n, " - column;"));
    source.Line(Text("const int64_t last = column + (rest < ", kColumnsPerBlock,
                     " ? rest : ", kColumnsPerBlock, ");"));
    source.Line(Text("const auto* a = x0 + ", BatchOffset(p_.batch, p_.a_batch), ";"));
    source.Line(Text("const auto* b = x1 + ", BatchOffset(p_.batch, p_.b_batch), ";"));
    const int64_t rows = std::min(kRowsPerBlock, std::max<int64_t>(p_.m, 1));
    source.Line(p_.Dots() ? Text("MatMulDots<kShape, ", kRowsPerBlock,
                                 ">(a, b, row, column, last, finish);")
                          : Text("MatMulTiles<kShape, ", rows,
                                 ", kVectorsPerRow>(a, b, row, column, last, finish);"));
    source.Close();
  }

  const Node& node_;
  PlanBuilder& builder_;
  const Product& p_;
  const Finish& finish_;
  const Value& result_;
  const std::string type_;
};

Status RequireSupported(const Node& node, const PlanBuilder& builder) {
  const DType dtype = builder.value(node.outputs[0]).dtype;
  if (dtype != DType::kF16 && dtype != DType::kBf16 && dtype != DType::kBool) return {};
  return Unimplemented(Describe(node) + " is of type " + std::string(DTypeName(dtype)) +
                       ", which the generic product does not take");
}

ValueId Residual(const Node& node) {
  return IntAttribute(node, "kedge.residual", 0) != 0 ? node.inputs.back() : kNoValue;
}

}  // namespace

Status LowerMatMul(const Node& node, PlanBuilder& builder) {
  KEDGE_TRY_STATUS(RequireSupported(node, builder));
  // A vector stands for a row (A) or a column (B).
  Shape a = builder.value(node.inputs[0]).shape, b = builder.value(node.inputs[1]).shape;
  if (a.rank() == 1) a.dims.insert(a.dims.begin(), 1);
  if (b.rank() == 1) b.dims.push_back(1);
  Product p;
  p.m = a[a.rank() - 2];
  p.k = a[a.rank() - 1];
  p.n = b[b.rank() - 1];
  p.a_row = p.k;
  p.b_k = p.n;
  const size_t batches = std::max(a.rank(), b.rank()) - 2;
  for (size_t d = 0; d < batches; ++d) {
    auto size = [&](const Shape& s) {
      const size_t missing = batches - (s.rank() - 2);
      return d < missing ? 1 : s[d - missing];
    };
    p.batch.dims.push_back(size(a) == 1 ? size(b) : size(a));
  }
  p.a_batch = BatchStrides(a, p.batch);
  p.b_batch = BatchStrides(b, p.batch);
  const Finish finish{.residual = Residual(node)};
  const Places places{builder.ReadPlain(node.inputs[0]), builder.ReadPlain(node.inputs[1])};
  return MatMulStep(node, builder, p, finish).Lower(places);
}

Status LowerGemm(const Node& node, PlanBuilder& builder) {
  KEDGE_TRY_STATUS(RequireSupported(node, builder));
  const Shape& a = builder.value(node.inputs[0]).shape;
  const Shape& b = builder.value(node.inputs[1]).shape;
  const bool turn_a = IntAttribute(node, "transA", 0) != 0;
  const bool turn_b = IntAttribute(node, "transB", 0) != 0;
  Product p;
  p.m = a[turn_a ? 1 : 0];
  p.k = a[turn_a ? 0 : 1];
  p.n = b[turn_b ? 0 : 1];
  p.a_row = turn_a ? 1 : p.k;
  p.a_k = turn_a ? p.m : 1;
  p.b_k = turn_b ? 1 : p.n;
  p.b_column = turn_b ? p.k : 1;
  Places places{builder.ReadPlain(node.inputs[0]), {}};
  if (turn_b && p.m >= kRowsForTurn && p.n > 1) {
    places.b = Turned(node.inputs[1], p, builder);
    p.b_k = p.n;
    p.b_column = 1;
  } else {
    places.b = builder.ReadPlain(node.inputs[1]);
  }
  Finish finish;
  finish.residual = Residual(node);
  finish.alpha = FloatAttribute(node, "alpha", 1);
  finish.beta = FloatAttribute(node, "beta", 1);
  if (HasInput(node, 2) && finish.beta != 0) finish.addend = node.inputs[2];
  return MatMulStep(node, builder, p, finish).Lower(places);
}

}  // namespace kedge::compiler
