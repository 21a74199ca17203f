// One operand, one result of its shape: result[i] = f(x[i]).
//
//   X of any shape; the result has X's type, but bool for IsInf, IsNaN, Not.
//   Floats only, but: Abs, Neg, Sign, Relu also integers; Not bool; BitwiseNot integers.
//   Attributes with ONNX's defaults: alpha (Celu 1, Elu 1, HardSigmoid 0.2, LeakyRelu 0.01,
//   Selu 1.67326, ThresholdedRelu 1), beta (HardSigmoid 0.5), gamma (Selu 1.0507), lambd 0.5 and
//   bias 0 (Shrink), approximate "none" or "tanh" (Gelu), detect_negative 1 and detect_positive 1
//   (IsInf).
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numbers>

#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"

namespace kedge::compiler {
namespace {

struct Parameters {
  double alpha = 0;
  double beta = 0;
  bool flag = false;        // Gelu: tanh form; IsInf: detect negative
  bool other_flag = false;  // IsInf: detect positive
};

enum class Accepts : uint8_t { kFloat, kNumber, kInteger, kBool };

struct UnaryOp {
  std::string_view name;
  Accepts accepts;
  double (*on_double)(double, const Parameters&);
  int64_t (*on_integer)(int64_t) = nullptr;
  float alpha = 0;  // defaults
  float beta = 0;
  std::string_view alpha_name = "alpha";
  std::string_view beta_name = "beta";
  int parameters = 0;
  bool gives_bool = false;
};

double Gelu(double x, const Parameters& p) {
  if (!p.flag) return 0.5 * x * (1 + std::erf(x * std::numbers::sqrt2 / 2));
  const double inner = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1 + std::tanh(inner));
}
double Softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }
double Shrink(double x, const Parameters& p) {
  return x < -p.alpha ? x + p.beta : x > p.alpha ? x - p.beta : 0;
}
double IsInf(double x, const Parameters& p) {
  return std::isinf(x) && (x < 0 ? p.flag : p.other_flag);
}
int64_t Negate(int64_t x) { return static_cast<int64_t>(0 - static_cast<uint64_t>(x)); }

#define F(expression) [](double x, const Parameters& p) -> double { return (void)p, (expression); }
#define I(expression) [](int64_t x) -> int64_t { return (expression); }
constexpr UnaryOp kOps[] = {
    {"Abs", Accepts::kNumber, F(std::abs(x)), I(x < 0 ? Negate(x) : x)},
    {"Acos", Accepts::kFloat, F(std::acos(x))},
    {"Acosh", Accepts::kFloat, F(std::acosh(x))},
    {"Asin", Accepts::kFloat, F(std::asin(x))},
    {"Asinh", Accepts::kFloat, F(std::asinh(x))},
    {"Atan", Accepts::kFloat, F(std::atan(x))},
    {"Atanh", Accepts::kFloat, F(std::atanh(x))},
    {"BitwiseNot", Accepts::kInteger, nullptr, I(~x)},
    {"Ceil", Accepts::kFloat, F(std::ceil(x))},
    {.name = "Celu",
     .accepts = Accepts::kFloat,
     .on_double = F(x < 0 ? p.alpha * std::expm1(x / p.alpha) : x),
     .alpha = 1,
     .parameters = 1},
    {"Cos", Accepts::kFloat, F(std::cos(x))},
    {"Cosh", Accepts::kFloat, F(std::cosh(x))},
    {.name = "Elu",
     .accepts = Accepts::kFloat,
     .on_double = F(x < 0 ? p.alpha * std::expm1(x) : x),
     .alpha = 1,
     .parameters = 1},
    {"Erf", Accepts::kFloat, F(std::erf(x))},
    {"Exp", Accepts::kFloat, F(std::exp(x))},
    {"Floor", Accepts::kFloat, F(std::floor(x))},
    {"Gelu", Accepts::kFloat, Gelu},
    {.name = "HardSigmoid",
     .accepts = Accepts::kFloat,
     .on_double = F(std::max(0.0, std::min(1.0, p.alpha* x + p.beta))),
     .alpha = 0.2f,
     .beta = 0.5f,
     .parameters = 2},
    {"HardSwish", Accepts::kFloat, F(x* std::max(0.0, std::min(1.0, x / 6 + 0.5)))},
    {.name = "IsInf", .accepts = Accepts::kFloat, .on_double = IsInf, .gives_bool = true},
    {.name = "IsNaN",
     .accepts = Accepts::kFloat,
     .on_double = F(std::isnan(x)),
     .gives_bool = true},
    {.name = "LeakyRelu",
     .accepts = Accepts::kFloat,
     .on_double = F(x < 0 ? p.alpha * x : x),
     .alpha = 0.01f,
     .parameters = 1},
    {"Log", Accepts::kFloat, F(std::log(x))},
    {"Mish", Accepts::kFloat, F(x* std::tanh(Softplus(x)))},
    {"Neg", Accepts::kNumber, F(-x), I(Negate(x))},
    {"Not", Accepts::kBool, nullptr, I(x == 0)},
    {"Reciprocal", Accepts::kFloat, F(1 / x)},
    {"Relu", Accepts::kNumber, F(x < 0 ? 0 : x), I(x < 0 ? 0 : x)},
    {"Round", Accepts::kFloat, F(std::nearbyint(x))},
    {.name = "Selu",
     .accepts = Accepts::kFloat,
     .on_double = F(p.beta * (x < 0 ? p.alpha * std::expm1(x) : x)),
     .alpha = 1.67326319217681884765625f,
     .beta = 1.05070102214813232421875f,
     .beta_name = "gamma",
     .parameters = 2},
    {.name = "Shrink",
     .accepts = Accepts::kNumber,
     .on_double = Shrink,
     .alpha = 0.5f,
     .beta = 0,
     .alpha_name = "lambd",
     .beta_name = "bias",
     .parameters = 2},
    {"Sigmoid", Accepts::kFloat, F(1 / (1 + std::exp(-x)))},
    {"Sign", Accepts::kNumber, F(std::isnan(x) ? x : (x > 0) - (x < 0)), I((x > 0) - (x < 0))},
    {"Sin", Accepts::kFloat, F(std::sin(x))},
    {"Sinh", Accepts::kFloat, F(std::sinh(x))},
    {"Softplus", Accepts::kFloat, F(Softplus(x))},
    {"Softsign", Accepts::kFloat, F(x / (1 + std::abs(x)))},
    {"Sqrt", Accepts::kFloat, F(std::sqrt(x))},
    {"Tan", Accepts::kFloat, F(std::tan(x))},
    {"Tanh", Accepts::kFloat, F(std::tanh(x))},
    {.name = "ThresholdedRelu",
     .accepts = Accepts::kFloat,
     .on_double = F(x > p.alpha ? x : 0),
     .alpha = 1,
     .parameters = 1},
};
#undef F
#undef I

