// Convolution and its transpose by the generic kernel (kernels/generic/conv.h says how): a step
// that lays out the planes, unless the input already is as they need to be, and one that convolves.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "compiler/codegen/copy.h"
#include "compiler/codegen/expression.h"
#include "compiler/codegen/loop_nest.h"
#include "compiler/codegen/lowering.h"
#include "compiler/ops/window.h"

namespace kedge::compiler {
namespace {

// A tile reads at most this many bytes behind the last pixel it needs (generic/tile.h).
constexpr uint64_t kTileSlackBytes = 4 * 64;

// One spatial dimension of the planes.
struct Axis {
  int64_t in = 1, out = 1, taps = 1;
  int64_t phases = 1;                  // planes side by side: the stride of a convolution
  int64_t spread = 1;                  // distance of input elements: the stride of a transposed one
  int64_t begin = 0;                   // of the input within the (unphased) padded extent
  std::vector<int64_t> tap_positions;  // in the padded extent, of output 0
  int64_t size = 1;                    // of one plane

  bool Direct() const { return phases == 1 && spread == 1 && begin == 0 && size == in; }
};

Axis ConvAxis(const Window& window, size_t i, int64_t in) {
  Axis axis;
  axis.in = in;
  axis.out = window.output[i];
  axis.taps = window.kernel[i];
  axis.begin = window.pads_begin[i];
  const int64_t stride = window.strides[i], dilation = window.dilations[i];
  for (int64_t k = 0; k < axis.taps; ++k) axis.tap_positions.push_back(k * dilation);
  const int64_t reach = (axis.taps - 1) * dilation;
  axis.phases = std::min(stride, reach + 1);
  axis.size = axis.out + reach / stride;
  // With fewer phases than the stride (a 1x1 window), only phase 0 is read: the stride is then
  // taken by the copy alone.
  return axis;
}

Axis TransposedAxis(const Window& window, size_t i, int64_t in) {
  Axis axis;
  axis.in = in;
  axis.out = window.output[i];
  axis.taps = window.kernel[i];
  axis.spread = window.strides[i];
  const int64_t reach = (axis.taps - 1) * window.dilations[i];
  axis.begin = reach - window.pads_begin[i];
  for (int64_t k = 0; k < axis.taps; ++k) {
    axis.tap_positions.push_back(reach - k * window.dilations[i]);
  }
  axis.size = axis.out + reach;
  return axis;
}

// Everything about one convolution that the two steps need.
struct Geometry {
  std::array<Axis, 3> axes;
  std::array<int64_t, 3> strides = {1, 1, 1};  // of a convolution
  int64_t batch = 1, channels = 1;
  int64_t groups = 1, in_channels = 1, out_channels = 1;  // of one group
  bool transposed = false;

