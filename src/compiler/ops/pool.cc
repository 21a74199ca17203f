// Pooling over one to three spatial dimensions.
//
//   MaxPool(x[n, c, s...])       float or 8-bit integer; padding never wins; one output
//   AveragePool(x[n, c, s...])   attribute count_include_pad int 0
//   LpPool(x[n, c, s...])        attribute p int 2
//     Attributes: kernel_shape ints (required), strides, dilations, pads ints, ceil_mode int 0.
//     After pass canonicalise kernel_shape, strides, dilations, pads are there; auto_pad is gone
//     and so is ceil_mode: pads then reach as far as the last window does, and only for
//     AveragePool ceil_mode stays if it changes a divisor.
//   GlobalAveragePool, GlobalMaxPool, GlobalLpPool(p int 2): to spatial sizes of 1.
// Source: ONNX operators MaxPool-12, AveragePool-19, LpPool-18.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"
#include "compiler/ops/window.h"

namespace kedge::compiler {
namespace {

enum class Kind : uint8_t { kMax, kAverage, kLp };

Kind KindOfPool(std::string_view op) {
  if (op.find("Max") != std::string_view::npos) return Kind::kMax;
  return op.find("Average") != std::string_view::npos ? Kind::kAverage : Kind::kLp;
}

std::vector<int64_t> Spatial(const Shape& shape) {
  return {shape.dims.begin() + 2, shape.dims.end()};
}

Status CheckInput(const Node& node, const Operand& x) {
  const bool small_integer = x.dtype == DType::kI8 || x.dtype == DType::kU8;
  if (!IsFloat(x.dtype) && !(KindOfPool(node.op) == Kind::kMax && small_integer))
    return InvalidArgument("it does not take " + std::string(DTypeName(x.dtype)));
  if (x.shape.rank() < 3)
    return InvalidArgument("input 'X' has rank " + std::to_string(x.shape.rank()));
  const int64_t p = IntAttribute(node, "p", 2);
  if (p < 1 || p > 64) return InvalidArgument("attribute 'p' is " + std::to_string(p));
  return {};
}

Result<OutputTypes> Infer(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(CheckInput(node, operands[0]));
  KEDGE_TRY(Window window, ResolveWindow(node, Spatial(operands[0].shape)));
  Shape shape{operands[0].shape[0], operands[0].shape[1]};
  shape.dims.insert(shape.dims.end(), window.output.begin(), window.output.end());
  if (IntAttribute(node, "storage_order", 0) != 0)
    return Unimplemented("attribute 'storage_order' is not 0");
  return OneOutput(operands[0].dtype, std::move(shape));
}

Result<OutputTypes> InferGlobal(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(CheckInput(node, operands[0]));
  Shape shape = operands[0].shape;
  std::fill(shape.dims.begin() + 2, shape.dims.end(), 1);
  return OneOutput(operands[0].dtype, std::move(shape));
}

// Collects one window's elements.
struct Pooler {
  Kind kind;
  double p;
  double sum;
  int64_t count;
  void Start() {
    sum = kind == Kind::kMax ? -INFINITY : 0;
    count = 0;
  }
  void Add(double x) {
    if (kind == Kind::kMax) sum = x > sum || std::isnan(x) ? x : sum;
    if (kind == Kind::kAverage) sum += x;
    if (kind == Kind::kLp) sum += std::pow(std::abs(x), p);
    ++count;
  }
  double Finish() const {
    if (kind == Kind::kMax) return sum;
    if (kind == Kind::kLp) return std::pow(sum, 1 / p);
    return count == 0 ? 0 : sum / static_cast<double>(count);
  }
};

using Triple = std::array<int64_t, 3>;
Triple Pad3(const std::vector<int64_t>& sizes, int64_t fill) {
  Triple padded{fill, fill, fill};
  std::copy(sizes.begin(), sizes.end(), padded.end() - static_cast<ptrdiff_t>(sizes.size()));
  return padded;
}

struct Geometry {
  Triple in, out, kernel, strides, dilations, begin, end;
};

// Adds the window of output position `o` of one plane; returns how many of its positions lie inside
// the padded input.
int64_t AddWindow(const Geometry& g, const Triple& o, const double* plane, Pooler& pooler) {
  int64_t padded = 0;
  Triple k;
  for (k[0] = 0; k[0] < g.kernel[0]; ++k[0]) {
    for (k[1] = 0; k[1] < g.kernel[1]; ++k[1]) {
      for (k[2] = 0; k[2] < g.kernel[2]; ++k[2]) {
        Triple at;
        bool inside = true;
        bool inside_padding = true;
        for (size_t d = 0; d < 3; ++d) {
          at[d] = o[d] * g.strides[d] + k[d] * g.dilations[d] - g.begin[d];
          inside &= at[d] >= 0 && at[d] < g.in[d];
          inside_padding &= at[d] < g.in[d] + g.end[d];
        }
        padded += inside_padding;
        if (inside) pooler.Add(plane[(at[0] * g.in[1] + at[1]) * g.in[2] + at[2]]);
      }
    }
  }
  return padded;
}

void PoolPlane(const Geometry& g, bool include_pad, const double* plane, Pooler& pooler,
               double* out) {
  Triple o;
  for (o[0] = 0; o[0] < g.out[0]; ++o[0]) {
    for (o[1] = 0; o[1] < g.out[1]; ++o[1]) {
      for (o[2] = 0; o[2] < g.out[2]; ++o[2]) {
        pooler.Start();
        const int64_t padded = AddWindow(g, o, plane, pooler);
        if (include_pad) pooler.count = padded;
        *out++ = pooler.Finish();
      }
    }
  }
}

Status Evaluate(const Node& node, std::span<const Tensor* const> inputs,
                std::span<Tensor> outputs) {
  const Shape& shape = inputs[0]->shape();
  const bool global = node.op.starts_with("Global");
  Window window;
  if (global) {
    window.kernel = Spatial(shape);
    window.output.assign(window.kernel.size(), 1);
    if (window.kernel.size() > kSpatialRankMax)
      return Unimplemented("more than 3 spatial dimensions are not supported");
  } else {
    KEDGE_TRY(window, ResolveWindow(node, Spatial(shape)));
  }
  const Geometry geometry{.in = Pad3(Spatial(shape), 1),
                          .out = Pad3(window.output, 1),
                          .kernel = Pad3(window.kernel, 1),
                          .strides = Pad3(window.strides, 1),
                          .dilations = Pad3(window.dilations, 1),
                          .begin = Pad3(window.pads_begin, 0),
                          .end = Pad3(window.pads_end, 0)};
  const int64_t in_volume = ProductOf(shape.dims, 2, shape.rank());
  const int64_t out_volume = ProductOf(window.output, 0, window.output.size());
  const bool include_pad =
      node.op == "AveragePool" && IntAttribute(node, "count_include_pad", 0) != 0;
  Pooler pooler{KindOfPool(node.op), static_cast<double>(IntAttribute(node, "p", 2)), 0, 0};
  const std::vector<double> x = ReadDoubles(*inputs[0]);
  std::vector<double> y(static_cast<size_t>(outputs[0].elements()));
  for (int64_t plane = 0; plane < shape[0] * shape[1]; ++plane) {
    PoolPlane(geometry, include_pad, x.data() + plane * in_volume, pooler,
              y.data() + plane * out_volume);
  }
  WriteDoubles(y, outputs[0]);
  return {};
}

}  // namespace

OpSchema PoolSchema(std::string_view name) {
  OpSchema schema{.family = Family::kWindow,
                  .attributes = {{"kernel_shape", AttributeKind::kInts, true},
                                 {"strides", AttributeKind::kInts},
                                 {"pads", AttributeKind::kInts},
                                 {"dilations", AttributeKind::kInts},
                                 {"ceil_mode", AttributeKind::kInt},
                                 {"auto_pad", AttributeKind::kString}},
                  .infer = Infer,
                  .evaluate = Evaluate};
  if (name == "AveragePool")
    schema.attributes.push_back({"count_include_pad", AttributeKind::kInt});
  if (name == "LpPool") schema.attributes.push_back({"p", AttributeKind::kInt});
  if (name == "MaxPool") schema.attributes.push_back({"storage_order", AttributeKind::kInt});
  return schema;
}

OpSchema GlobalPoolSchema(std::string_view name) {
  OpSchema schema{.family = Family::kWindow, .infer = InferGlobal, .evaluate = Evaluate};
  if (name == "GlobalLpPool") schema.attributes.push_back({"p", AttributeKind::kInt});
  return schema;
}

}  // namespace kedge::compiler