const UnaryOp& Find(std::string_view name) {
  const auto found = std::find_if(std::begin(kOps), std::end(kOps),
                                  [name](const UnaryOp& op) { return op.name == name; });
  KEDGE_CHECK(found != std::end(kOps));
  return *found;
}

Result<OutputTypes> Infer(const Node& node, std::span<const Operand> operands) {
  const UnaryOp& op = Find(node.op);
  const DType dtype = operands[0].dtype;
  const bool fits = op.accepts == Accepts::kBool      ? dtype == DType::kBool
                    : op.accepts == Accepts::kFloat   ? IsFloat(dtype)
                    : op.accepts == Accepts::kInteger ? !IsFloat(dtype) && dtype != DType::kBool
                                                      : dtype != DType::kBool;
  if (!fits) return InvalidArgument("it does not take " + std::string(DTypeName(dtype)));
  const std::string approximate = StringAttribute(node, "approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    return InvalidArgument("attribute 'approximate' is '" + approximate + "'");
  return OneOutput(op.gives_bool ? DType::kBool : dtype, operands[0].shape);
}

Status Evaluate(const Node& node, std::span<const Tensor* const> inputs,
                std::span<Tensor> outputs) {
  const UnaryOp& op = Find(node.op);
  if (op.on_integer != nullptr && !IsFloat(inputs[0]->dtype())) {
    std::vector<int64_t> values = ReadIntegers(*inputs[0]);
    // The absolute value and the sign of a u64 above 2^63 do not see it as negative.
    const bool is_u64 = inputs[0]->dtype() == DType::kU64;
    for (int64_t& value : values) {
      if (is_u64 && value < 0 && node.op != "BitwiseNot" && node.op != "Neg")
        value = node.op == "Sign" ? 1 : value;
      else
        value = op.on_integer(value);
    }
    WriteIntegers(values, outputs[0]);
    return {};
  }
  Parameters parameters{
      .alpha = FloatAttribute(node, std::string(op.alpha_name), op.alpha),
      .beta = FloatAttribute(node, std::string(op.beta_name), op.beta),
      .flag = node.op == "Gelu" ? StringAttribute(node, "approximate", "none") == "tanh"
                                : IntAttribute(node, "detect_negative", 1) != 0,
      .other_flag = IntAttribute(node, "detect_positive", 1) != 0,
  };
  std::vector<double> values = ReadDoubles(*inputs[0]);
  for (double& value : values) value = op.on_double(value, parameters);
  WriteDoubles(values, outputs[0]);
  return {};
}

}  // namespace

OpSchema UnarySchema(std::string_view name) {
  const UnaryOp& op = Find(name);
  OpSchema schema{.family = Family::kEltwise, .infer = Infer, .evaluate = Evaluate};
  if (op.parameters >= 1) schema.attributes.push_back({op.alpha_name, AttributeKind::kFloat});
  if (op.parameters >= 2) schema.attributes.push_back({op.beta_name, AttributeKind::kFloat});
  if (name == "Gelu") schema.attributes.push_back({"approximate", AttributeKind::kString});
  if (name == "IsInf") {
    schema.attributes.push_back({"detect_negative", AttributeKind::kInt});
    schema.attributes.push_back({"detect_positive", AttributeKind::kInt});
  }
  return schema;
}

}  // namespace kedge::compiler
