// Every family of emitters against the reference interpreter, over shapes chosen to be awkward:
// sizes of one, primes, tails shorter than a vector, tensors large enough to be cut into tasks.
//
// The cases of one table are one graph, so that the compiler starts once a table, not once a case.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <random>

#include "compiler/graph/text.h"
#include "compiler/ops/interpreter.h"
#include "compiler/passes/infer_shapes.h"
#include "compiler/testing/compiled_graph.h"
#include "compiler/testing/onnx_cases.h"

namespace kedge::compiler {
namespace {

// Inputs by comma, constants before nodes, one result: "x: f32[2x3]" | "..." | "%y = Op(%x)".
struct Case {
  const char* inputs;
  const char* body;  // ends by defining %y; types are "f32[?]"
};

Graph ParseCase(const Case& c) {
  const std::string text =
      std::string("graph (") + c.inputs + ") {\n" + c.body + "\n return %y\n}\n";
  auto graph = ParseGraph(text);
  EXPECT_TRUE(graph.has_value()) << text << (graph ? "" : graph.error().message);
  if (!graph) return {};
  const Status inferred = InferShapes(*graph, {});
  EXPECT_TRUE(inferred.has_value()) << text << (inferred ? "" : inferred.error().message);
  return *std::move(graph);
}

// Floats around zero, both signs, so that every branch of an activation is taken.
Tensor RandomInput(const Value& value, uint64_t seed) {
  Tensor tensor = RandomTensor(value.dtype, value.shape, seed);
  if (value.dtype == DType::kF32) {
    for (float& x : tensor.As<float>()) x = 4 * x - 2;
  } else if (value.dtype == DType::kF64) {
    for (double& x : tensor.As<double>()) x = 4 * x - 2;
  }
  return tensor;
}

void CheckAll(const std::vector<Case>& cases, const CompiledRunOptions& options) {
  Graph all;
  std::vector<Tensor> inputs, wanted;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.body);
    const Graph graph = ParseCase(c);
    ASSERT_FALSE(graph.outputs.empty());
    std::vector<Tensor> own;
    for (ValueId id : graph.inputs) own.push_back(RandomInput(graph.at(id), 1 + inputs.size()));
    auto results = RunGraph(graph, own);
    ASSERT_TRUE(results.has_value()) << results.error().message;
    for (Tensor& result : *results) wanted.push_back(std::move(result));
    for (Tensor& tensor : own) inputs.push_back(std::move(tensor));
    AppendGraph(graph, all);
  }
  const auto got = RunCompiled(all, inputs, options);
  ASSERT_TRUE(got.has_value()) << got.error().message;
  ASSERT_EQ(got->size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(Compare((*got)[i], wanted[i]), "") << cases[i].inputs << " | " << cases[i].body;
  }
}

void CheckGeneric(const std::vector<Case>& cases) {
  CheckAll(cases, {.plan = {.generic_only = true}});
}

// Families that have fast kernels too: by those where they cover a case, and without.
void CheckBoth(const std::vector<Case>& cases) {
  CheckGeneric(cases);
  CheckAll(cases, {});
}

