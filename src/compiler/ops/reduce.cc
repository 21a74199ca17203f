// Reductions along axes.
//
//   Reduce*(data, axes?)   axes: i64 input; absent or empty means all, or none at all if
//                          noop_with_empty_axes is 1. Attributes: keepdims int 1,
//                          noop_with_empty_axes int 0. The result has data's type.
//   ArgMax, ArgMin(data)   attributes axis int 0, keepdims int 1, select_last_index int 0; i64
//   CumSum(x, axis)        axis: i64 or i32 scalar input; attributes exclusive int 0, reverse int 0
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"

namespace kedge::compiler {
namespace {

// Which dimensions of `data` are reduced.
std::vector<bool> ReducedDimensions(const Node& node, const std::vector<int64_t>& axes,
                                    size_t rank) {
  const bool all = axes.empty() && IntAttribute(node, "noop_with_empty_axes", 0) == 0;
  std::vector<bool> reduced(rank, all);
  for (int64_t axis : axes) reduced[static_cast<size_t>(axis)] = true;
  return reduced;
}

Result<OutputTypes> InferReduce(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY(auto axes, AxesOperand(operands));
  const Operand& data = operands[0];
  if (!axes.has_value()) return OneUnknown(data.dtype);
  KEDGE_TRY(const std::vector<int64_t> resolved, ResolveAxes(*axes, data.shape.rank()));
  const std::vector<bool> reduced = ReducedDimensions(node, resolved, data.shape.rank());
  const bool keep = IntAttribute(node, "keepdims", 1) != 0;
  Shape shape;
  for (size_t i = 0; i < data.shape.rank(); ++i) {
    if (!reduced[i]) shape.dims.push_back(data.shape[i]);
    if (reduced[i] && keep) shape.dims.push_back(1);
  }
  return OneOutput(data.dtype, std::move(shape));
}

struct Reducer {
  double start;
  double (*add)(double sum, double x);
  double (*finish)(double sum, double count);
};

double Same(double sum, double) { return sum; }

Reducer FindReducer(std::string_view op) {
  const auto add = [](double sum, double x) { return sum + x; };
  if (op == "ReduceL1") return {0, [](double sum, double x) { return sum + std::abs(x); }, Same};
  if (op == "ReduceL2")
    return {0, [](double sum, double x) { return sum + x * x; },
            [](double sum, double) { return std::sqrt(sum); }};
  if (op == "ReduceLogSum") return {0, add, [](double sum, double) { return std::log(sum); }};
  if (op == "ReduceMax")
    return {-INFINITY, [](double sum, double x) { return sum > x || std::isnan(sum) ? sum : x; },
            Same};
  if (op == "ReduceMean") return {0, add, [](double sum, double count) { return sum / count; }};
  if (op == "ReduceMin")
    return {INFINITY, [](double sum, double x) { return sum < x || std::isnan(sum) ? sum : x; },
            Same};
  if (op == "ReduceProd") return {1, [](double sum, double x) { return sum * x; }, Same};
  if (op == "ReduceSumSquare") return {0, [](double sum, double x) { return sum + x * x; }, Same};
  return {0, add, Same};
}

int64_t AddInteger(std::string_view op, int64_t sum, int64_t x) {
  const auto a = static_cast<uint64_t>(sum);
  const auto b = static_cast<uint64_t>(x);
  if (op == "ReduceMax") return sum > x ? sum : x;
  if (op == "ReduceMin") return sum < x ? sum : x;
  if (op == "ReduceProd") return static_cast<int64_t>(a * b);
  if (op == "ReduceSumSquare") return static_cast<int64_t>(a + b * b);
  if (op == "ReduceL1") return static_cast<int64_t>(a + (x < 0 ? 0 - b : b));
  return static_cast<int64_t>(a + b);
}

int64_t StartInteger(std::string_view op) {
  if (op == "ReduceMax") return std::numeric_limits<int64_t>::min();
  if (op == "ReduceMin") return std::numeric_limits<int64_t>::max();
  return op == "ReduceProd" ? 1 : 0;
}

bool ReducesExactly(const Node& node, DType dtype) {
  return !IsFloat(dtype) && node.op != "ReduceMean" && node.op != "ReduceL2" &&
         node.op != "ReduceLogSum" && node.op != "ReduceLogSumExp";
}

// Strides into the result for an index of the data: 0 along what is reduced.
std::vector<int64_t> ResultStrides(const Shape& shape, const std::vector<bool>& reduced) {
  std::vector<int64_t> strides(shape.rank(), 0);
  int64_t stride = 1;
  for (size_t i = shape.rank(); i-- > 0;) {
    if (reduced[i]) continue;
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

void ReduceDoubles(const Node& node, const Tensor& data, const std::vector<int64_t>& strides,
                   Tensor& output) {
  const Reducer reducer = FindReducer(node.op);
  std::vector<double> values = ReadDoubles(data);
  std::vector<double> sums(static_cast<size_t>(output.elements()), reducer.start);
  const bool log_sum_exp = node.op == "ReduceLogSumExp";
  std::vector<double> largest(log_sum_exp ? sums.size() : 0, -INFINITY);
  if (log_sum_exp) {  // subtract each row's largest value, so that exp does not overflow
    size_t i = 0;
    for (Odometer at(data.shape(), {strides}); !at.done(); at.Next(), ++i) {
      double& top = largest[static_cast<size_t>(at.offset(0))];
      top = std::max(top, values[i]);
    }
  }
  size_t i = 0;
  for (Odometer at(data.shape(), {strides}); !at.done(); at.Next(), ++i) {
    const auto to = static_cast<size_t>(at.offset(0));
    const double shift = log_sum_exp && std::isfinite(largest[to]) ? largest[to] : 0;
    sums[to] = reducer.add(sums[to], log_sum_exp ? std::exp(values[i] - shift) : values[i]);
  }
  const double count = sums.empty() ? 1 : static_cast<double>(values.size() / sums.size());
  for (size_t k = 0; k < sums.size(); ++k) {
    sums[k] = reducer.finish(sums[k], count);
    if (log_sum_exp) sums[k] = std::log(sums[k]) + (std::isfinite(largest[k]) ? largest[k] : 0);
  }
  WriteDoubles(sums, output);
}

Status EvaluateReduce(const Node& node, std::span<const Tensor* const> inputs,
                      std::span<Tensor> outputs) {
  const Tensor& data = *inputs[0];
  std::vector<int64_t> axes;
  if (inputs[1] != nullptr)
    axes = ResolveAxes(ReadIntegers(*inputs[1]), data.shape().rank()).value();
  const auto strides =
      ResultStrides(data.shape(), ReducedDimensions(node, axes, data.shape().rank()));
  if (!ReducesExactly(node, data.dtype())) {
    ReduceDoubles(node, data, strides, outputs[0]);
    return {};
  }
  const std::vector<int64_t> values = ReadIntegers(data);
  std::vector<int64_t> sums(static_cast<size_t>(outputs[0].elements()), StartInteger(node.op));
  size_t i = 0;
  for (Odometer at(data.shape(), {strides}); !at.done(); at.Next(), ++i) {
    int64_t& sum = sums[static_cast<size_t>(at.offset(0))];
    sum = AddInteger(node.op, sum, values[i]);
  }
  WriteIntegers(sums, outputs[0]);
  return {};
}

Result<OutputTypes> InferArg(const Node& node, std::span<const Operand> operands) {
  Shape shape = operands[0].shape;
  KEDGE_TRY(const int64_t axis, ResolveAxis(IntAttribute(node, "axis", 0), shape.rank()));
  if (shape[static_cast<size_t>(axis)] == 0) return InvalidArgument("the axis is empty");
  if (IntAttribute(node, "keepdims", 1) != 0) {
    shape.dims[static_cast<size_t>(axis)] = 1;
  } else {
    shape.dims.erase(shape.dims.begin() + axis);
  }
  return OneOutput(DType::kI64, std::move(shape));
}

Status EvaluateArg(const Node& node, std::span<const Tensor* const> inputs,
                   std::span<Tensor> outputs) {
  const Tensor& data = *inputs[0];
  const AxisView view(data.shape(),
                      ResolveAxis(IntAttribute(node, "axis", 0), data.shape().rank()).value());
  const bool last = IntAttribute(node, "select_last_index", 0) != 0;
  const bool largest = node.op == "ArgMax";
  const std::vector<double> values = ReadDoubles(data);
  const auto result = outputs[0].As<int64_t>();
  for (int64_t outer = 0; outer < view.outer; ++outer) {
    for (int64_t inner = 0; inner < view.inner; ++inner) {
      const int64_t start = outer * view.length * view.inner + inner;
      int64_t best = 0;
      for (int64_t i = 1; i < view.length; ++i) {
        const double x = values[static_cast<size_t>(start + i * view.inner)];
        const double y = values[static_cast<size_t>(start + best * view.inner)];
        if ((largest ? x > y : x < y) || (last && x == y)) best = i;
      }
      result[static_cast<size_t>(outer * view.inner + inner)] = best;
    }
  }
  return {};
}

Result<OutputTypes> InferCumSum(const Node&, std::span<const Operand> operands) {
  if (operands[1].shape.elements() != 1 || IsFloat(operands[1].dtype))
    return InvalidArgument("input 'axis' needs to be one integer");
  if (operands[1].constant != nullptr) {
    KEDGE_TRY_STATUS(ResolveAxis(ReadIntegers(*operands[1].constant)[0], operands[0].shape.rank()));
  }
  if (operands[0].dtype == DType::kBool) return InvalidArgument("it does not take bool");
  return OneOutput(operands[0].dtype, operands[0].shape);
}

template <class T>
std::vector<T> SumAlong(const std::vector<T>& values, const AxisView& view, bool exclusive,
                        bool reverse) {
  std::vector<T> result(values.size());
  for (int64_t line = 0; line < view.outer * view.inner; ++line) {
    const int64_t start = line / view.inner * view.length * view.inner + line % view.inner;
    T sum = 0;
    for (int64_t k = 0; k < view.length; ++k) {
      const auto at = static_cast<size_t>(start + (reverse ? view.length - 1 - k : k) * view.inner);
      const T before = sum;
      if constexpr (std::is_same_v<T, int64_t>) {
        sum = static_cast<int64_t>(static_cast<uint64_t>(sum) + static_cast<uint64_t>(values[at]));
      } else {
        sum += values[at];
      }
      result[at] = exclusive ? before : sum;
    }
  }
  return result;
}

Status EvaluateCumSum(const Node& node, std::span<const Tensor* const> inputs,
                      std::span<Tensor> outputs) {
  KEDGE_TRY(const int64_t axis,
            ResolveAxis(ReadIntegers(*inputs[1])[0], inputs[0]->shape().rank()));
  const AxisView view(inputs[0]->shape(), axis);
  const bool exclusive = IntAttribute(node, "exclusive", 0) != 0;
  const bool reverse = IntAttribute(node, "reverse", 0) != 0;
  if (IsFloat(inputs[0]->dtype())) {
    WriteDoubles(SumAlong(ReadDoubles(*inputs[0]), view, exclusive, reverse), outputs[0]);
  } else {
    WriteIntegers(SumAlong(ReadIntegers(*inputs[0]), view, exclusive, reverse), outputs[0]);
  }
  return {};
}

}  // namespace

OpSchema ReduceSchema(std::string_view) {
  return {.family = Family::kReduce,
          .inputs_min = 1,
          .inputs_max = 2,
          .attributes = {{"keepdims", AttributeKind::kInt},
                         {"noop_with_empty_axes", AttributeKind::kInt}},
          .infer = InferReduce,
          .evaluate = EvaluateReduce};
}

OpSchema ArgSchema(std::string_view) {
  return {.family = Family::kReduce,
          .attributes = {{"axis", AttributeKind::kInt},
                         {"keepdims", AttributeKind::kInt},
                         {"select_last_index", AttributeKind::kInt}},
          .infer = InferArg,
          .evaluate = EvaluateArg};
}

OpSchema CumSumSchema(std::string_view) {
  return {.family = Family::kReduce,
          .inputs_min = 2,
          .inputs_max = 2,
          .attributes = {{"exclusive", AttributeKind::kInt}, {"reverse", AttributeKind::kInt}},
          .infer = InferCumSum,
          .evaluate = EvaluateCumSum};
}

}  // namespace kedge::compiler
