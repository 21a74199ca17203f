// Convolution and its transpose over one to three spatial dimensions.
//
//   Conv(x[n, c, s...], w[m, c/group, k...], b[m]?)           y[n, m, o...]
//       o = (s + pads - dilation*(k-1) - 1) / stride + 1
//   ConvTranspose(x[n, c, s...], w[c, m/group, k...], b[m]?)  y[n, m, o...]
//       o = stride*(s-1) + output_padding + dilation*(k-1) + 1 - pads
//
//   Attributes: kernel_shape, strides, pads (begins, then ends), dilations ints, group int 1;
//   ConvTranspose also output_padding ints. After pass canonicalise all of them are there, and
//   auto_pad and output_shape are gone. Both take an epilogue (ops/epilogue.h).
//   Floats: x, w, b of one type. Source: ONNX operators Conv-11, ConvTranspose-11.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "compiler/ops/elements.h"
#include "compiler/ops/epilogue.h"
#include "compiler/ops/rules.h"
#include "compiler/ops/window.h"

namespace kedge::compiler {
namespace {

std::vector<int64_t> Spatial(const Shape& shape) {
  return {shape.dims.begin() + 2, shape.dims.end()};
}

Status CheckOperands(std::span<const Operand> operands, int64_t group, int64_t channels_out) {
  const Operand& x = operands[0];
  const Operand& w = operands[1];
  KEDGE_TRY_STATUS(RequireFloat(x, "X"));
  KEDGE_TRY_STATUS(RequireSameType(x, w));
  if (group < 1 || channels_out < 1 || x.shape[1] < 1 || channels_out % group != 0 ||
      x.shape[1] % group != 0) {
    return InvalidArgument("group " + std::to_string(group) + " does not divide " +
                           std::to_string(x.shape[1]) + " and " + std::to_string(channels_out) +
                           " channels");
  }
  if (!operands[2].present) return {};
  KEDGE_TRY_STATUS(RequireSameType(x, operands[2]));
  if (operands[2].shape != Shape{channels_out}) {
    return InvalidArgument("input 'B' has shape " + ToString(operands[2].shape) + ", needs " +
                           std::to_string(channels_out));
  }
  return {};
}

Status CheckRanks(std::span<const Operand> operands) {
  const size_t rank = operands[0].shape.rank();
  if (rank < 3) return InvalidArgument("input 'X' has rank " + std::to_string(rank));
  return RequireRank(operands[1], rank, "W");
}

Shape OutputShape(int64_t batch, int64_t channels, const std::vector<int64_t>& spatial) {
  Shape shape{batch, channels};
  shape.dims.insert(shape.dims.end(), spatial.begin(), spatial.end());
  return shape;
}

Result<OutputTypes> InferConv(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(CheckRanks(operands));
  const Shape& x = operands[0].shape;
  const Shape& w = operands[1].shape;
  const int64_t group = IntAttribute(node, "group", 1);
  KEDGE_TRY_STATUS(CheckOperands(operands, group, w[0]));
  if (w[1] * group != x[1]) {
    return InvalidArgument("input 'X' has " + std::to_string(x[1]) + " channels, the weight " +
                           ToString(w) + " with group " + std::to_string(group) + " needs " +
                           std::to_string(w[1] * group));
  }
  KEDGE_TRY(const Window window, ResolveWindow(node, Spatial(x), Spatial(w)));
  return OneOutput(operands[0].dtype, OutputShape(x[0], w[0], window.output));
}

Result<OutputTypes> InferTranspose(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(CheckRanks(operands));
  const Shape& x = operands[0].shape;
  const Shape& w = operands[1].shape;
  const int64_t group = IntAttribute(node, "group", 1);
  if (group < 1 || group > kElementsMax || w[0] != x[1]) {
    return InvalidArgument("input 'X' has " + std::to_string(x[1]) + " channels, the weight " +
                           std::to_string(w[0]));
  }
  KEDGE_TRY_STATUS(CheckShape(Shape{w[1], group}));
  KEDGE_TRY_STATUS(CheckOperands(operands, group, w[1] * group));
  KEDGE_TRY(const TransposedWindow resolved, ResolveTransposedWindow(node, Spatial(x), Spatial(w)));
  return OneOutput(operands[0].dtype, OutputShape(x[0], w[1] * group, resolved.window.output));
}

// Three spatial dimensions, the missing outer ones of size 1.
using Triple = std::array<int64_t, 3>;
Triple Pad3(const std::vector<int64_t>& sizes, int64_t fill) {
  Triple padded{fill, fill, fill};
  std::copy(sizes.begin(), sizes.end(), padded.end() - static_cast<ptrdiff_t>(sizes.size()));
  return padded;
}
int64_t Volume(const Triple& sizes) { return sizes[0] * sizes[1] * sizes[2]; }

struct Geometry {
  Triple small;  // the side the window strides over in steps of 1: Conv's output
  Triple large;  // the side it strides over in steps of `strides`: Conv's input
  Triple kernel, strides, dilations, pads;
};

// For one kernel position k: calls row(small offset, large offset, length) for each run along the
// innermost dimension where the window lies inside. Within a run the large side steps by its
// stride.
template <class Row>
void ForEachRow(const Geometry& g, const Triple& k, Row row) {
  const auto range = [&](size_t d) {  // small indices whose large index is inside
    const int64_t shift = k[d] * g.dilations[d] - g.pads[d];
    const int64_t first = shift < 0 ? (-shift + g.strides[d] - 1) / g.strides[d] : 0;
    const int64_t last =  // one past
        shift >= g.large[d] ? 0 : (g.large[d] - 1 - shift) / g.strides[d] + 1;
    return std::pair(first, std::min(last, g.small[d]));
  };
  const auto at = [&](size_t d, int64_t i) {
    return i * g.strides[d] + k[d] * g.dilations[d] - g.pads[d];
  };
  const auto [d0, d1] = range(0);
  const auto [h0, h1] = range(1);
  const auto [w0, w1] = range(2);
  if (w0 >= w1) return;
  for (int64_t d = d0; d < d1; ++d) {
    for (int64_t h = h0; h < h1; ++h) {
      row((d * g.small[1] + h) * g.small[2] + w0,
          (at(0, d) * g.large[1] + at(1, h)) * g.large[2] + at(2, w0), w1 - w0);
    }
  }
}

template <class Use>
void ForEachKernelPosition(const Triple& kernel, Use use) {
  Triple k;
  for (k[0] = 0; k[0] < kernel[0]; ++k[0]) {
    for (k[1] = 0; k[1] < kernel[1]; ++k[1]) {
      for (k[2] = 0; k[2] < kernel[2]; ++k[2]) {
        use(k, (k[0] * kernel[1] + k[1]) * kernel[2] + k[2]);
      }
    }
  }
}

struct ConvArguments {
  Geometry geometry;
  int64_t batch, channels_in, channels_out, group;
  bool transposed;
};

// Sums of the whole result, without bias.
std::vector<double> Convolve(const ConvArguments& a, const std::vector<double>& x,
                             const std::vector<double>& w) {
  const Geometry& g = a.geometry;
  const int64_t in_volume = Volume(a.transposed ? g.small : g.large);
  const int64_t out_volume = Volume(a.transposed ? g.large : g.small);
  const int64_t in_group = a.channels_in / a.group;
  const int64_t out_group = a.channels_out / a.group;
  const int64_t step = g.strides[2];
  std::vector<double> y(static_cast<size_t>(a.batch * a.channels_out * out_volume), 0);
  const auto add = [&](int64_t n, int64_t m, int64_t c) {  // c within m's group
    const int64_t from = (n * a.channels_in + m / out_group * in_group + c) * in_volume;
    const int64_t to = (n * a.channels_out + m) * out_volume;
    const int64_t plane = a.transposed ? (m / out_group * in_group + c) * out_group + m % out_group
                                       : m * in_group + c;
    ForEachKernelPosition(g.kernel, [&](const Triple& k, int64_t position) {
      const double weight = w[static_cast<size_t>(plane * Volume(g.kernel) + position)];
      ForEachRow(g, k, [&](int64_t small, int64_t large, int64_t length) {
        const double* in = x.data() + from + (a.transposed ? small : large);
        double* out = y.data() + to + (a.transposed ? large : small);
        if (a.transposed) {
          for (int64_t i = 0; i < length; ++i) out[i * step] += weight * in[i];
        } else {
          for (int64_t i = 0; i < length; ++i) out[i] += weight * in[i * step];
        }
      });
    });
  };
  for (int64_t n = 0; n < a.batch; ++n) {
    for (int64_t m = 0; m < a.channels_out; ++m) {
      for (int64_t c = 0; c < in_group; ++c) add(n, m, c);
    }
  }
  return y;
}

void AddBias(const Tensor& bias, int64_t volume, std::vector<double>& y) {
  const std::vector<double> b = ReadDoubles(bias);
  for (size_t i = 0; i < y.size(); ++i) y[i] += b[i / static_cast<size_t>(volume) % b.size()];
}

Status Evaluate(const Node& node, std::span<const Tensor* const> inputs,
                std::span<Tensor> outputs) {
  const Shape& x = inputs[0]->shape();
  const Shape& w = inputs[1]->shape();
  const bool transposed = node.op == "ConvTranspose";
  Window window;
  if (transposed) {
    KEDGE_TRY(TransposedWindow resolved, ResolveTransposedWindow(node, Spatial(x), Spatial(w)));
    window = std::move(resolved.window);
  } else {
    KEDGE_TRY(window, ResolveWindow(node, Spatial(x), Spatial(w)));
  }
  const Triple in = Pad3(Spatial(x), 1);
  const Triple out = Pad3(window.output, 1);
  const ConvArguments arguments{.geometry = {.small = transposed ? in : out,
                                             .large = transposed ? out : in,
                                             .kernel = Pad3(window.kernel, 1),
                                             .strides = Pad3(window.strides, 1),
                                             .dilations = Pad3(window.dilations, 1),
                                             .pads = Pad3(window.pads_begin, 0)},
                                .batch = x[0],
                                .channels_in = x[1],
                                .channels_out = outputs[0].shape()[1],
                                .group = IntAttribute(node, "group", 1),
                                .transposed = transposed};
  std::vector<double> y = Convolve(arguments, ReadDoubles(*inputs[0]), ReadDoubles(*inputs[1]));
  if (inputs[2] != nullptr && !y.empty()) AddBias(*inputs[2], Volume(out), y);
  WriteDoubles(y, outputs[0]);
  return {};
}

OpSchema Schema(InferFunction infer) {
  return {.family = Family::kWindow,
          .inputs_min = 2,
          .inputs_max = 3,
          .attributes = {{"kernel_shape", AttributeKind::kInts},
                         {"strides", AttributeKind::kInts},
                         {"pads", AttributeKind::kInts},
                         {"dilations", AttributeKind::kInts},
                         {"group", AttributeKind::kInt},
                         {"auto_pad", AttributeKind::kString}},
          .takes_epilogue = true,
          .infer = infer,
          .evaluate = Evaluate};
}

}  // namespace

OpSchema ConvSchema(std::string_view) { return Schema(InferConv); }

OpSchema ConvTransposeSchema(std::string_view) {
  OpSchema schema = Schema(InferTranspose);
  schema.attributes.push_back({"output_padding", AttributeKind::kInts});
  schema.attributes.push_back({"output_shape", AttributeKind::kInts});
  return schema;
}

}  // namespace kedge::compiler
