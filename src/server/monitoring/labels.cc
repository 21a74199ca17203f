// SPDX-License-Identifier: Apache-2.0
#include "server/monitoring/labels.h"

#include <charconv>

namespace kedge::server {
namespace {

namespace mm = stats::model_monitor;

std::optional<double> NumberIn(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A column by its name, or by its index in the output (in all columns of a record that is no
// capture).
Result<std::string> CellOf(const mm::Record& record, const std::string& column) {
  for (const auto& [name, text] : record.cells) {
    if (name == column) return text;
  }
  size_t index = 0;
  const auto [end, error] = std::from_chars(column.data(), column.data() + column.size(), index);
  const size_t columns = record.outputs > 0 ? record.outputs : record.cells.size();
  if (error == std::errc() && end == column.data() + column.size() && index < columns) {
    return record.cells[index].second;
  }
  return InvalidArgument("a record has no column '" + column + "'");
}

}  // namespace

Result<Labels> ReadLabels(blob::BlobStore& blobs, const blob::ObjectName& place,
                          const MonitoringWindow& window) {
  Labels labels;
  const auto read_line = [&](std::string_view line) -> Status {
    KEDGE_TRY(const json::Value value, json::Parse(line));
    KEDGE_TRY(mm::GroundTruth truth, mm::ReadGroundTruthLine(value));
    if (labels.size() == kLabelsMax) {
      return InvalidArgument("there are more than " + std::to_string(kLabelsMax) + " labels");
    }
    labels[std::move(truth.event_id)] = std::move(truth.label);
    return {};
  };
  KEDGE_TRY_STATUS(ForEachObject(
      blobs, place, window,
      [&](const std::string&, std::string_view text) { return mm::ForEachLine(text, read_line); }));
  return labels;
}

const std::string* LabelOf(const Labels& labels, const mm::Record& record) {
  const std::string& id = record.inference_id.empty() ? record.event_id : record.inference_id;
  const auto found = labels.find(id);
  return found == labels.end() ? nullptr : &found->second;
}

Result<Prediction> PredictionOf(const mm::Record& record, const PredictionPlace& place) {
  Prediction prediction;
  if (!place.probability.empty()) {
    KEDGE_TRY(const std::string text, CellOf(record, place.probability));
    prediction.probability = NumberIn(text);
    if (!prediction.probability) return InvalidArgument("probability '" + text + "' is no number");
  }
  if (!place.inference.empty()) {
    KEDGE_TRY(prediction.value, CellOf(record, place.inference));
    return prediction;
  }
  if (prediction.probability) return prediction;
  if (record.outputs == 1) {
    prediction.value = record.cells.front().second;
    return prediction;
  }
  std::optional<double> best;
  for (size_t i = 0; i < record.outputs; ++i) {
    const auto number = NumberIn(record.cells[i].second);
    if (!number)
      return InvalidArgument("InferenceAttribute must say which output is the prediction");
    if (best && *number <= *best) continue;
    best = number;
    prediction.value = std::to_string(i);
  }
  if (!best)
    return InvalidArgument("a record has no output; name its column by InferenceAttribute");
  return prediction;
}

}  // namespace kedge::server
