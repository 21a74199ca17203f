// Matrix products.
//
//   MatMul(a[..., m, k], b[..., k, n])         y[..., m, n]; leading dimensions broadcast; a vector
//       operand stands for a row (a) or a column (b) and its dimension is left out of y
//   Gemm(a[m, k], b[k, n], c?)                 y = alpha * a' b' + beta * c; c broadcasts to [m, n]
//       attributes alpha float 1, beta float 1, transA int 0, transB int 0
//   Pass canonicalise leaves Gemm with alpha = beta = 1 and transA = 0 where what they multiply is
//   constant, and makes a MatMul of two matrices a Gemm.
//   Both take an epilogue. Operands are of one type; integers wrap.
// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"

namespace kedge::compiler {
namespace {

// y[m, n] += a[m, k] b[k, n] with element strides.
struct Matrix {
  int64_t start, row_stride, column_stride;
};

template <class T>
void Multiply(const std::vector<T>& a, const std::vector<T>& b, Matrix at_a, Matrix at_b,
              const std::array<int64_t, 3>& mkn, T* y) {
  const auto [m, k, n] = mkn;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t l = 0; l < k; ++l) {
      const T left =
          a[static_cast<size_t>(at_a.start + i * at_a.row_stride + l * at_a.column_stride)];
      const T* right = b.data() + at_b.start + l * at_b.row_stride;
      T* to = y + i * n;
      for (int64_t j = 0; j < n; ++j) to[j] += left * right[j * at_b.column_stride];
    }
  }
}

Status CheckTypes(std::span<const Operand> operands) {
  if (operands[0].dtype == DType::kBool) return InvalidArgument("it does not take bool");
  for (const Operand& operand : operands.subspan(1)) {
    if (operand.present) KEDGE_TRY_STATUS(RequireSameType(operands[0], operand));
  }
  return {};
}

Error InnerSizesDiffer(const Shape& a, const Shape& b) {
  return InvalidArgument("inner sizes of " + ToString(a) + " and " + ToString(b) + " differ");
}

Result<OutputTypes> InferMatMul(const Node&, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(CheckTypes(operands));
  Shape a = operands[0].shape;
  Shape b = operands[1].shape;
  if (a.rank() == 0 || b.rank() == 0) return InvalidArgument("an input is a scalar");
  const bool row = a.rank() == 1;
  const bool column = b.rank() == 1;
  if (row) a.dims.insert(a.dims.begin(), 1);
  if (column) b.dims.push_back(1);
  if (a.dims.back() != b[b.rank() - 2])
    return InnerSizesDiffer(operands[0].shape, operands[1].shape);
  const int64_t m = a[a.rank() - 2];
  const int64_t n = b.dims.back();
  a.dims.resize(a.rank() - 2);
  b.dims.resize(b.rank() - 2);
  KEDGE_TRY(Shape shape, BroadcastShapes(a, b));
  if (!row) shape.dims.push_back(m);
  if (!column) shape.dims.push_back(n);
  return OneOutput(operands[0].dtype, std::move(shape));
}

template <class T>
std::vector<T> MatMulOf(const std::vector<T>& a, const std::vector<T>& b, Shape shape_a,
                        Shape shape_b) {
  if (shape_a.rank() == 1) shape_a.dims.insert(shape_a.dims.begin(), 1);
  if (shape_b.rank() == 1) shape_b.dims.push_back(1);
  const int64_t m = shape_a[shape_a.rank() - 2];
  const int64_t k = shape_a.dims.back();
  const int64_t n = shape_b.dims.back();
  shape_a.dims.resize(shape_a.rank() - 2);
  shape_b.dims.resize(shape_b.rank() - 2);
  const Shape batch = BroadcastShapes(shape_a, shape_b).value();
  std::vector<T> y(static_cast<size_t>(batch.elements() * m * n), 0);
  T* to = y.data();
  Odometer at(batch, {BroadcastStrides(shape_a, batch), BroadcastStrides(shape_b, batch)});
  for (; !at.done(); at.Next(), to += m * n) {
    Multiply<T>(a, b, {at.offset(0) * m * k, k, 1}, {at.offset(1) * k * n, n, 1}, {m, k, n}, to);
  }
  return y;
}

