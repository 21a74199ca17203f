// Predictions beside their labels: how model quality and bias join captures with ground truth.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <unordered_map>

#include "server/monitoring/dataset_rows.h"

namespace kedge::server {

constexpr size_t kLabelsMax = 500'000;

// Labels by the id of their inference.
using Labels = std::unordered_map<std::string, std::string>;
// All ground truth below <place>yyyy/mm/dd/hh/ in the window. kInvalidArgument above kLabelsMax, or
// a line that is none.
Result<Labels> ReadLabels(blob::BlobStore& blobs, const blob::ObjectName& place,
                          const MonitoringWindow& window);
// The label of a record: by its inference id if it has one, else by its event id. Null if there is
// none.
const std::string* LabelOf(const Labels& labels, const stats::model_monitor::Record& record);

// What an input says of where predictions stand in a record.
struct PredictionPlace {
  std::string inference;    // column or index into the output; ""
  std::string probability;  // the same; ""
  std::optional<double> threshold;
};
struct Prediction {
  std::string value;  // "" if there is only a probability
  std::optional<double> probability;
};
// Without a place: the only output, or the index of the largest of several numbers.
// kInvalidArgument names the column that is missing.
Result<Prediction> PredictionOf(const stats::model_monitor::Record& record,
                                const PredictionPlace& place);

}  // namespace kedge::server
