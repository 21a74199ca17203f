// Two operands, broadcast as NumPy does: result[i] = f(a[i], b[i]).
//
//   Both have one type, but Pow (the result has the base's) and PRelu (slope broadcasts to X only).
//   Comparisons and And, Or, Xor give bool. Integers wrap; x / 0 and x mod 0 are 0 for integers.
//   Attributes: fmod int 0 (Mod: 1 takes the dividend's sign, needed for floats), direction string
//   "LEFT" or "RIGHT" (BitShift, required; unsigned only).
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"

namespace kedge::compiler {
namespace {

using OnDouble = double (*)(double, double);
using OnInteger = int64_t (*)(int64_t, int64_t);
using OnUnsigned = uint64_t (*)(uint64_t, uint64_t);

struct BinaryOp {
  std::string_view name;
  OnDouble on_double;    // null if floats are refused
  OnInteger on_integer;  // null if integers are refused
  OnUnsigned on_u64;     // where u64 differs from i64; else null
  bool gives_bool = false;
  bool takes_bool = false;
  bool only_bool = false;
};

int64_t DivideIntegers(int64_t a, int64_t b) {
  if (b == 0) return 0;
  return b == -1 ? static_cast<int64_t>(0 - static_cast<uint64_t>(a)) : a / b;
}
// The result takes the divisor's sign, as Python's %.
int64_t ModuloIntegers(int64_t a, int64_t b) {
  if (b == 0 || b == -1) return 0;
  const int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
int64_t RemainderIntegers(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
int64_t PowerIntegers(int64_t base, int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  uint64_t result = 1;
  for (auto square = static_cast<uint64_t>(base); exponent > 0; exponent >>= 1, square *= square) {
    if ((exponent & 1) != 0) result *= square;
  }
  return static_cast<int64_t>(result);
}

#define F(expression) [](double a, double b) -> double { return (expression); }
#define I(expression) [](int64_t a, int64_t b) -> int64_t { return (void)b, (expression); }
#define U(expression) [](uint64_t a, uint64_t b) -> uint64_t { return (void)b, (expression); }
#define WRAP(operation) \
  I(static_cast<int64_t>(static_cast<uint64_t>(a) operation static_cast<uint64_t>(b)))
constexpr BinaryOp kOps[] = {
    {"Add", F(a + b), WRAP(+), nullptr},
    {"And", nullptr, I(a&& b), nullptr, true, true, true},
    {"BitShift", nullptr, I(a), nullptr},  // by direction: see Evaluate
    {"BitwiseAnd", nullptr, I(a& b), nullptr},
    {"BitwiseOr", nullptr, I(a | b), nullptr},
    {"BitwiseXor", nullptr, I(a ^ b), nullptr},
    {"Div", F(a / b), DivideIntegers, U(b == 0 ? 0 : a / b)},
    {"Equal", F(a == b), I(a == b), nullptr, true, true},
    {"Greater", F(a > b), I(a > b), U(a > b), true},
    {"GreaterOrEqual", F(a >= b), I(a >= b), U(a >= b), true},
    {"Less", F(a < b), I(a < b), U(a < b), true},
    {"LessOrEqual", F(a <= b), I(a <= b), U(a <= b), true},
    {"Mod", F(std::fmod(a, b)), ModuloIntegers, U(b == 0 ? 0 : a % b)},
    {"Mul", F(a* b), WRAP(*), nullptr},
    {"Or", nullptr, I(a || b), nullptr, true, true, true},
    {"PRelu", F(a < 0 ? a * b : a), I(a < 0 ? a * b : a), U(a)},
    {"Pow", F(std::pow(a, b)), PowerIntegers, nullptr},
    {"Sub", F(a - b), WRAP(-), nullptr},
    {"Xor", nullptr, I((a != 0) != (b != 0)), nullptr, true, true, true},
};
#undef F
#undef I
#undef U
#undef WRAP

const BinaryOp& Find(std::string_view name) {
  const auto found = std::find_if(std::begin(kOps), std::end(kOps),
                                  [name](const BinaryOp& op) { return op.name == name; });
  KEDGE_CHECK(found != std::end(kOps));
  return *found;
}

bool IsUnsigned(DType dtype) {
  return dtype == DType::kU8 || dtype == DType::kU16 || dtype == DType::kU32 ||
         dtype == DType::kU64;
}

Status CheckTypes(const Node& node, const BinaryOp& op, std::span<const Operand> operands) {
  if (node.op != "Pow") KEDGE_TRY_STATUS(RequireSameType(operands[0], operands[1]));
  for (const Operand& operand : operands) {
    const bool fits = IsFloat(operand.dtype)          ? op.on_double != nullptr
                      : operand.dtype == DType::kBool ? op.takes_bool
                                                      : !op.only_bool && op.on_integer != nullptr;
    if (!fits) return InvalidArgument("it does not take " + std::string(DTypeName(operand.dtype)));
  }
  return {};
}

Result<OutputTypes> Infer(const Node& node, std::span<const Operand> operands) {
  const BinaryOp& op = Find(node.op);
  KEDGE_TRY_STATUS(CheckTypes(node, op, operands));
  KEDGE_TRY(Shape shape, BroadcastShapes(operands[0].shape, operands[1].shape));
  if (node.op == "PRelu" && shape != operands[0].shape) {
    return InvalidArgument("slope " + ToString(operands[1].shape) + " does not broadcast to " +
                           ToString(operands[0].shape));
  }
  if (node.op == "Mod" && IsFloat(operands[0].dtype) && IntAttribute(node, "fmod", 0) == 0)
    return InvalidArgument("attribute 'fmod' must be 1 for floats");
  if (node.op == "BitShift") {
    if (!IsUnsigned(operands[0].dtype)) {
      return InvalidArgument("it does not take " + std::string(DTypeName(operands[0].dtype)));
    }
    const std::string direction = StringAttribute(node, "direction", "");
    if (direction != "LEFT" && direction != "RIGHT")
      return InvalidArgument("attribute 'direction' is '" + direction + "'");
  }
  return OneOutput(op.gives_bool ? DType::kBool : operands[0].dtype, std::move(shape));
}

template <class T, class Function>
std::vector<T> Combine(const std::vector<T>& a, const std::vector<T>& b, Odometer at,
                       Function function) {
  std::vector<T> result;
  for (; !at.done(); at.Next()) {
    result.push_back(
        function(a[static_cast<size_t>(at.offset(0))], b[static_cast<size_t>(at.offset(1))]));
  }
  return result;
}

OnInteger IntegerFunction(const Node& node, const BinaryOp& op) {
  if (node.op == "Mod" && IntAttribute(node, "fmod", 0) != 0) return RemainderIntegers;
  if (node.op != "BitShift") return op.on_integer;
  if (StringAttribute(node, "direction", "") == "LEFT") {
    return [](int64_t a, int64_t b) -> int64_t {
      return b < 0 || b > 63 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(a) << b);
    };
  }
  return [](int64_t a, int64_t b) -> int64_t {
    return b < 0 || b > 63 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(a) >> b);
  };
}

Status Evaluate(const Node& node, std::span<const Tensor* const> inputs,
                std::span<Tensor> outputs) {
  const BinaryOp& op = Find(node.op);
  const Tensor& a = *inputs[0];
  const Tensor& b = *inputs[1];
  const Shape shape = BroadcastShapes(a.shape(), b.shape()).value();
  Odometer at(shape, {BroadcastStrides(a.shape(), shape), BroadcastStrides(b.shape(), shape)});
  if (IsFloat(a.dtype()) || IsFloat(b.dtype())) {
    WriteDoubles(Combine(ReadDoubles(a), ReadDoubles(b), std::move(at), op.on_double), outputs[0]);
    return {};
  }
  const std::vector<int64_t> left = ReadIntegers(a);
  const std::vector<int64_t> right = ReadIntegers(b);
  if (a.dtype() == DType::kU64 && op.on_u64 != nullptr) {
    const auto on_u64 = [&op](int64_t x, int64_t y) {
      return static_cast<int64_t>(op.on_u64(static_cast<uint64_t>(x), static_cast<uint64_t>(y)));
    };
    WriteIntegers(Combine(left, right, std::move(at), on_u64), outputs[0]);
    return {};
  }
  WriteIntegers(Combine(left, right, std::move(at), IntegerFunction(node, op)), outputs[0]);
  return {};
}

}  // namespace

OpSchema BinarySchema(std::string_view name) {
  OpSchema schema{.family = Family::kEltwise,
                  .inputs_min = 2,
                  .inputs_max = 2,
                  .infer = Infer,
                  .evaluate = Evaluate};
  if (name == "Mod") schema.attributes = {{"fmod", AttributeKind::kInt}};
  if (name == "BitShift") schema.attributes = {{"direction", AttributeKind::kString, true}};
  return schema;
}

}  // namespace kedge::compiler
