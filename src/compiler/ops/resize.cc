// Resize(x, roi?, scales?, sizes?): resampling.
//
//   scales: f32 input, one a dimension (or one for each of attribute axes), or sizes: i64 input.
//   Attributes: mode "nearest", "linear" or "cubic"; coordinate_transformation_mode "half_pixel",
//   "half_pixel_symmetric", "pytorch_half_pixel", "align_corners" or "asymmetric"; nearest_mode
//   "round_prefer_floor", "round_prefer_ceil", "floor" or "ceil"; cubic_coeff_a float -0.75;
//   exclude_outside int 0; axes ints; keep_aspect_ratio_policy "stretch". Not supported: roi
//   (tf_crop_and_resize), antialias, the other policies.
//   After pass canonicalise Resize has sizes only if the model had, else scales.
// Source: ONNX operator Resize-19.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/ops/resize.h"

#include <algorithm>
#include <cmath>

#include "compiler/ops/elements.h"
#include "compiler/ops/rules.h"

namespace kedge::compiler {
namespace {

struct AxisScale {
  double scale = 1;
  int64_t output = 0;
};

Status CheckModes(const Node& node) {
  const auto one_of = [&node](const char* name, const char* other,
                              std::initializer_list<std::string_view> known) -> Status {
    const std::string value = StringAttribute(node, name, other);
    if (std::find(known.begin(), known.end(), value) != known.end()) return {};
    return Unimplemented("attribute '" + std::string(name) + "' is '" + value + "'");
  };
  KEDGE_TRY_STATUS(one_of("mode", "nearest", {"nearest", "linear", "cubic"}));
  KEDGE_TRY_STATUS(one_of(
      "coordinate_transformation_mode", "half_pixel",
      {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"}));
  KEDGE_TRY_STATUS(one_of("nearest_mode", "round_prefer_floor",
                          {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}));
  KEDGE_TRY_STATUS(one_of("keep_aspect_ratio_policy", "stretch", {"stretch"}));
  if (IntAttribute(node, "antialias", 0) != 0)
    return Unimplemented("attribute 'antialias' is not 0");
  return {};
}

Result<std::vector<size_t>> ResizedAxes(const Node& node, size_t rank) {
  std::vector<size_t> axes;
  std::vector<int64_t> given = IntsAttribute(node, "axes");
  if (!node.attributes.contains("axes")) {
    for (size_t i = 0; i < rank; ++i) axes.push_back(i);
    return axes;
  }
  KEDGE_TRY_STATUS(ResolveAxes(given, rank));
  for (int64_t axis : given) axes.push_back(static_cast<size_t>(*ResolveAxis(axis, rank)));
  return axes;
}

// Scale and output size of each dimension.
Result<std::vector<AxisScale>> Scales(const Node& node, std::span<const Operand> operands) {
  const Shape& x = operands[0].shape;
  KEDGE_TRY(const std::vector<size_t> axes, ResizedAxes(node, x.rank()));
  std::vector<AxisScale> result;
  for (int64_t size : x.dims) result.push_back({1, size});
  const bool by_sizes = operands[3].present;
  const Tensor& numbers = *(by_sizes ? operands[3] : operands[2]).constant;
  if (numbers.elements() != static_cast<int64_t>(axes.size()))
    return InvalidArgument("there are " + std::to_string(numbers.elements()) +
                           " scales or sizes for " + std::to_string(axes.size()) + " axes");
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t input = x[axes[i]];
    const double number = ElementAsDouble(numbers, static_cast<int64_t>(i));
    AxisScale& axis = result[axes[i]];
    const double output = by_sizes ? number : std::floor(static_cast<double>(input) * number);
    if (!(number > 0) || !(output < static_cast<double>(kElementsMax)))
      return InvalidArgument("a scale or size is out of range");
    axis.output = static_cast<int64_t>(output);
    axis.scale = by_sizes ? number / static_cast<double>(std::max<int64_t>(1, input)) : number;
  }
  return result;
}

bool IsKnown(std::span<const Operand> operands) {
  if (operands[3].present) return operands[3].constant != nullptr;
  return operands[2].present && operands[2].constant != nullptr;
}

Result<OutputTypes> Infer(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY_STATUS(CheckModes(node));
  if (!operands[2].present && !operands[3].present)
    return InvalidArgument("it has neither scales nor sizes");
  if (operands[2].present && operands[3].present)
    return InvalidArgument("it has both scales and sizes");
  if (!IsKnown(operands)) return OneUnknown(operands[0].dtype);
  KEDGE_TRY(const std::vector<AxisScale> scales, Scales(node, operands));
  Shape shape;
  for (const AxisScale& axis : scales) shape.dims.push_back(axis.output);
  if (operands[0].shape.elements() == 0 && Shape(shape).elements() != 0)
    return InvalidArgument("the input is empty");
  if (operands[0].dtype == DType::kBool) return InvalidArgument("it does not take bool");
  return OneOutput(operands[0].dtype, std::move(shape));
}

double SourceCoordinate(const std::string& mode, int64_t i, const AxisScale& axis, int64_t input) {
  const auto at = static_cast<double>(i);
  const auto size_in = static_cast<double>(input);
  // ONNX means the size before it was rounded down: a scale of 0.6 makes 4 elements 2.4.
  const double exact_out = size_in * axis.scale;
  if (mode == "asymmetric") return at / axis.scale;
  if (mode == "align_corners") return exact_out == 1 ? 0 : at * (size_in - 1) / (exact_out - 1);
  if (mode == "pytorch_half_pixel" && axis.output == 1) return 0;
  const double half = (at + 0.5) / axis.scale - 0.5;
  if (mode != "half_pixel_symmetric") return half;
  const double adjustment = static_cast<double>(axis.output) / exact_out;
  const double center = size_in / 2;
  return center * (1 - adjustment) + half;
}

int64_t Nearest(const std::string& mode, double at) {
  if (mode == "floor") return static_cast<int64_t>(std::floor(at));
  if (mode == "ceil") return static_cast<int64_t>(std::ceil(at));
  if (mode == "round_prefer_ceil") return static_cast<int64_t>(std::floor(at + 0.5));
  return static_cast<int64_t>(std::ceil(at - 0.5));
}

// Keys' cubic convolution kernel.
double CubicWeight(double distance, double a) {
  const double d = std::abs(distance);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}

std::vector<ResizeTap> Taps(const Node& node, double at, int64_t input) {
  const auto clamp = [input](int64_t i) { return std::clamp<int64_t>(i, 0, input - 1); };
  const std::string mode = StringAttribute(node, "mode", "nearest");
  if (mode == "nearest") {
    const std::string rounding = StringAttribute(node, "nearest_mode", "round_prefer_floor");
    return {{clamp(Nearest(rounding, at)), 1}};
  }
  const auto floor = static_cast<int64_t>(std::floor(at));
  const double rest = at - static_cast<double>(floor);
  if (mode == "linear") return {{clamp(floor), 1 - rest}, {clamp(floor + 1), rest}};
  const double a = FloatAttribute(node, "cubic_coeff_a", -0.75f);
  const bool exclude = IntAttribute(node, "exclude_outside", 0) != 0;
  std::vector<ResizeTap> taps;
  double sum = 0;
  for (int64_t i = floor - 1; i <= floor + 2; ++i) {
    const bool inside = i >= 0 && i < input;
    const double weight = exclude && !inside ? 0 : CubicWeight(at - static_cast<double>(i), a);
    taps.push_back({clamp(i), weight});
    sum += weight;
  }
  for (ResizeTap& tap : taps) tap.weight /= exclude ? sum : 1;
  return taps;
}

// Resamples one dimension of `x`.
std::vector<double> ResampleAxis(const std::vector<double>& x, const AxisView& view,
                                 const ResizeAxis& axis) {
  const auto outputs = static_cast<int64_t>(axis.size());
  std::vector<double> y(static_cast<size_t>(view.outer * outputs * view.inner), 0);
  for (int64_t outer = 0; outer < view.outer; ++outer) {
    for (int64_t o = 0; o < outputs; ++o) {
      double* to = y.data() + (outer * outputs + o) * view.inner;
      for (const ResizeTap& tap : axis[static_cast<size_t>(o)]) {
        const double* from = x.data() + (outer * view.length + tap.index) * view.inner;
        if (tap.weight == 0) continue;
        for (int64_t i = 0; i < view.inner; ++i) to[i] += from[i] * tap.weight;
      }
    }
  }
  return y;
}

Status Evaluate(const Node& node, std::span<const Tensor* const> inputs,
                std::span<Tensor> outputs) {
  std::vector<Operand> operands(4);
  for (size_t i = 0; i < 4; ++i) {
    if (inputs[i] != nullptr)
      operands[i] = {true, inputs[i]->dtype(), inputs[i]->shape(), inputs[i]};
  }
  if (outputs[0].elements() == 0) return {};
  KEDGE_TRY(const std::vector<ResizeAxis> axes, ResolveResize(node, operands));
  Shape shape = inputs[0]->shape();
  std::vector<double> values = ReadDoubles(*inputs[0]);
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto size = static_cast<int64_t>(axes[i].size());
    values = ResampleAxis(values, AxisView(shape, static_cast<int64_t>(i)), axes[i]);
    shape.dims[i] = size;
  }
  WriteDoubles(values, outputs[0]);
  return {};
}

}  // namespace

Result<std::vector<ResizeAxis>> ResolveResize(const Node& node, std::span<const Operand> operands) {
  KEDGE_TRY(const std::vector<AxisScale> scales, Scales(node, operands));
  const std::string mode = StringAttribute(node, "coordinate_transformation_mode", "half_pixel");
  std::vector<ResizeAxis> axes;
  for (size_t i = 0; i < scales.size(); ++i) {
    const int64_t input = operands[0].shape[i];
    ResizeAxis axis;
    for (int64_t o = 0; o < scales[i].output; ++o) {
      const bool same = scales[i].scale == 1 && scales[i].output == input;
      axis.push_back(same ? std::vector<ResizeTap>{{o, 1}}
                          : Taps(node, SourceCoordinate(mode, o, scales[i], input), input));
    }
    axes.push_back(std::move(axis));
  }
  return axes;
}

OpSchema ResizeSchema(std::string_view) {
  return {.family = Family::kIndexMap,
          .inputs_min = 1,
          .inputs_max = 4,
          .attributes = {{"mode", AttributeKind::kString},
                         {"coordinate_transformation_mode", AttributeKind::kString},
                         {"nearest_mode", AttributeKind::kString},
                         {"keep_aspect_ratio_policy", AttributeKind::kString},
                         {"cubic_coeff_a", AttributeKind::kFloat},
                         {"exclude_outside", AttributeKind::kInt},
                         {"extrapolation_value", AttributeKind::kFloat},
                         {"antialias", AttributeKind::kInt},
                         {"axes", AttributeKind::kInts}},
          .infer = Infer,
          .evaluate = Evaluate};
}

}  // namespace kedge::compiler
