// What ONNX's backend cases (compiler/testing) do not reach: the rules' errors, integers at their
// ends, fused forms.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "compiler/graph/text.h"
#include "compiler/ops/epilogue.h"
#include "compiler/ops/interpreter.h"
#include "compiler/ops/op.h"
#include "compiler/ops/window.h"

namespace kedge::compiler {
namespace {

using testing::HasSubstr;

// The outputs of a graph without inputs, as text; or the error.
std::string Evaluated(const std::string& statements, const std::string& results) {
  const auto graph = ParseGraph("graph () {\n" + statements + "\nreturn " + results + "\n}");
  if (!graph) return graph.error().message;
  const auto outputs = RunGraph(*graph, {});
  if (!outputs) return outputs.error().message;
  Graph constants;
  for (const Tensor& output : *outputs)
    constants.outputs.push_back(constants.AddConstant("y", output));
  const std::string text = PrintGraph(constants);
  const size_t start = text.find("const ");
  return text.substr(start, text.find('\n', start) - start);
}

TEST(Registry, KnowsEachOperatorOnce) {
  std::set<std::string_view> names;
  for (const OpSchema& schema : AllOps()) {
    SCOPED_TRACE(schema.name);
    EXPECT_TRUE(names.insert(schema.name).second);
    EXPECT_EQ(FindOp(schema.name), &schema);
    EXPECT_NE(schema.infer, nullptr);
    EXPECT_NE(schema.evaluate, nullptr);
    EXPECT_LE(schema.inputs_min, schema.inputs_max);
  }
  EXPECT_EQ(FindOp("Foo"), nullptr);
}

TEST(Ops, ComputeExactlyAtTheEndsOfIntegers) {
  struct Case {
    const char* name;
    const char* statements;
    const char* want;
  };
  const Case cases[] = {
      {"i8 wraps", "%a = const i8[1] {127} %b = const i8[1] {1} %y = Add(%a, %b) : i8[1]",
       "const i8[1] {-128}"},
      {"i64 wraps",
       "%a = const i64[1] {9223372036854775807} %b = const i64[1] {2} %y = Mul(%a, %b) : i64[1]",
       "const i64[1] {-2}"},
      {"division by zero", "%a = const i32[1] {5} %b = const i32[1] {0} %y = Div(%a, %b) : i32[1]",
       "const i32[1] {0}"},
      {"most negative by -1",
       "%a = const i64[1] {-9223372036854775808} %b = const i64[1] {-1} %y = Div(%a, %b) : i64[1]",
       "const i64[1] {-9223372036854775808}"},
      {"modulo takes the divisor's sign",
       "%a = const i64[3] {-7, 7, -6} %b = const i64[3] {3, -3, 3} %y = Mod(%a, %b) : i64[3]",
       "const i64[3] {2, -2, 0}"},
      {"fmod takes the dividend's",
       "%a = const i64[1] {-7} %b = const i64[1] {3} %y = Mod(%a, %b) {fmod = 1} : i64[1]",
       "const i64[1] {-1}"},
      {"u64 compares unsigned",
       "%a = const u64[1] {18446744073709551615} %b = const u64[1] {1} "
       "%y = Greater(%a, %b) : bool[1]",
       "const bool[1] {1}"},
      {"u64 maximum",
       "%a = const u64[1] {18446744073709551615} %b = const u64[1] {1} %y = Max(%a, %b) : u64[1]",
       "const u64[1] {18446744073709551615}"},
      {"u64 division",
       "%a = const u64[1] {18446744073709551614} %b = const u64[1] {2} %y = Div(%a, %b) : u64[1]",
       "const u64[1] {9223372036854775807}"},
      {"power of integers",
       "%a = const i64[2] {3, -1} %b = const i64[2] {39, -3} "
       "%y = Pow(%a, %b) : i64[2]",
       "const i64[2] {4052555153018976267, -1}"},
      {"shift by too much",
       "%a = const u8[2] {255, 1} %b = const u8[2] {9, 1} "
       "%y = BitShift(%a, %b) {direction = \"LEFT\"} : u8[2]",
       "const u8[2] {0, 2}"},
      {"cast saturates", "%a = const f32[3] {300, -1, nan} %y = Cast(%a) {to = \"u8\"} : u8[3]",
       "const u8[3] {255, 0, 0}"},
      {"cast of integers wraps", "%a = const i32[1] {257} %y = Cast(%a) {to = \"u8\"} : u8[1]",
       "const u8[1] {1}"},
      {"maximum keeps NaN",
       "%a = const f32[2] {nan, 1} %b = const f32[2] {1, 2} %y = Max(%a, %b) : f32[2]",
       "const f32[2] {nan, 2}"},
      {"round to even", "%a = const f32[4] {0.5, 1.5, 2.5, -0.5} %y = Round(%a) : f32[4]",
       "const f32[4] {0, 2, 2, -0}"},
      {"slice backwards",
       "%a = const i64[4] {1, 2, 3, 4} %s = const i64[1] {-1} %e = const i64[1] "
       "{-9223372036854775808} %x = const i64[1] {0} %t = const i64[1] {-2} "
       "%y = Slice(%a, %s, %e, %x, %t) : i64[2]",
       "const i64[2] {4, 2}"},
      {"sum of nothing", "%a = const f32[0] {} %y = ReduceSum(%a) {keepdims = 0} : f32[scalar]",
       "const f32[scalar] {0}"},
      {"log of a sum of large exponentials",
       "%a = const f32[2] {1000, 1000} %y = ReduceLogSumExp(%a) : f32[1]",
       "const f32[1] {1000.6932}"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(Evaluated(c.statements, "%y"), c.want);
  }
}

TEST(Ops, RefuseWhatDoesNotFit) {
  struct Case {
    const char* statements;
    const char* message;
  };
  const Case cases[] = {
      {"%a = const f32[1] {1} %b = const i32[1] {1} %y = Add(%a, %b) @n : f32[1]",
       "node 'n' (Add): inputs have different types: f32 and i32"},
      {"%a = const bool[1] {1} %y = Exp(%a) : f32[1]", "it does not take bool"},
      {"%a = const i32[1] {1} %y = BitShift(%a, %a) {direction = \"LEFT\"} : i32[1]",
       "it does not take i32"},
      {"%a = const f32[1] {1} %t = const bool[0] {} %y = Dropout(%a, _, %t) : f32[1]",
       "input 'training_mode' is not a scalar"},
      {"%a = const f32[2] {1, 2} %y = Softmax(%a) {axis = 1} : f32[2]",
       "axis 1 is out of range for rank 1"},
      {"%a = const f32[2] {1, 2} %s = const i64[1] {3} %y = Reshape(%a, %s) : f32[3]",
       "a tensor of shape 2 does not reshape to 3"},
      {"%a = const f32[2] {1, 2} %s = const i64[2] {-1, -1} %y = Reshape(%a, %s) : f32[2]",
       "the new shape has the size -1"},
      {"%a = const f32[2] {1, 2} %i = const i64[1] {2} %y = Gather(%a, %i) : f32[1]",
       "index 2 is out of range for size 2"},
      {"%a = const f32[2x2] {1, 2, 3, 4} %y = Transpose(%a) {perm = [0, 0]} : f32[2x2]",
       "'perm' is not a permutation"},
      {"%a = const f32[2x2] {1, 2, 3, 4} %b = const f32[3x1] {1, 2, 3} "
       "%y = MatMul(%a, %b) : f32[2x1]",
       "inner sizes of 2x2 and 3x1 differ"},
      {"%a = const f32[1x2x2] {1, 2, 3, 4} %w = const f32[1x3x1] {1, 2, 3} "
       "%y = Conv(%a, %w) : f32[1x1x2]",
       "input 'X' has 2 channels, the weight 1x3x1 with group 1 needs 3"},
      {"%a = const f32[1x2x2] {1, 2, 3, 4} %w = const f32[1x2x1] {1, 2} "
       "%y = Conv(%a, %w) {strides = [0]} : f32[1x1x2]",
       "attribute 'strides' has the element 0"},
      {"%a = const f32[1x1x1x1x1x1] {1} %w = const f32[1x1x1x1x1x1] {1} "
       "%y = Conv(%a, %w) : f32[1x1x1x1x1x1]",
       "4 spatial dimensions are not supported"},
      {"%a = const i64[1] {1000000000000} %y = ConstantOfShape(%a) : f32[1]",
       "needs more than 4294967296 bytes"},
      {"%s = const f32[scalar] {0} %d = const f32[scalar] {0} %y = Range(%s, %s, %d) : f32[0]",
       "the range has no end"},
      {"%a = const f32[2] {1, 2} %p = const i64[2] {2, 0} "
       "%y = Pad(%a, %p) {mode = \"reflect\"} : f32[4]",
       "dimension 0 is too small for mode reflect"},
      {"%a = const f32[2] {1, 2} %p = const i64[1] {1} %y = Split(%a, %p) : f32[1]",
       "the parts do not make up the size 2"},
      {"%a = const f32[1x1] {1} %r = const f32[1x2] {1, 2} "
       "%y = Gemm(%a, %a, _, %r) {kedge.residual = 1} : f32[1x1]",
       "the residual has shape 1x2"},
      {"%a = const f32[1x1] {1} %y = Gemm(%a, %a) {kedge.activation = \"cube\"} : f32[1x1]",
       "activation 'cube' is not known"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.statements);
    EXPECT_THAT(Evaluated(c.statements, "%y"), HasSubstr(c.message));
  }
}

TEST(Interpreter, ChecksItsInputs) {
  const auto graph = ParseGraph("graph (%x: f32[2]) { %y = Relu(%x) : f32[2] return %y }");
  ASSERT_TRUE(graph.has_value());
  EXPECT_THAT(RunGraph(*graph, {}).error().message, HasSubstr("has 1 inputs, got 0"));
  const Tensor wrong[] = {Tensor(DType::kF32, Shape{3})};
  EXPECT_THAT(RunGraph(*graph, wrong).error().message,
              HasSubstr("input 'x' is f32 3, needs f32 2"));
}

TEST(Epilogue, NamesReadBackAndApply) {
  struct Case {
    Activation activation;
    double at_minus_one;
    double at_four;
  };
  const Case cases[] = {
      {Activation::kNone, -1, 4},
      {Activation::kRelu, 0, 4},
      {Activation::kClip, -0.5, 3},
      {Activation::kLeakyRelu, -0.25, 4},
      {Activation::kHardSigmoid, 0.25, 1},
      {Activation::kHardSwish, -1.0 / 3, 4},
      {Activation::kSigmoid, 1 / (1 + std::exp(1)), 1 / (1 + std::exp(-4))},
      {Activation::kSilu, -1 / (1 + std::exp(1)), 4 / (1 + std::exp(-4))},
      {Activation::kTanh, std::tanh(-1), std::tanh(4)},
      {Activation::kElu, 0.25 * (std::exp(-1) - 1), 4},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(ActivationName(c.activation));
    EXPECT_EQ(FindActivation(ActivationName(c.activation)), c.activation);
    Node node{.op = "Gemm"};
    WriteActivation(
        node, {.activation = c.activation, .min = -0.5f, .max = 3, .alpha = 0.25f, .beta = 0.5f});
    const Epilogue read = ReadEpilogue(node);
    EXPECT_EQ(read.activation, c.activation);
    EXPECT_DOUBLE_EQ(ApplyActivation(read, -1), c.at_minus_one);
    EXPECT_DOUBLE_EQ(ApplyActivation(read, 4), c.at_four);
  }
}

TEST(Window, ResolvesPadding) {
  struct Case {
    const char* name;
    Attributes attributes;
    int64_t input;
    std::vector<int64_t> pads;
    int64_t output;
  };
  const auto ints = [](int64_t value) { return std::vector<int64_t>{value}; };
  const Case cases[] = {
      {"none", {{"kernel_shape", ints(3)}}, 5, {0, 0}, 3},
      {"same upper",
       {{"kernel_shape", ints(2)}, {"auto_pad", std::string("SAME_UPPER")}},
       5,
       {0, 1},
       5},
      {"same lower",
       {{"kernel_shape", ints(2)}, {"auto_pad", std::string("SAME_LOWER")}},
       5,
       {1, 0},
       5},
      {"same with stride",
       {{"kernel_shape", ints(3)}, {"strides", ints(2)}, {"auto_pad", std::string("SAME_UPPER")}},
       6,
       {0, 1},
       3},
      {"dilation", {{"kernel_shape", ints(3)}, {"dilations", ints(2)}}, 5, {0, 0}, 1},
      {"floor", {{"kernel_shape", ints(2)}, {"strides", ints(2)}}, 5, {0, 0}, 2},
      {"ceil",
       {{"kernel_shape", ints(2)}, {"strides", ints(2)}, {"ceil_mode", int64_t{1}}},
       5,
       {0, 0},
       3},
      {"ceil does not start behind the input",
       {{"kernel_shape", ints(1)}, {"strides", ints(4)}, {"ceil_mode", int64_t{1}}},
       3,
       {0, 0},
       1},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto window = ResolveWindow({.op = "MaxPool", .attributes = c.attributes}, {c.input});
    ASSERT_TRUE(window.has_value()) << window.error().message;
    EXPECT_EQ(JoinedPads(*window), c.pads);
    EXPECT_EQ(window->output, std::vector<int64_t>{c.output});
  }
}

}  // namespace
}  // namespace kedge::compiler