TEST(Emitters, EltwiseUnary) {
  std::vector<std::string> bodies;
  for (const char* op : {"Abs",
                         "Atan",
                         "Ceil",
                         "Celu",
                         "Cos",
                         "Cosh",
                         "Elu",
                         "Erf",
                         "Exp",
                         "Floor",
                         "Gelu",
                         "HardSigmoid",
                         "HardSwish",
                         "LeakyRelu",
                         "Mish",
                         "Neg",
                         "Relu",
                         "Round",
                         "Selu",
                         "Shrink",
                         "Sigmoid",
                         "Sign",
                         "Sin",
                         "Sinh",
                         "Softplus",
                         "Softsign",
                         "Tan",
                         "Tanh",
                         "ThresholdedRelu"}) {
    bodies.push_back(std::string("%y = ") + op + "(%x) : f32[?]");
  }
  std::vector<Case> cases;
  for (const std::string& body : bodies) cases.push_back({"%x: f32[3x37]", body.c_str()});
  cases.push_back({"%x: f32[5x7]", "%a = Abs(%x) : f32[?] %y = Sqrt(%a) : f32[?]"});
  cases.push_back({"%x: f32[5x7]", "%a = Abs(%x) : f32[?] %y = Log(%a) : f32[?]"});
  cases.push_back({"%x: f32[5x7]", "%a = Abs(%x) : f32[?] %y = Reciprocal(%a) : f32[?]"});
  cases.push_back({"%x: f64[5x7]", "%a = Exp(%x) : f64[?] %y = Tanh(%a) : f64[?]"});
  cases.push_back({"%x: f16[33]", "%a = Exp(%x) : f16[?] %y = Mul(%a, %x) : f16[?]"});
  cases.push_back({"%x: f32[200000]", "%y = Sigmoid(%x) : f32[?]"});
  cases.push_back({"%x: f32[scalar]", "%y = Exp(%x) : f32[?]"});
  cases.push_back({"%x: f32[0x3]", "%y = Exp(%x) : f32[?]"});
  cases.push_back({"%x: i32[9]", "%y = Abs(%x) : i32[?]"});
  cases.push_back({"%x: f32[9]", "%y = IsNaN(%x) : bool[?]"});
  cases.push_back({"%x: bool[9]", "%y = Not(%x) : bool[?]"});
  CheckGeneric(cases);
}

TEST(Emitters, EltwiseBroadcast) {
  CheckBoth({
      {"%a: f32[2x3x5], %b: f32[2x3x5]", "%y = Add(%a, %b) : f32[?]"},
      {"%a: f32[2x3x5], %b: f32[5]", "%y = Sub(%a, %b) : f32[?]"},
      {"%a: f32[2x3x5], %b: f32[3x1]", "%y = Mul(%a, %b) : f32[?]"},
      {"%a: f32[2x1x5], %b: f32[4x1]", "%y = Div(%a, %b) : f32[?]"},
      {"%a: f32[scalar], %b: f32[4x1]", "%y = Max(%a, %b) : f32[?]"},
      {"%a: f32[1], %b: f32[4x1], %c: f32[1x3]", "%y = Min(%a, %b, %c) : f32[?]"},
      {"%a: f32[2], %b: f32[2], %c: f32[2]", "%y = Mean(%a, %b, %c) : f32[?]"},
      {"%a: f32[64x1x300], %b: f32[1x70x300]", "%y = Sum(%a, %b) : f32[?]"},
      {"%a: i32[7], %b: i32[7]", "%y = Div(%a, %b) : i32[?]"},
      {"%a: i64[7], %b: i64[1]", "%y = Mod(%a, %b) : i64[?]"},
      {"%a: u8[7], %b: u8[7]", "%y = BitwiseXor(%a, %b) : u8[?]"},
      {"%a: i8[70], %b: i8[70]", "%y = Add(%a, %b) : i8[?]"},
      {"%a: u8[70], %b: u8[70]", "%y = Mul(%a, %b) : u8[?]"},
      {"%a: f32[7], %b: f32[7]", "%y = GreaterOrEqual(%a, %b) : bool[?]"},
      {"%a: bool[7], %b: bool[7]", "%y = Xor(%a, %b) : bool[?]"},
      {"%c: bool[3x1], %a: f32[5], %b: f32[3x5]", "%y = Where(%c, %a, %b) : f32[?]"},
      {"%a: f32[33]", "%e = const f32[scalar] {2} %y = Pow(%a, %e) : f32[?]"},
      {"%a: f32[33], %b: f32[33]", "%p = Abs(%a) : f32[?] %y = Pow(%p, %b) : f32[?]"},
      {"%a: f32[33]", "%l = const f32[scalar] {-0.5} %y = Clip(%a, %l) : f32[?]"},
      {"%a: f32[33]", "%h = const f32[scalar] {0.5} %y = Clip(%a, _, %h) : f32[?]"},
      {"%a: f32[2x3x4]", "%s = const f32[3x1] {0.1, 0.2, 0.3} %y = PRelu(%a, %s) : f32[?]"},
      {"%a: f32[33]", "%y = Cast(%a) {to = \"i32\"} : i32[?]"},
      {"%a: i64[33]", "%y = Cast(%a) {to = \"f32\"} : f32[?]"},
      {"%a: f32[33]", "%y = Cast(%a) {to = \"f16\"} : f16[?]"},
      {"%a: f32[2x3x4x4]",
       "%s = const f32[3] {1, 2, 3} %b = const f32[3] {0.5, 0, -1} %m = const f32[3] {0.1, 0.2, 0} "
       "%v = const f32[3] {1, 0.5, 2} %y = BatchNormalization(%a, %s, %b, %m, %v) : f32[?]"},
  });
}