  bool Direct() const {
    return std::all_of(axes.begin(), axes.end(), [](const Axis& a) { return a.Direct(); });
  }
  int64_t Phases() const { return axes[0].phases * axes[1].phases * axes[2].phases; }
  int64_t Plane() const { return axes[0].size * axes[1].size * axes[2].size; }
  int64_t Taps() const { return axes[0].taps * axes[1].taps * axes[2].taps; }
  int64_t Pixels() const {
    return ((axes[0].out - 1) * axes[1].size + axes[1].out - 1) * axes[2].size + axes[2].out;
  }
};

Result<Geometry> GeometryOf(const Node& node, PlanBuilder& builder, bool transposed) {
  const Shape& x = builder.value(node.inputs[0]).shape;
  const Shape& w = builder.value(node.inputs[1]).shape;
  const std::vector<int64_t> spatial(x.dims.begin() + 2, x.dims.end());
  const std::vector<int64_t> kernel(w.dims.begin() + 2, w.dims.end());
  Window window;
  if (transposed) {
    KEDGE_TRY(TransposedWindow resolved, ResolveTransposedWindow(node, spatial, kernel));
    window = std::move(resolved.window);
  } else {
    KEDGE_TRY(window, ResolveWindow(node, spatial, kernel));
  }
  Geometry g;
  g.transposed = transposed;
  g.groups = IntAttribute(node, "group", 1);
  g.batch = x[0];
  g.channels = x[1];
  g.in_channels = x[1] / g.groups;
  g.out_channels = builder.value(node.outputs[0]).shape[1] / g.groups;
  const size_t skip = kSpatialRankMax - spatial.size();
  for (size_t i = 0; i < spatial.size(); ++i) {
    g.axes[i + skip] =
        transposed ? TransposedAxis(window, i, spatial[i]) : ConvAxis(window, i, spatial[i]);
    if (!transposed) g.strides[i + skip] = window.strides[i];
  }
  for (Axis& axis : g.axes) {
    if (axis.tap_positions.empty()) axis.tap_positions = {0};
  }
  return g;
}

// The part of one axis that lands in a phase: input elements first, first + step, ... at plane
// positions start, start + plane_step, ...
struct Range {
  int64_t first = 0, step = 1, start = 0, plane_step = 1, count = 0;
};

Range PhaseRange(const Axis& axis, int64_t stride, int64_t phase) {
  Range range;
  if (axis.spread > 1 || axis.phases == 1) {
    range.plane_step = stride == 1 ? axis.spread : 1;
    range.step = stride;
    // Input i lies at begin + i * spread, of which only multiples of the stride are in the plane.
    int64_t i = 0;
    while (i < axis.in &&
           (axis.begin + i * axis.spread < 0 || (axis.begin + i * axis.spread) % stride != 0)) {
      ++i;
    }
    range.first = i;
    range.start = (axis.begin + i * axis.spread) / stride;
  } else {
    const int64_t offset = ((phase - axis.begin) % stride + stride) % stride;
    range.first = offset;
    while (axis.begin + range.first < 0) range.first += stride;
    range.step = stride;
    range.start = (axis.begin + range.first) / stride;
  }
  const int64_t of_input =
      range.first < axis.in ? (axis.in - range.first + range.step - 1) / range.step : 0;
  const int64_t of_plane = range.start < axis.size
                               ? (axis.size - range.start + range.plane_step - 1) / range.plane_step
                               : 0;
  range.count = std::max<int64_t>(0, std::min(of_input, of_plane));
  return range;
}

// Copies of the input into the planes [batch][channel][phase d, h, w][d][h][w].
std::vector<StridedCopy> PlaneCopies(const Geometry& g) {
  const auto& axes = g.axes;
  const int64_t row = axes[2].size, slice = axes[1].size * row, plane = axes[0].size * slice;
  const int64_t in_row = axes[2].in, in_slice = axes[1].in * in_row;
  std::vector<StridedCopy> copies;
  for (int64_t phase = 0; phase < g.Phases(); ++phase) {
    const Range d = PhaseRange(axes[0], g.strides[0], phase / (axes[1].phases * axes[2].phases));
    const Range h = PhaseRange(axes[1], g.strides[1], phase / axes[2].phases % axes[1].phases);
    const Range w = PhaseRange(axes[2], g.strides[2], phase % axes[2].phases);
    StridedCopy copy;
    copy.sizes = {g.batch * g.channels, d.count, h.count, w.count};
    copy.to_strides = {plane * g.Phases(), slice * d.plane_step, row * h.plane_step, w.plane_step};
    copy.from_strides = {axes[0].in * in_slice, in_slice * d.step, in_row * h.step, w.step};
    copy.to_offset = phase * plane + d.start * slice + h.start * row + w.start;
    copy.from_offset = d.first * in_slice + h.first * in_row + w.first;
    copies.push_back(std::move(copy));
  }
  return copies;
}

// Where each tap of the window reads, relative to a channel's first plane.
std::vector<int64_t> TapOffsets(const Geometry& g) {
  std::vector<int64_t> offsets;
  auto split = [&](size_t i, int64_t position) {
    const int64_t stride = g.transposed ? 1 : g.strides[i];
    return std::pair(position % stride, position / stride);
  };
  for (int64_t d : g.axes[0].tap_positions) {
    for (int64_t h : g.axes[1].tap_positions) {
      for (int64_t w : g.axes[2].tap_positions) {
        const auto [pd, od] = split(0, d);
        const auto [ph, oh] = split(1, h);
        const auto [pw, ow] = split(2, w);
        const int64_t phase = (pd * g.axes[1].phases + ph) * g.axes[2].phases + pw;
        offsets.push_back(phase * g.Plane() + (od * g.axes[1].size + oh) * g.axes[2].size + ow);
      }
    }
  }
  return offsets;
}

// The planes: the input itself if it will do, else scratch that a step before fills.
BufferRef Planes(const Geometry& g, const Node& node, PlanBuilder& builder, uint64_t tile_bytes) {
  const Value& input = builder.value(node.inputs[0]);
  const BufferRef from = builder.ReadPlain(node.inputs[0]);
  const size_t element = DTypeSize(input.dtype);
  const bool tiles_fit = static_cast<uint64_t>(g.Pixels()) * element >= tile_bytes;
  if (g.Direct() && tiles_fit) return from;
  CopyStep copy;
  copy.path = "generic-conv planes";
  copy.element_bytes = element;
  copy.from = from;
  copy.copies = PlaneCopies(g);
  copy.to_bytes = static_cast<uint64_t>(g.batch * g.channels * g.Phases() * g.Plane()) * element +
                  kTileSlackBytes;
  copy.to = builder.Scratch(copy.to_bytes);
  copy.fill = true;
  builder.Add(MakeCopies(copy));
  return copy.to;
}

std::string ShapeLiteral(const Geometry& g) {
  const int64_t taps = g.Taps();
  const int64_t channel = g.Phases() * g.Plane();
  const int64_t w_out = g.transposed ? taps : g.in_channels * taps;
  const int64_t w_in = g.transposed ? g.out_channels * taps : taps;
  return ListLiteral({g.groups, g.in_channels, g.out_channels, taps, g.channels * channel, channel,
                      g.in_channels * g.out_channels * taps, w_out, w_in, g.axes[1].size,
                      g.axes[2].size, g.axes[0].out, g.axes[1].out, g.axes[2].out});
}

Status Lower(const Node& node, PlanBuilder& builder, bool transposed) {
  const Value& input = builder.value(node.inputs[0]);
  if (input.dtype != DType::kF32 && input.dtype != DType::kF64) {
    return Unimplemented(Describe(node) + " is of type " + std::string(DTypeName(input.dtype)) +
                         "; f32 and f64 are there");
  }
  KEDGE_TRY(const Geometry g, GeometryOf(node, builder, transposed));
  const Target& target = builder.target();
  const int vectors = target.vector_registers >= 32 ? 4 : 2;
  const bool residual = IntAttribute(node, "kedge.residual", 0) != 0;
  const bool bias = HasInput(node, 2);

  Step step;
  step.path = transposed ? "generic-conv-transpose" : "generic-conv";
  step.reads = {Planes(g, node, builder,
                       static_cast<uint64_t>(vectors) * static_cast<uint64_t>(target.vector_bytes)),
                builder.ReadPlain(node.inputs[1])};
  if (bias) step.reads.push_back(builder.ReadPlain(node.inputs[2]));
  if (residual) step.reads.push_back(builder.ReadPlain(node.inputs.back()));
  step.writes = {builder.WritePlain(node.outputs[0])};

  const int64_t rows = std::min<int64_t>(6, g.out_channels);
  const int64_t units = g.batch * g.groups * ((g.out_channels + rows - 1) / rows);
  const auto elements = static_cast<uint64_t>(builder.value(node.outputs[0]).shape.elements());
  step.tasks = TaskCount(0, elements * static_cast<uint64_t>(g.in_channels * g.Taps()) / 8, units);

  const std::string type(ElementType(input.dtype));
  Source source({"generic/conv.h"});
  source.Line(Text("constexpr ConvShape kShape = ", ShapeLiteral(g), ";"));
  source.Line(Text("constexpr int64_t kTapOffset[] = ", ListLiteral(TapOffsets(g)), ";"));
  source.OpenKernel(1, step.reads.size());
  source.Line(Text("auto* y = reinterpret_cast<", type, "*>(p0);"));
  auto pointer = [&](std::string_view name, size_t p) {
    source.Line(Text("const auto* ", name, " = reinterpret_cast<const ", type, "*>(p", p, ");"));
  };
  pointer("x", 1);
  pointer("w", 2);
  if (bias) pointer("bias", 3);
  if (!bias) source.Line(Text("const ", type, "* bias = nullptr;"));
  if (residual) pointer("residual", step.reads.size());
  source.Open(
      Text("auto finish = [&]([[maybe_unused]] int64_t at, ", type, " value) KEDGE_LAMBDA_INLINE"));
  if (residual) source.Line("value += residual[at];");
  source.Line(Text("return static_cast<", type, ">(", PrintActivation(node, "value"), ");"));
  source.Close("};");
  source.Line(Text("const int64_t begin = task * ", units, " / ", step.tasks,
                   ", end = (task + INT64_C(1)) * ", units, " / ", step.tasks, ";"));
  source.Line(Text("for (int64_t u = begin; u < end; ++u) ConvUnit<kShape, ", rows,
                   ", kVectorsPerRow>(u, x, w, bias, y, kTapOffset, finish);"));
  source.Close();
  step.source = std::move(source).Take();
  builder.Add(std::move(step));
  return {};
}

}  // namespace

Status LowerConv(const Node& node, PlanBuilder& builder) { return Lower(node, builder, false); }

Status LowerConvTranspose(const Node& node, PlanBuilder& builder) {
  return Lower(node, builder, true);
}

}  // namespace kedge::compiler
