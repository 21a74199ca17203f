// Labels for inferences, as they were uploaded.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/store.h"

namespace kedge::store {

struct GroundTruth {
  std::string fleet;
  std::string model;
  std::string version;
  std::string inference;  // id, as the application gave it
  EpochMs time = 0;       // of the inference
  EpochMs received = 0;
  std::string device;  // empty: not said
  std::string label;   // class, empty for a regression
  std::string prediction;
  std::optional<double> score;  // of the predicted class
  std::optional<double> label_value;
  std::optional<double> prediction_value;
};

struct GroundTruthFilter {
  std::string fleet;
  std::string model;
  std::string version;
  EpochMs begin = 0;
  EpochMs end = 0;  // not included
};

// Inserts, or replaces those of the same inference.
Status PutGroundTruth(Transaction& transaction, const std::vector<GroundTruth>& records);
// The latest `rows_max` by time.
Result<std::vector<GroundTruth>> ReadGroundTruth(Transaction& transaction,
                                                 const GroundTruthFilter& filter, int64_t rows_max);
Result<int64_t> CountGroundTruth(Transaction& transaction, const GroundTruthFilter& filter);
// Deletes the oldest `rows_max` by time of the filter's model; how many.
Result<int64_t> TrimGroundTruth(Transaction& transaction, const GroundTruthFilter& filter,
                                int64_t rows_max);
Result<int64_t> DeleteGroundTruth(Transaction& transaction, EpochMs received_before,
                                  int64_t rows_max);

}  // namespace kedge::store