TEST(Emitters, FusedChainsRoundAsUnfusedOnes) {
  CheckGeneric({
      {"%a: f32[6x50], %b: f32[50]",
       "%s = Add(%a, %b) : f32[?] %g = Sigmoid(%s) : f32[?] %y = Mul(%s, %g) : f32[?]"},
      {"%a: f16[40], %b: f16[40]",
       "%s = Add(%a, %b) : f16[?] %t = Mul(%s, %s) : f16[?] %y = Sub(%t, %b) : f16[?]"},
      {"%a: i8[40], %b: i8[40]", "%s = Add(%a, %b) : i8[?] %y = Mul(%s, %s) : i8[?]"},
  });
}

TEST(Emitters, Reduce) {
  CheckGeneric({
      {"%x: f32[3x5x7]", "%y = ReduceSum(%x) {keepdims = 0} : f32[?]"},
      {"%x: f32[3x5x70]", "%a = const i64[1] {2} %y = ReduceMean(%x, %a) : f32[?]"},
      {"%x: f32[3x5x70]", "%a = const i64[1] {1} %y = ReduceMax(%x, %a) : f32[?]"},
      {"%x: f32[3x5x70]", "%a = const i64[1] {0} %y = ReduceMin(%x, %a) {keepdims = 0} : f32[?]"},
      {"%x: f32[3x5x7]", "%a = const i64[2] {0, 2} %y = ReduceProd(%x, %a) : f32[?]"},
      {"%x: f32[3x5x7x9]", "%a = const i64[2] {1, 2} %y = ReduceL1(%x, %a) : f32[?]"},
      {"%x: f32[3x5x7x9]", "%a = const i64[2] {-1, 1} %y = ReduceL2(%x, %a) : f32[?]"},
      {"%x: f32[3x50]", "%a = const i64[1] {1} %y = ReduceLogSumExp(%x, %a) : f32[?]"},
      {"%x: f32[30x5]", "%a = const i64[1] {0} %y = ReduceLogSumExp(%x, %a) : f32[?]"},
      {"%x: f32[3x50]", "%a = const i64[1] {1} %y = ReduceSumSquare(%x, %a) : f32[?]"},
      {"%x: i32[3x50]", "%a = const i64[1] {1} %y = ReduceSum(%x, %a) : i32[?]"},
      {"%x: i32[3x50]", "%a = const i64[1] {0} %y = ReduceMax(%x, %a) : i32[?]"},
      {"%x: f64[3x50]", "%a = const i64[1] {1} %y = ReduceMean(%x, %a) : f64[?]"},
      {"%x: f32[300x2000]", "%a = const i64[1] {1} %y = ReduceSum(%x, %a) : f32[?]"},
      {"%x: f32[3x5x7]", "%y = ArgMax(%x) {axis = 1} : i64[?]"},
      {"%x: f32[3x5x7]", "%y = ArgMin(%x) {axis = 2, keepdims = 0} : i64[?]"},
      {"%x: u8[9x200]", "%y = ArgMax(%x) {axis = 1, select_last_index = 1} : i64[?]"},
      {"%x: f32[2x3x5x6]", "%y = GlobalAveragePool(%x) : f32[?]"},
      {"%x: f32[2x3x5x6]", "%y = GlobalMaxPool(%x) : f32[?]"},
      {"%x: f32[2x3x5x6]", "%y = GlobalLpPool(%x) {p = 2} : f32[?]"},
  });
}

