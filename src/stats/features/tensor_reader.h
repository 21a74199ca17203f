// One tensor of a plan: computes the features that stand on it, a row at a time. Internal to the
// plan.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "stats/features/feature_plan.h"

namespace kedge::stats {

// A feature of the tensor and where its values go.
struct PlacedFeature {
  Statistic statistic = Statistic::kColumn;
  uint32_t argument = 0;
  size_t feature = 0;  // for ValueSink
};

class TensorReader {
 public:
  virtual ~TensorReader() = default;
  // `tensor` has the plan's type and shape but for the number of rows; `row` is one of them.
  virtual void Compute(const TensorView& tensor, size_t row, ValueSink& sink) = 0;
  virtual size_t MemoryBytes() const = 0;
};

// Elements of one row: those of all sizes but the first, or of all if the shape is that of one row.
int64_t RowElements(const TensorUse& use);
// Whether the first size counts rows.
bool HasRows(const TensorUse& use);

// kInvalidArgument if the use's shape does not fit its role, or a feature is of another role or has
// an argument out of range.
Status CheckTensorUse(const TensorUse& use);
Status CheckFeatureUse(const TensorUse& use, const FeatureUse& feature);

// `use` and `features` must be ones that the checks accept.
std::unique_ptr<TensorReader> MakeTensorReader(const TensorUse& use,
                                               std::vector<PlacedFeature> features);

}  // namespace kedge::stats
