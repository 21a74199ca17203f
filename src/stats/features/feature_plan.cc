// SPDX-License-Identifier: Apache-2.0
#include "stats/features/feature_plan.h"

#include <algorithm>

#include "stats/features/tensor_reader.h"

namespace kedge::stats {
namespace {

constexpr size_t kFeatureUsesMax = 512;

// Whether `view` is the tensor of the use, with any number of rows; then `rows` is that.
bool Fits(const TensorUse& use, const TensorView& view, size_t& rows) {
  if (view.dtype != use.dtype || view.dims.size() != use.shape.rank()) return false;
  int64_t elements = 1;
  for (size_t i = 0; i < view.dims.size(); ++i) {
    const bool counts_rows = i == 0 && HasRows(use);
    if (counts_rows ? view.dims[i] < 0 || view.dims[i] > kRowsMax * 1024
                    : view.dims[i] != use.shape[i])
      return false;
    elements *= view.dims[i];
  }
  rows = HasRows(use) ? static_cast<size_t>(view.dims[0]) : 1;
  return view.bytes.size() == static_cast<size_t>(elements) * DTypeSize(use.dtype);
}

}  // namespace

struct FeaturePlan::State {
  std::vector<TensorUse> tensors;
  std::vector<FeatureUse> features;
  std::vector<std::unique_ptr<TensorReader>> readers;  // one a tensor; null: no feature
};

FeaturePlan::FeaturePlan(std::unique_ptr<State> state) : state_(std::move(state)) {}
FeaturePlan::~FeaturePlan() = default;
FeaturePlan::FeaturePlan(FeaturePlan&&) noexcept = default;
FeaturePlan& FeaturePlan::operator=(FeaturePlan&&) noexcept = default;

Result<FeaturePlan> FeaturePlan::Make(std::vector<TensorUse> tensors,
                                      std::vector<FeatureUse> features) {
  if (tensors.size() > kTensorUsesMax || features.size() > kFeatureUsesMax)
    return ResourceExhausted(std::to_string(tensors.size()) + " tensors and " +
                             std::to_string(features.size()) + " features, at most " +
                             std::to_string(kTensorUsesMax) + " and " +
                             std::to_string(kFeatureUsesMax) + " are allowed");
  for (const TensorUse& use : tensors) KEDGE_TRY_STATUS(CheckTensorUse(use));
  std::vector<std::vector<PlacedFeature>> placed(tensors.size());
  for (size_t i = 0; i < features.size(); ++i) {
    const FeatureUse& feature = features[i];
    if (feature.tensor >= tensors.size())
      return InvalidArgument("feature " + std::to_string(i) + " is of tensor " +
                             std::to_string(feature.tensor) + ", there are " +
                             std::to_string(tensors.size()));
    KEDGE_TRY_STATUS(CheckFeatureUse(tensors[feature.tensor], feature));
    placed[feature.tensor].push_back({feature.statistic, feature.argument, i});
  }
  auto state = std::make_unique<State>();
  for (size_t t = 0; t < tensors.size(); ++t) {
    state->readers.push_back(
        placed[t].empty() ? nullptr : MakeTensorReader(tensors[t], std::move(placed[t])));
  }
  state->tensors = std::move(tensors);
  state->features = std::move(features);
  return FeaturePlan(std::move(state));
}

bool FeaturePlan::Compute(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
                          ValueSink& sink) {
  std::array<const TensorView*, kTensorUsesMax> views{};
  size_t rows = 0;
  bool first = true;
  for (size_t t = 0; t < state_->tensors.size(); ++t) {
    const TensorUse& use = state_->tensors[t];
    const std::span<const TensorView> side = use.side == Side::kInput ? inputs : outputs;
    size_t rows_here = 0;
    if (use.index >= side.size() || !Fits(use, side[use.index], rows_here)) return false;
    if (!first && rows_here != rows) return false;
    views[t] = &side[use.index];
    rows = rows_here;
    first = false;
  }
  rows = std::min(rows, static_cast<size_t>(kRowsMax));
  for (size_t row = 0; row < rows; ++row) {
    sink.BeginRow();
    for (size_t t = 0; t < state_->readers.size(); ++t) {
      if (state_->readers[t] != nullptr) state_->readers[t]->Compute(*views[t], row, sink);
    }
  }
  return true;
}

const std::vector<TensorUse>& FeaturePlan::tensors() const { return state_->tensors; }
const std::vector<FeatureUse>& FeaturePlan::features() const { return state_->features; }

size_t FeaturePlan::MemoryBytes() const {
  size_t bytes = sizeof *this + sizeof *state_ + state_->tensors.size() * sizeof(TensorUse) +
                 state_->features.size() * sizeof(FeatureUse);
  for (const auto& reader : state_->readers) bytes += reader == nullptr ? 0 : reader->MemoryBytes();
  return bytes;
}

}  // namespace kedge::stats