TEST(Emitters, Rows) {
  CheckGeneric({
      {"%x: f32[5x2]", "%y = Softmax(%x) : f32[?]"},
      {"%x: f32[5x70]", "%y = Softmax(%x) : f32[?]"},
      {"%x: f32[2x5x70]", "%y = Softmax(%x) {axis = 1} : f32[?]"},
      {"%x: f32[5x7]", "%y = LogSoftmax(%x) : f32[?]"},
      {"%x: f32[2x30x7]", "%y = LogSoftmax(%x) {axis = 1} : f32[?]"},
      {"%x: f32[5x7]", "%y = Hardmax(%x) : f32[?]"},
      {"%x: f32[5x7x3]", "%y = Hardmax(%x) {axis = 1} : f32[?]"},
      {"%x: f16[5x7]", "%y = Softmax(%x) : f16[?]"},
      {"%x: f32[4x9]",
       "%s = const f32[9] {1, 2, 3, 4, 5, 6, 7, 8, 9} %y = LayerNormalization(%x, %s) : f32[?]"},
      {"%x: f32[2x3x7x5]",
       "%s = const f32[3] {1, 2, 3} %b = const f32[3] {0, 1, 0} "
       "%y = InstanceNormalization(%x, %s, %b) : f32[?]"},
      {"%x: f32[4x9]", "%y = LpNormalization(%x) {p = 1} : f32[?]"},
      {"%x: f32[4x9]", "%y = LpNormalization(%x) {axis = 0} : f32[?]"},
      {"%x: f32[1x9x5x17]", "%y = LRN(%x) {size = 5} : f32[?]"},
      {"%x: f32[2x4x3x3]", "%y = LRN(%x) {size = 2, beta = 0.6, bias = 2.0} : f32[?]"},
      {"%x: f32[3x5]", "%a = const i64[scalar] {1} %y = CumSum(%x, %a) : f32[?]"},
      {"%x: f32[3x5]",
       "%a = const i64[scalar] {0} %y = CumSum(%x, %a) {exclusive = 1, reverse = 1} : f32[?]"},
  });
}

TEST(Emitters, Pool) {
  CheckBoth({
      {"%x: f32[2x3x9x11]", "%y = MaxPool(%x) {kernel_shape = [3, 3], strides = [2, 2]} : f32[?]"},
      {"%x: f32[1x3x9x11]",
       "%y = MaxPool(%x) {kernel_shape = [3, 2], pads = [1, 1, 1, 0], strides = [1, 2]} : f32[?]"},
      {"%x: f32[1x3x9x150]",
       "%y = MaxPool(%x) {kernel_shape = [2, 3], dilations = [2, 3]} : f32[?]"},
      {"%x: u8[1x3x9x11]", "%y = MaxPool(%x) {kernel_shape = [3, 3]} : u8[?]"},
      {"%x: f32[1x2x20]", "%y = MaxPool(%x) {kernel_shape = [4]} : f32[?]"},
      {"%x: f32[1x2x5x6x7]", "%y = AveragePool(%x) {kernel_shape = [2, 3, 2]} : f32[?]"},
      {"%x: f32[1x2x7x7]",
       "%y = AveragePool(%x) {kernel_shape = [3, 3], pads = [1, 1, 1, 1]} : f32[?]"},
      {"%x: f32[1x2x7x7]",
       "%y = AveragePool(%x) {kernel_shape = [3, 3], pads = [1, 1, 1, 1], count_include_pad = 1} "
       ": f32[?]"},
      {"%x: f32[1x2x7x7]", "%y = LpPool(%x) {kernel_shape = [3, 3]} : f32[?]"},
  });
}