Status EvaluateMatMul(const Node&, std::span<const Tensor* const> inputs,
                      std::span<Tensor> outputs) {
  const Shape& a = inputs[0]->shape();
  const Shape& b = inputs[1]->shape();
  if (IsFloat(inputs[0]->dtype())) {
    WriteDoubles(MatMulOf(ReadDoubles(*inputs[0]), ReadDoubles(*inputs[1]), a, b), outputs[0]);
    return {};
  }
  const auto unsigned_of = [](const Tensor& tensor) {  // so that sums wrap
    const std::vector<int64_t> values = ReadIntegers(tensor);
    return std::vector<uint64_t>(values.begin(), values.end());
  };
  const std::vector<uint64_t> y = MatMulOf(unsigned_of(*inputs[0]), unsigned_of(*inputs[1]), a, b);
  WriteIntegers(std::vector<int64_t>(y.begin(), y.end()), outputs[0]);
  return {};
}

Result<OutputTypes> InferGemm(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(CheckTypes(operands));
  KEDGE_TRY_STATUS(RequireRank(operands[0], 2, "A"));
  KEDGE_TRY_STATUS(RequireRank(operands[1], 2, "B"));
  const bool trans_a = IntAttribute(node, "transA", 0) != 0;
  const bool trans_b = IntAttribute(node, "transB", 0) != 0;
  const Shape& a = operands[0].shape;
  const Shape& b = operands[1].shape;
  if (a[trans_a ? 0 : 1] != b[trans_b ? 1 : 0]) return InnerSizesDiffer(a, b);
  Shape shape{a[trans_a ? 1 : 0], b[trans_b ? 0 : 1]};
  if (operands[2].present) {
    KEDGE_TRY(const Shape together, BroadcastShapes(shape, operands[2].shape));
    if (together != shape) {
      return InvalidArgument("input 'C' of shape " + ToString(operands[2].shape) +
                             " does not broadcast to " + ToString(shape));
    }
  }
  return OneOutput(operands[0].dtype, std::move(shape));
}

Status EvaluateGemm(const Node& node, std::span<const Tensor* const> inputs,
                    std::span<Tensor> outputs) {
  const bool trans_a = IntAttribute(node, "transA", 0) != 0;
  const bool trans_b = IntAttribute(node, "transB", 0) != 0;
  const double alpha = FloatAttribute(node, "alpha", 1);
  const double beta = FloatAttribute(node, "beta", 1);
  const Shape& a = inputs[0]->shape();
  const Shape& b = inputs[1]->shape();
  const Shape& shape = outputs[0].shape();
  const Matrix at_a = trans_a ? Matrix{0, 1, a[1]} : Matrix{0, a[1], 1};
  const Matrix at_b = trans_b ? Matrix{0, 1, b[1]} : Matrix{0, b[1], 1};
  std::vector<double> y(static_cast<size_t>(shape.elements()), 0);
  Multiply(ReadDoubles(*inputs[0]), ReadDoubles(*inputs[1]), at_a, at_b,
           {shape[0], a[trans_a ? 0 : 1], shape[1]}, y.data());
  for (double& value : y) value *= alpha;
  if (inputs[2] != nullptr) {
    const std::vector<double> c = ReadDoubles(*inputs[2]);
    size_t i = 0;
    for (Odometer at(shape, {BroadcastStrides(inputs[2]->shape(), shape)}); !at.done(); at.Next())
      y[i++] += beta * c[static_cast<size_t>(at.offset(0))];
  }
  WriteDoubles(y, outputs[0]);
  return {};
}

}  // namespace

OpSchema MatMulSchema(std::string_view) {
  return {.family = Family::kMatMul,
          .inputs_min = 2,
          .inputs_max = 2,
          .takes_epilogue = true,
          .infer = InferMatMul,
          .evaluate = EvaluateMatMul};
}

OpSchema GemmSchema(std::string_view) {
  return {.family = Family::kMatMul,
          .inputs_min = 2,
          .inputs_max = 3,
          .attributes = {{"alpha", AttributeKind::kFloat},
                         {"beta", AttributeKind::kFloat},
                         {"transA", AttributeKind::kInt},
                         {"transB", AttributeKind::kInt}},
          .takes_epilogue = true,
          .infer = InferGemm,
          .evaluate = EvaluateGemm};
}

}  // namespace kedge::compiler
