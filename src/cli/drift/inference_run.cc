// SPDX-License-Identifier: Apache-2.0
#include "cli/drift/inference_run.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace kedge::cli {
namespace {

// Element i of a float or integer tensor, from a cell.
Status SetElement(Tensor& tensor, size_t i, const stats::Cell& cell) {
  double value = NAN;
  if (const double* number = std::get_if<double>(&cell)) value = *number;
  if (std::holds_alternative<std::string>(cell))
    return InvalidArgument("'" + std::get<std::string>(cell) +
                           "' is no number, the model needs one");
  if (std::isnan(value) && !IsFloat(tensor.dtype()))
    return InvalidArgument("a field is missing and the model's input holds integers");
  uint8_t* to = tensor.mutable_bytes().data() + i * DTypeSize(tensor.dtype());
  switch (tensor.dtype()) {
    case DType::kF32:
      StoreLittle(to, static_cast<float>(value));
      return {};
    case DType::kF64:
      StoreLittle(to, value);
      return {};
    case DType::kF16:
      StoreLittle(to, FloatToHalf(static_cast<float>(value)));
      return {};
    case DType::kI32:
      StoreLittle(to, static_cast<int32_t>(value));
      return {};
    case DType::kI64:
      StoreLittle(to, static_cast<int64_t>(value));
      return {};
    case DType::kU8:
      StoreLittle(to, static_cast<uint8_t>(std::clamp(value, 0.0, 255.0)));
      return {};
    default:
      return Unimplemented("a table cannot fill an input of type " +
                           std::string(DTypeName(tensor.dtype())));
  }
}

// For each input, the column that fills each of its elements.
Result<std::vector<std::vector<size_t>>> MatchColumns(const std::vector<ring::IoInfo>& inputs,
                                                      const std::vector<std::string>& columns) {
  std::vector<std::vector<size_t>> places;
  if (inputs.size() == 1 && inputs[0].shape.elements() == static_cast<int64_t>(columns.size())) {
    std::vector<size_t>& all = places.emplace_back();
    for (size_t c = 0; c < columns.size(); ++c) all.push_back(c);
    return places;
  }
  for (const ring::IoInfo& input : inputs) {
    const auto found = std::find(columns.begin(), columns.end(), input.name);
    if (found == columns.end() || input.shape.elements() != 1)
      return InvalidArgument("a table of " + std::to_string(columns.size()) +
                             " columns does not fit input '" + input.name + "' of shape " +
                             ToString(input.shape));
    places.push_back({static_cast<size_t>(found - columns.begin())});
  }
  return places;
}

Status FillInputs(const std::vector<ring::IoInfo>& inputs,
                  const std::vector<std::vector<size_t>>& places, DataRow& row) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    Tensor tensor(inputs[i].dtype, inputs[i].shape);
    for (size_t e = 0; e < places[i].size(); ++e)
      KEDGE_TRY_STATUS(SetElement(tensor, e, row.cells[places[i][e]]));
    row.inputs.push_back(std::move(tensor));
  }
  return {};
}

}  // namespace

Status RunModel(Executor& model, DataSet& data) {
  std::vector<std::vector<size_t>> places;
  if (data.is_table()) {
    KEDGE_TRY(places, MatchColumns(model.inputs(), data.columns));
  }
  data.input_names.clear();
  data.output_names.clear();
  for (const ring::IoInfo& input : model.inputs()) data.input_names.push_back(input.name);
  for (const ring::IoInfo& output : model.outputs()) data.output_names.push_back(output.name);
  for (size_t i = 0; i < data.rows.size(); ++i) {
    DataRow& row = data.rows[i];
    const std::string where = "row " + std::to_string(i);
    if (data.is_table()) {
      if (Status filled = FillInputs(model.inputs(), places, row); !filled)
        return Wrap(filled.error(), where);
    }
    if (!row.outputs.empty()) continue;
    auto outputs = model.Run(row.inputs);
    if (!outputs) return Wrap(outputs.error(), where);
    row.outputs = *std::move(outputs);
  }
  return {};
}

}  // namespace kedge::cli