TEST(Emitters, ConvIsRightForEveryGeometry) {
  CheckBoth({
      {"%x: f32[1x3x8x9], %w: f32[5x3x3x3]", "%y = Conv(%x, %w) {pads = [1, 1, 1, 1]} : f32[?]"},
      {"%x: f32[2x3x8x9], %w: f32[7x3x1x1], %b: f32[7]", "%y = Conv(%x, %w, %b) : f32[?]"},
      {"%x: f32[1x3x15x14], %w: f32[4x3x3x3]",
       "%y = Conv(%x, %w) {pads = [1, 1, 1, 1], strides = [2, 2]} : f32[?]"},
      {"%x: f32[1x3x15x14], %w: f32[4x3x1x1]", "%y = Conv(%x, %w) {strides = [2, 3]} : f32[?]"},
      {"%x: f32[1x2x23x31], %w: f32[13x2x5x3]",
       "%y = Conv(%x, %w) {strides = [4, 4], pads = [2, 0, 1, 3]} : f32[?]"},
      {"%x: f32[1x2x12x12], %w: f32[3x2x3x3]",
       "%y = Conv(%x, %w) {dilations = [2, 3], pads = [2, 3, 2, 3]} : f32[?]"},
      {"%x: f32[1x2x12x12], %w: f32[3x2x2x3]",
       "%y = Conv(%x, %w) {dilations = [3, 2], strides = [2, 3], pads = [1, 2, 3, 0]} : f32[?]"},
      {"%x: f32[1x6x9x9], %w: f32[6x1x3x3]",
       "%y = Conv(%x, %w) {group = 6, pads = [1, 1, 1, 1]} : f32[?]"},
      {"%x: f32[2x6x9x9], %w: f32[8x3x3x3]", "%y = Conv(%x, %w) {group = 2} : f32[?]"},
      {"%x: f32[2x3x50], %w: f32[4x3x5]",
       "%y = Conv(%x, %w) {strides = [2], pads = [2, 2]} : f32[?]"},
      {"%x: f32[1x2x5x6x7], %w: f32[3x2x2x3x3]",
       "%y = Conv(%x, %w) {strides = [1, 2, 1], pads = [0, 1, 1, 1, 1, 1]} : f32[?]"},
      {"%x: f32[1x64x1x1], %w: f32[9x64x1x1]", "%y = Conv(%x, %w) : f32[?]"},
      {"%x: f32[1x16x40x40], %w: f32[32x16x3x3]",
       "%y = Conv(%x, %w) {pads = [1, 1, 1, 1], kedge.activation = \"relu\"} : f32[?]"},
      {"%x: f32[1x3x8x9], %w: f32[5x3x3x3], %r: f32[1x5x6x7]",
       "%y = Conv(%x, %w, _, %r) {kedge.residual = 1, kedge.activation = \"silu\"} : f32[?]"},
      {"%x: f64[1x3x8x9], %w: f64[5x3x3x3]", "%y = Conv(%x, %w) {pads = [1, 1, 1, 1]} : f64[?]"},
      {"%x: f32[1x3x5x6], %w: f32[3x4x3x3]",
       "%y = ConvTranspose(%x, %w) {strides = [2, 2], pads = [1, 1, 1, 1]} : f32[?]"},
      {"%x: f32[2x4x5x6], %w: f32[4x3x2x3], %b: f32[6]",
       "%y = ConvTranspose(%x, %w, %b) {strides = [3, 2], group = 2, dilations = [2, 1], "
       "output_padding = [1, 1]} : f32[?]"},
      {"%x: f32[1x2x9], %w: f32[2x3x4]", "%y = ConvTranspose(%x, %w) {pads = [4, 3]} : f32[?]"},
  });
}

TEST(Emitters, MatrixProducts) {
  CheckBoth({
      {"%a: f32[5x7], %b: f32[7x9]", "%y = MatMul(%a, %b) : f32[?]"},
      {"%a: f32[13x70], %b: f32[70x150]", "%y = MatMul(%a, %b) : f32[?]"},
      {"%a: f32[1x1000], %b: f32[1000x77]", "%y = MatMul(%a, %b) : f32[?]"},
      {"%a: f32[7], %b: f32[7x9]", "%y = MatMul(%a, %b) : f32[?]"},
      {"%a: f32[5x7], %b: f32[7]", "%y = MatMul(%a, %b) : f32[?]"},
      {"%a: f32[7], %b: f32[7]", "%y = MatMul(%a, %b) : f32[?]"},
      {"%a: f32[2x3x4x5], %b: f32[3x5x6]", "%y = MatMul(%a, %b) : f32[?]"},
      {"%a: f32[2x1x4x5], %b: f32[3x5x6]", "%y = MatMul(%a, %b) : f32[?]"},
      {"%a: i32[4x5], %b: i32[5x6]", "%y = MatMul(%a, %b) : i32[?]"},
      {"%a: f64[4x5], %b: f64[5x60]", "%y = MatMul(%a, %b) : f64[?]"},
      {"%a: f32[4x5], %b: f32[5x60], %r: f32[4x60]",
       "%y = MatMul(%a, %b, %r) {kedge.residual = 1, kedge.activation = \"relu\"} : f32[?]"},
      {"%a: f32[3x5], %b: f32[5x7], %c: f32[7]", "%y = Gemm(%a, %b, %c) : f32[?]"},
      {"%a: f32[5x3], %b: f32[5x7], %c: f32[3x1]",
       "%y = Gemm(%a, %b, %c) {transA = 1, alpha = 0.5, beta = 2.0} : f32[?]"},
      {"%a: f32[3x5], %b: f32[7x5]", "%y = Gemm(%a, %b) {transB = 1} : f32[?]"},
      {"%a: f32[30x50], %b: f32[70x50]", "%y = Gemm(%a, %b) {transB = 1} : f32[?]"},
      {"%a: f32[50x30], %b: f32[70x50], %c: f32[scalar]",
       "%y = Gemm(%a, %b, %c) {transA = 1, transB = 1} : f32[?]"},
  });
}

