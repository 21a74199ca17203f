// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/expression.h"

#include <algorithm>
#include <array>

#include "compiler/codegen/lowering.h"
#include "compiler/codegen/source.h"

namespace kedge::compiler {
namespace {

// One operator's pattern: $0, $1 ... are the operands, $T the type of operand 0's arithmetic,
// $alpha and so on float attributes with the default given here.
struct Default {
  std::string_view name;
  float value;
};
struct Pattern {
  std::string_view op;
  std::string_view text;
  std::array<Default, 2> defaults = {};
};

constexpr Pattern kPatterns[] = {
    {"Abs", "Abs($0)"},
    {"Acos", "Acos($0)"},
    {"Acosh", "Acosh($0)"},
    {"Add", "$0 + $1"},
    {"And", "static_cast<bool>($0 & $1)"},
    {"Asin", "Asin($0)"},
    {"Asinh", "Asinh($0)"},
    {"Atan", "Atan($0)"},
    {"Atanh", "Atanh($0)"},
    {"BitwiseAnd", "$0 & $1"},
    {"BitwiseNot", "~$0"},
    {"BitwiseOr", "$0 | $1"},
    {"BitwiseXor", "$0 ^ $1"},
    {"Ceil", "Ceil($0)"},
    {"Celu", "$0 < 0 ? $alpha * Expm1($0 / $alpha) : $0", {{{"alpha", 1.0f}}}},
    {"Cos", "Cos($0)"},
    {"Cosh", "Cosh($0)"},
    {"Elu", "$0 < 0 ? $alpha * Expm1($0) : $0", {{{"alpha", 1.0f}}}},
    {"Equal", "$0 == $1"},
    {"Erf", "Erf($0)"},
    {"Exp", "Exp($0)"},
    {"Floor", "Floor($0)"},
    {"Greater", "$0 > $1"},
    {"GreaterOrEqual", "$0 >= $1"},
    {"HardSigmoid",
     "Max($T(0), Min($T(1), $alpha * $0 + $beta))",
     {{{"alpha", 0.2f}, {"beta", 0.5f}}}},
    {"HardSwish", "$0 * Max($T(0), Min($T(1), $0 * $T(1.0 / 6) + $T(0.5)))"},
    {"IsNaN", "$0 != $0"},
    {"LeakyRelu", "$0 < 0 ? $alpha * $0 : $0", {{{"alpha", 0.01f}}}},
    {"Less", "$0 < $1"},
    {"LessOrEqual", "$0 <= $1"},
    {"Log", "Log($0)"},
    {"Mish", "$0 * Tanh(Softplus($0))"},
    {"Mul", "$0 * $1"},
    {"Neg", "-$0"},
    {"Not", "!$0"},
    {"Or", "static_cast<bool>($0 | $1)"},
    {"PRelu", "$0 < 0 ? $1 * $0 : $0"},
    {"Reciprocal", "$T(1) / $0"},
    {"Relu", "Max($0, $T(0))"},
    {"Round", "Round($0)"},
    {"Selu",
     "$gamma * ($0 > 0 ? $0 : $alpha * Expm1($0))",
     {{{"alpha", 1.67326319217681884765625f}, {"gamma", 1.05070102214813232421875f}}}},
    {"Shrink",
     "$0 < -$lambd ? $0 + $bias : ($0 > $lambd ? $0 - $bias : $T(0))",
     {{{"lambd", 0.5f}, {"bias", 0.0f}}}},
    {"Sigmoid", "Sigmoid($0)"},
    {"Sign", "$0 != $0 ? $0 : static_cast<$T>(($0 > 0) - ($0 < 0))"},
    {"Sin", "Sin($0)"},
    {"Sinh", "Sinh($0)"},
    {"Softplus", "Softplus($0)"},
    {"Softsign", "$0 / ($T(1) + Abs($0))"},
    {"Sqrt", "Sqrt($0)"},
    {"Sub", "$0 - $1"},
    {"Tan", "Tan($0)"},
    {"Tanh", "Tanh($0)"},
    {"ThresholdedRelu", "$0 > $alpha ? $0 : $T(0)", {{{"alpha", 1.0f}}}},
    {"Where", "$0 ? $1 : $2"},
    {"Xor", "$0 != $1"},
};

// Operators whose expression depends on more than a pattern.
constexpr std::string_view kComposed[] = {"BatchNormalization",
                                          "BitShift",
                                          "Cast",
                                          "CastLike",
                                          "Clip",
                                          "Div",
                                          "Gelu",
                                          "IsInf",
                                          "Max",
                                          "Mean",
                                          "Min",
                                          "Mod",
                                          "Pow",
                                          "Sum"};

const Pattern* FindPattern(std::string_view op) {
  const auto* found = std::find_if(std::begin(kPatterns), std::end(kPatterns),
                                   [&](const Pattern& pattern) { return pattern.op == op; });
  return found == std::end(kPatterns) ? nullptr : found;
}

std::string Fill(const Pattern& pattern, const Node& node, const std::vector<Argument>& arguments) {
  const DType dtype = arguments[0].dtype;
  std::string out;
  std::string_view rest = pattern.text;
  while (!rest.empty()) {
    const size_t dollar = rest.find('$');
    out += rest.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    rest.remove_prefix(dollar + 1);
    if (rest[0] >= '0' && rest[0] <= '9') {
      out += arguments[static_cast<size_t>(rest[0] - '0')].text;
      rest.remove_prefix(1);
      continue;
    }
    if (rest[0] == 'T') {
      out += ComputeType(dtype);
      rest.remove_prefix(1);
      continue;
    }
    for (const Default& attribute : pattern.defaults) {
      if (attribute.name.empty() || !rest.starts_with(attribute.name)) continue;
      const float value = FloatAttribute(node, std::string(attribute.name), attribute.value);
      out += Literal(dtype, static_cast<double>(value));
      rest.remove_prefix(attribute.name.size());
    }
  }
  return out;
}

std::string PrintCast(const Argument& from, DType to) {
  const std::string_view type = ComputeType(to);
  if (to == DType::kBool) return Text(from.text, " != 0");
  if (IsFloat(from.dtype) && !IsFloat(to)) return Text("ToInteger<", type, ">(", from.text, ")");
  return Text("static_cast<", type, ">(", from.text, ")");
}

// Clip's bounds are optional; the order of the two is ONNX's: the upper bound wins.
std::string PrintClip(const std::vector<Argument>& arguments) {
  std::string out = arguments[0].text;
  if (arguments.size() > 1 && !arguments[1].text.empty()) {
    out = Text("Max(", out, ", ", arguments[1].text, ")");
  }
  if (arguments.size() > 2 && !arguments[2].text.empty()) {
    out = Text("Min(", out, ", ", arguments[2].text, ")");
  }
  return out;
}

std::string PrintFolded(const Node& node, const std::vector<Argument>& arguments) {
  std::string out = arguments[0].text;
  for (size_t i = 1; i < arguments.size(); ++i) {
    if (node.op == "Max" || node.op == "Min") {
      out = Text(node.op == "Max" ? "Max(" : "Min(", out, ", ", arguments[i].text, ")");
    } else {
      out = Text("(", out, " + ", arguments[i].text, ")");
    }
  }
  if (node.op != "Mean") return out;
  return Text(out, " / ", Literal(arguments[0].dtype, static_cast<double>(arguments.size())));
}

std::string PrintGelu(const Node& node, const Argument& x) {
  auto number = [&](double value) { return Literal(x.dtype, value); };
  if (StringAttribute(node, "approximate", "none") == "tanh") {
    return Text(number(0.5), " * ", x.text, " * (", number(1), " + Tanh(",
                number(0.7978845608028654), " * (", x.text, " + ", number(0.044715), " * ", x.text,
                " * ", x.text, " * ", x.text, ")))");
  }
  return Text(number(0.5), " * ", x.text, " * (", number(1), " + Erf(", x.text, " * ",
              number(0.7071067811865476), "))");
}

std::string PrintIsInf(const Node& node, const Argument& x) {
  const bool negative = IntAttribute(node, "detect_negative", 1) != 0;
  const bool positive = IntAttribute(node, "detect_positive", 1) != 0;
  const std::string infinity = x.dtype == DType::kF64 ? "__builtin_inf()" : "__builtin_inff()";
  if (negative && positive) return Text("Abs(", x.text, ") == ", infinity);
  if (negative) return Text(x.text, " == -", infinity);
  return positive ? Text(x.text, " == ", infinity) : "false";
}

// The usual constant exponents without a logarithm. An exponent that is one element is a parameter
// of the operator, as an attribute would be.
std::string PrintPow(const Node& node, const Graph& graph, const std::vector<Argument>& arguments) {
  const Argument &x = arguments[0], &y = arguments[1];
  const std::string_view type = ComputeType(x.dtype);
  if (graph.IsConstant(node.inputs[1]) && IsFloat(x.dtype)) {
    const Tensor& exponent = *graph.at(node.inputs[1]).constant;
    const double value = exponent.elements() == 1 ? ElementAsDouble(exponent, 0) : 0;
    if (value == 2) return Text(x.text, " * ", x.text);
    if (value == 3) return Text(x.text, " * ", x.text, " * ", x.text);
    if (value == 1) return x.text;
    if (value == -1) return Text(type, "(1) / ", x.text);
  }
  if (IsFloat(x.dtype)) return Text("Pow(", x.text, ", static_cast<", type, ">(", y.text, "))");
  if (!IsFloat(y.dtype)) return Text("PowInt(", x.text, ", static_cast<int64_t>(", y.text, "))");
  return Text("PowMixed(", x.text, ", static_cast<double>(", y.text, "))");
}

std::string PrintMod(const Node& node, const std::vector<Argument>& arguments) {
  const bool of_dividend = IntAttribute(node, "fmod", 0) != 0;
  const std::string pair = Text(arguments[0].text, ", ", arguments[1].text);
  if (IsFloat(arguments[0].dtype)) return Text("ModFloat(", pair, ")");
  return Text("ModInt(", pair, of_dividend ? ", true)" : ", false)");
}

std::string PrintShift(const Node& node, const std::vector<Argument>& arguments) {
  const int64_t bits = static_cast<int64_t>(DTypeSize(arguments[0].dtype)) * 8;
  const std::string_view shift =
      StringAttribute(node, "direction", "LEFT") == "RIGHT" ? " >> " : " << ";
  return Text(arguments[1].text, " < ", bits, " ? ", arguments[0].text, shift, arguments[1].text,
              " : 0");
}

std::string PrintBatchNormalization(const Node& node, const std::vector<Argument>& a) {
  const double epsilon = static_cast<double>(FloatAttribute(node, "epsilon", 1e-5f));
  return Text("(", a[0].text, " - ", a[3].text, ") * (", a[1].text, " / Sqrt(", a[4].text, " + ",
              Literal(a[4].dtype, epsilon), ")) + ", a[2].text);
}

std::string PrintComposed(const Node& node, const Graph& graph,
                          const std::vector<Argument>& arguments, DType result) {
  if (node.op == "Cast" || node.op == "CastLike") return PrintCast(arguments[0], result);
  if (node.op == "Clip") return PrintClip(arguments);
  if (node.op == "Gelu") return PrintGelu(node, arguments[0]);
  if (node.op == "IsInf") return PrintIsInf(node, arguments[0]);
  if (node.op == "Pow") return PrintPow(node, graph, arguments);
  if (node.op == "Mod") return PrintMod(node, arguments);
  if (node.op == "BitShift") return PrintShift(node, arguments);
  if (node.op == "BatchNormalization") return PrintBatchNormalization(node, arguments);
  if (node.op == "Div") {
    const std::string pair = Text(arguments[0].text, ", ", arguments[1].text);
    return IsFloat(arguments[0].dtype) ? Text(arguments[0].text, " / ", arguments[1].text)
                                       : Text("DivInt(", pair, ")");
  }
  return PrintFolded(node, arguments);
}

}  // namespace

bool IsEltwise(const Node& node) {
  return FindPattern(node.op) != nullptr ||
         std::find(std::begin(kComposed), std::end(kComposed), node.op) != std::end(kComposed);
}

Result<std::string> PrintExpression(const Node& node, const Graph& graph,
                                    const std::vector<Argument>& arguments, DType result) {
  if (!IsEltwise(node)) return Unimplemented(Describe(node) + " has no elementwise form");
  KEDGE_CHECK(!arguments.empty());
  if (const Pattern* pattern = FindPattern(node.op)) return Fill(*pattern, node, arguments);
  return PrintComposed(node, graph, arguments, result);
}

std::string PrintActivation(const Node& node, const std::string& x) {
  const std::string name = StringAttribute(node, "kedge.activation", "");
  auto number = [&](const char* attribute) {
    return FloatLiteral(FloatAttribute(node, attribute, 0));
  };
  const std::string alpha = number("kedge.activation_alpha");
  if (name.empty()) return x;
  if (name == "relu") return Text("Max(", x, ", 0.0f)");
  if (name == "clip") {
    return Text("Min(Max(", x, ", ", number("kedge.activation_min"), "), ",
                number("kedge.activation_max"), ")");
  }
  if (name == "leaky_relu") return Text("(", x, " < 0 ? ", alpha, " * ", x, " : ", x, ")");
  if (name == "hard_sigmoid") {
    return Text("Max(0.0f, Min(1.0f, ", alpha, " * ", x, " + ", number("kedge.activation_beta"),
                "))");
  }
  if (name == "hard_swish") return Text(x, " * Max(0.0f, Min(1.0f, ", x, " / 6 + 0.5f))");
  if (name == "sigmoid") return Text("Sigmoid(", x, ")");
  if (name == "silu") return Text(x, " * Sigmoid(", x, ")");
  if (name == "tanh") return Text("Tanh(", x, ")");
  if (name == "elu") return Text("(", x, " < 0 ? ", alpha, " * Expm1(", x, ") : ", x, ")");
  KEDGE_CHECK(false);  // ops/epilogue.h refuses others
}

}  // namespace kedge::compiler
