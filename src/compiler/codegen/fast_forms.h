// Which nodes the fast kernels cover, and the geometry they need of them. Whatever is not read here
// takes the generic path.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "compiler/ops/epilogue.h"
#include "compiler/target/target.h"

namespace kedge::compiler {

// A two-dimensional window over an image; the halo it reaches is what it needs of its input.
struct WindowForm {
  int64_t height = 1, width = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t top = 0, left = 0;      // padding, which is also the halo before the image
  int64_t bottom = 0, right = 0;  // halo behind the image that the last window really reaches
  bool IsPoint() const {
    return height * width == 1 && stride_h * stride_w == 1 && top + left + bottom + right == 0;
  }
  bool HasHalo() const { return top + left + bottom + right > 0; }
};

// A convolution with constant f32 weights over rank 4.
struct ConvForm {
  Shape in, out;
  WindowForm window;
  int64_t groups = 1;
  ValueId input = kNoValue, weight = kNoValue, bias = kNoValue, residual = kNoValue;
  Epilogue epilogue;

  bool IsDepthwise() const { return groups > 1 && groups == in[1] && groups == out[1]; }
  // Groups of channels begin at whole blocks of the input and of the output.
  bool GroupsAreBlocks(int64_t block) const {
    return groups == 1 || (in[1] / groups % block == 0 && out[1] / groups % block == 0);
  }
};
std::optional<ConvForm> ReadConvForm(const Graph& graph, const Node& node);

// MaxPool or AveragePool over rank 4, f32, one output.
struct PoolForm {
  Shape in, out;
  WindowForm window;
  enum class Kind : uint8_t { kMax, kAverage, kAverageCountingPads } kind = Kind::kMax;
  // The mean over the whole image.
  bool IsGlobalAverage() const;
};
// GlobalAveragePool too.
std::optional<PoolForm> ReadPoolForm(const Graph& graph, const Node& node);

// A product with a constant matrix: y[rows, out] = scale * x[rows, in] * w + bias_scale * bias.
struct MatMulForm {
  int64_t rows = 1, in = 1, out = 1;
  bool transposed = false;  // the constant is [out, in]
  float scale = 1, bias_scale = 1;
  ValueId input = kNoValue, weight = kNoValue, bias = kNoValue, residual = kNoValue;
  Epilogue epilogue;
};
// MatMul or Gemm in f32.
std::optional<MatMulForm> ReadMatMulForm(const Graph& graph, const Node& node);

// Softmax in f32 over the last axis, many short rows.
struct SoftmaxForm {
  int64_t length = 1, rows = 1;
};
std::optional<SoftmaxForm> ReadSoftmaxForm(const Graph& graph, const Node& node);

// Work element by element that has a blocked kernel: Add and Sum of two equal shapes; scale and
// shift a channel by constants (BatchNormalization, Mul, Add); activations alone; Concat of
// channels.
enum class BlockedForm : uint8_t { kNone, kSum, kAffine, kActivation, kConcat };
BlockedForm ReadBlockedForm(const Graph& graph, const Node& node);
// Of a kAffine Mul or Add: the input that is not the constant, and the constant.
ValueId AffineInput(const Graph& graph, const Node& node);
ValueId AffineConstant(const Graph& graph, const Node& node);
// The activation of a node of one input, or nullopt.
std::optional<Epilogue> ReadActivationNode(const Graph& graph, const Node& node);

// The kernels' type for an activation: "activation::Relu", "activation::Clip<0x0p+0f, 0x1.8p+2f>".
std::string EpilogueText(const Epilogue& epilogue);

// The nodes that are computed together with `node`, in order, because each is the only use of the
// one before:
//   Transpose to channels last after a dense convolution, which then writes channels last;
//   an activation after a sum of two or a scale and shift;
//   Add of constants after Mul by constants, a channel each.
std::vector<const Node*> FollowersOf(const Graph& graph, const Node& node);
// The first node of the chain this one follows in, or null.
const Node* LeaderOf(const Graph& graph, const Node& node);

}  // namespace kedge::compiler