TEST(Emitters, Copies) {
  CheckBoth({
      {"%x: f32[2x3x5]", "%y = Transpose(%x) : f32[?]"},
      {"%x: f32[2x30x50x3]", "%y = Transpose(%x) {perm = [0, 3, 1, 2]} : f32[?]"},
      {"%x: u8[2x3x5]", "%y = Transpose(%x) {perm = [1, 0, 2]} : u8[?]"},
      {"%a: f32[2x3], %b: f32[2x5]", "%y = Concat(%a, %b) {axis = 1} : f32[?]"},
      {"%a: f32[1x3x4], %b: f32[1x5x4]",
       "%p = Abs(%a) : f32[?] %q = Neg(%b) : f32[?] %c = Concat(%p, %q, %p) {axis = 1} : f32[?] "
       "%y = Neg(%c) : f32[?]"},
      {"%x: f32[6x4]", "%a, %b = Split(%x) {axis = 0} : f32[?], f32[?] %y = Sub(%a, %b) : f32[?]"},
      {"%x: f32[4x6]", "%a, %b = Split(%x) {axis = 1} : f32[?], f32[?] %y = Sub(%a, %b) : f32[?]"},
      {"%x: f32[5x20]",
       "%s = const i64[2] {1, -2} %e = const i64[2] {5, -15} %a = const i64[2] {0, 1} "
       "%t = const i64[2] {2, -3} %y = Slice(%x, %s, %e, %a, %t) : f32[?]"},
      {"%x: i64[3x1]", "%s = const i64[3] {2, 1, 4} %y = Expand(%x, %s) : i64[?]"},
      {"%x: f32[2x3]", "%r = const i64[2] {2, 3} %y = Tile(%x, %r) : f32[?]"},
      {"%x: f32[1x8x2x3]", "%y = DepthToSpace(%x) {blocksize = 2} : f32[?]"},
      {"%x: f32[1x8x2x3]", "%y = DepthToSpace(%x) {blocksize = 2, mode = \"CRD\"} : f32[?]"},
      {"%x: f32[1x2x4x6]", "%y = SpaceToDepth(%x) {blocksize = 2} : f32[?]"},
      {"%x: f32[2x4x5]", "%y = Trilu(%x) : f32[?]"},
      {"%x: f32[4x5]", "%k = const i64[scalar] {-1} %y = Trilu(%x, %k) {upper = 0} : f32[?]"},
      {"%x: f32[2x3]", "%p = const i64[4] {1, 0, 2, 1} %y = Pad(%x, %p) : f32[?]"},
      {"%x: f32[4x3]",
       "%p = const i64[4] {-1, 1, 2, 0} %v = const f32[scalar] {7} %y = Pad(%x, %p, %v) : f32[?]"},
      {"%x: f32[4x5]",
       "%p = const i64[4] {1, 2, 3, 2} %y = Pad(%x, %p) {mode = \"reflect\"} : f32[?]"},
      {"%x: f32[4x5]",
       "%p = const i64[4] {1, 2, 3, 2} %y = Pad(%x, %p) {mode = \"edge\"} : f32[?]"},
      {"%x: f32[2x6]",
       "%s = const i64[2] {3, 4} %r = Reshape(%x, %s) : f32[?] "
       "%y = Transpose(%r) : f32[?]"},
  });
}

TEST(Emitters, TensorsMadeFromAShape) {
  CheckGeneric({
      {"%x: f32[3x5]", "%y = EyeLike(%x) {k = 1} : f32[?]"},
      {"%x: f32[5x3]", "%y = EyeLike(%x) {k = -2} : f32[?]"},
      {"%x: f32[2x3]", "%y = EyeLike(%x) {k = 9} : f32[?]"},
  });
}

TEST(Emitters, AShapeAtRunTimeMustBeTheDeclaredOne) {
  auto graph = ParseGraph(
      "graph (%x: f32[3x1], %s: i64[3]) {\n %y = Expand(%x, %s) : f32[2x3x4]\n return %y\n}\n");
  ASSERT_TRUE(graph.has_value());
  const Tensor x = RandomTensor(DType::kF32, {3, 1}, 1);
  struct Row {
    std::vector<int64_t> asked;
    bool accepted;
  };
  for (const Row& row : {Row{{2, 3, 4}, true},
                         {{2, 1, 4}, true},
                         {{2, 3, 5}, false},
                         {{1, 3, 4}, false},
                         {{2, 2, 4}, false}}) {
    const Tensor inputs[] = {x, Tensor::Of<int64_t>(DType::kI64, {3}, row.asked)};
    const auto got = RunCompiled(*graph, inputs);
    EXPECT_EQ(got.has_value(), row.accepted) << row.asked[0] << row.asked[1] << row.asked[2];
    if (got) continue;
    EXPECT_EQ(got.error().message,
              "a shape in an input tensor is not the one the model was compiled for");
  }
}

TEST(Emitters, IndicesAndResize) {
  CheckGeneric({
      {"%x: f32[4x5]", "%i = const i64[2x2] {0, -1, 2, 1} %y = Gather(%x, %i) : f32[?]"},
      {"%x: f32[4x5x3]", "%i = const i64[2] {0, -1} %y = Gather(%x, %i) {axis = 1} : f32[?]"},
      {"%x: f32[3x4]",
       "%i = const i64[2x3] {0, 1, 3, -1, 2, 0} %y = GatherElements(%x, %i) {axis = 1} : f32[?]"},
      {"%x: f32[3x4x2]", "%i = const i64[2x2] {0, 1, 2, -1} %y = GatherND(%x, %i) : f32[?]"},
      {"%x: f32[2x4x2]",
       "%i = const i64[2x1] {3, 0} %y = GatherND(%x, %i) {batch_dims = 1} : f32[?]"},
      {"%x: f32[3x3], %u: f32[2x3]",
       "%i = const i64[2x3] {1, 0, 2, 0, 2, 1} "
       "%y = ScatterElements(%x, %i, %u) {axis = 0, reduction = \"add\"} : f32[?]"},
      {"%x: f32[4x3], %u: f32[2x3]",
       "%i = const i64[2x1] {3, 1} %y = ScatterND(%x, %i, %u) : f32[?]"},
      {"%i: i64[3]",
       "%d = const i64[scalar] {100} %v = const f32[2] {0.5, 2} %y = OneHot(%i, %d, %v) : f32[?]"},
      {"%i: i8[9]",
       "%d = const i64[scalar] {300} %v = const f32[2] {0.5, 2} %y = OneHot(%i, %d, %v) : f32[?]"},
      {"%x: f32[1x2x3x4]",
       "%s = const f32[4] {1, 1, 2, 2} %y = Resize(%x, _, %s) {mode = \"nearest\"} : f32[?]"},
      {"%x: f32[1x2x3x4]",
       "%s = const f32[4] {1, 1, 2, 1.5} %y = Resize(%x, _, %s) {mode = \"linear\"} : f32[?]"},
      {"%x: f32[1x2x8x9]",
       "%z = const i64[4] {1, 2, 5, 13} %y = Resize(%x, _, _, %z) {mode = \"cubic\"} : f32[?]"},
  });
}

TEST(Emitters, AnIndexOutsideIsAnErrorAtRunTime) {
  const Graph graph = ParseCase({"%x: f32[4x5], %i: i64[2]", "%y = Gather(%x, %i) : f32[?]"});
  const Tensor x = RandomTensor(DType::kF32, {4, 5}, 1);
  const Tensor inputs[] = {x, Tensor::Of<int64_t>(DType::kI64, {2}, {0, 4})};
  const auto got = RunCompiled(graph, inputs);
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().message, "an index in an input tensor points outside its dimension");
}

}  // namespace
}  // namespace kedge::compiler
