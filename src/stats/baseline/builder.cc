// SPDX-License-Identifier: Apache-2.0
#include "stats/baseline/builder.h"

#include <algorithm>
#include <cmath>

#include "stats/baseline/collected_feature.h"
#include "stats/features/element.h"
#include "stats/features/embedding.h"
#include "stats/features/tensor_reader.h"

namespace kedge::stats {
namespace {

constexpr size_t kPrototypesWanted = 16;
constexpr size_t kPrototypeNumbersMax = 8192;  // of all prototypes of a tensor

}  // namespace

struct BaselineBuilder::State final : ValueSink {
  BuilderOptions options;
  std::vector<TensorUse> tensors;
  std::optional<FeaturePlan> plan;  // always there after Make
  std::vector<CollectedFeature> features;
  std::vector<std::vector<std::vector<float>>> embeddings;  // [tensor][row]
  std::vector<BuilderNote> notes;
  uint64_t rows = 0;
  std::optional<int64_t> time_ms;
  size_t class_feature = SIZE_MAX;
  size_t confidence_feature = SIZE_MAX;
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> confusion;
  LabelledQuality quality;
  uint32_t classes = 0;

  void BeginRow() override { ++rows; }
  void Value(size_t feature, double value) override { features[feature].Add(value, time_ms); }
  void KeepEmbeddings(std::span<const TensorView> inputs, std::span<const TensorView> outputs);
  void AddDistance(size_t tensor, Baseline& baseline);
  void AddQuality(Baseline& baseline) const;
};

BaselineBuilder::BaselineBuilder(std::unique_ptr<State> state) : state_(std::move(state)) {}
BaselineBuilder::~BaselineBuilder() = default;
BaselineBuilder::BaselineBuilder(BaselineBuilder&&) noexcept = default;
BaselineBuilder& BaselineBuilder::operator=(BaselineBuilder&&) noexcept = default;

Result<BaselineBuilder> BaselineBuilder::Make(std::vector<TensorUse> tensors,
                                              std::vector<WantedFeature> features,
                                              const BuilderOptions& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  std::vector<FeatureUse> uses;
  for (WantedFeature& feature : features) {
    uses.push_back(feature.use);
    if (feature.use.statistic == Statistic::kClass) state->class_feature = uses.size() - 1;
    if (feature.use.statistic == Statistic::kMaxProbability)
      state->confidence_feature = uses.size() - 1;
    state->features.emplace_back(std::move(feature));
  }
  state->tensors = tensors;
  state->embeddings.resize(tensors.size());
  KEDGE_TRY(state->plan, FeaturePlan::Make(std::move(tensors), std::move(uses)));
  return BaselineBuilder(std::move(state));
}

// First rows of every embedding, for prototypes.
void BaselineBuilder::State::KeepEmbeddings(std::span<const TensorView> inputs,
                                            std::span<const TensorView> outputs) {
  for (size_t t = 0; t < tensors.size(); ++t) {
    const TensorUse& use = tensors[t];
    if (use.role != Role::kEmbedding || embeddings[t].size() >= kKeptEmbeddings) continue;
    const TensorView& view = (use.side == Side::kInput ? inputs : outputs)[use.index];
    if (view.bytes.empty()) continue;
    std::vector<float>& row = embeddings[t].emplace_back(static_cast<size_t>(RowElements(use)));
    ReadFloats(view, 0, row);
    const auto finite = [](float x) { return std::isfinite(x); };
    if (!std::all_of(row.begin(), row.end(), finite)) embeddings[t].pop_back();
  }
}

Status BaselineBuilder::Observe(std::span<const TensorView> inputs,
                                std::span<const TensorView> outputs,
                                std::optional<int64_t> time_ms) {
  state_->time_ms = time_ms;
  if (!state_->plan->Compute(inputs, outputs, *state_))
    return InvalidArgument("row " + std::to_string(state_->rows) +
                           " does not have the types and shapes of the ones before");
  state_->KeepEmbeddings(inputs, outputs);
  return {};
}

Status BaselineBuilder::ObserveRow(std::span<const Cell> cells, std::optional<int64_t> time_ms) {
  if (cells.size() != state_->features.size())
    return InvalidArgument("row " + std::to_string(state_->rows) + " has " +
                           std::to_string(cells.size()) + " fields, expected " +
                           std::to_string(state_->features.size()));
  ++state_->rows;
  for (size_t i = 0; i < cells.size(); ++i) state_->features[i].Add(cells[i], time_ms);
  return {};
}

void BaselineBuilder::Label(uint32_t true_class) {
  State& state = *state_;
  if (state.class_feature == SIZE_MAX || state.confidence_feature == SIZE_MAX) return;
  const double predicted = state.features[state.class_feature].last();
  const double confidence = state.features[state.confidence_feature].last();
  if (std::isnan(predicted) || std::isnan(confidence) || true_class >= kClassesMax ||
      predicted >= static_cast<double>(kClassesMax))
    return;
  const auto predicted_class = static_cast<uint32_t>(predicted);
  ++state.confusion[{true_class, predicted_class}];
  state.classes = std::max({state.classes, true_class + 1, predicted_class + 1});
  const auto bin =
      std::min(static_cast<size_t>(confidence * kCalibrationBins), kCalibrationBins - 1);
  ++state.quality.calibration_rows[bin];
  state.quality.calibration_confidence_ppm[bin] +=
      std::min<uint64_t>(1'000'000, static_cast<uint64_t>(std::llround(confidence * 1e6)));
  state.quality.calibration_right[bin] += predicted_class == true_class ? 1 : 0;
}

// Prototypes of one half of the rows, and how far the other half is from them.
void BaselineBuilder::State::AddDistance(size_t tensor, Baseline& baseline) {
  const auto& rows_kept = embeddings[tensor];
  if (rows_kept.size() < 4 * kPrototypesWanted) return;
  const size_t count = std::min(kPrototypesWanted, kPrototypeNumbersMax / rows_kept[0].size());
  if (count < 2) return;
  std::vector<std::vector<float>> half;
  for (size_t i = 0; i < rows_kept.size(); i += 2) half.push_back(rows_kept[i]);
  TensorUse& use = baseline.tensors[tensor];
  use.prototypes = Prototypes(half, count, use.seed);
  CollectedFeature distances({.name = use.name + " distance to prototype",
                              .use = {.tensor = static_cast<uint32_t>(tensor),
                                      .statistic = Statistic::kEmbeddingDistance}});
  for (size_t i = 1; i < rows_kept.size(); i += 2)
    distances.Add(NearestPrototype(rows_kept[i], use.prototypes), std::nullopt);
  if (auto feature = distances.Finish(options, notes))
    baseline.features.push_back(*std::move(feature));
}

void BaselineBuilder::State::AddQuality(Baseline& baseline) const {
  const size_t count = std::max<size_t>(classes, baseline.classes.size());
  if (confusion.empty() || count < 2) return;
  baseline.quality = quality;
  baseline.quality->confusion.assign(count, std::vector<uint64_t>(count));
  for (const auto& [place, rows_there] : confusion)
    baseline.quality->confusion[place.first][place.second] = rows_there;
}

Result<Baseline> BaselineBuilder::Finish(std::vector<std::string> classes) {
  State& state = *state_;
  if (state.rows == 0) return FailedPrecondition("there are no rows to make a baseline of");
  Baseline baseline{.rows = state.rows, .tensors = state.tensors, .classes = std::move(classes)};
  for (const CollectedFeature& collected : state.features) {
    if (auto feature = collected.Finish(state.options, state.notes))
      baseline.features.push_back(*std::move(feature));
  }
  for (size_t t = 0; t < state.tensors.size(); ++t) {
    if (state.tensors[t].role == Role::kEmbedding) state.AddDistance(t, baseline);
  }
  if (baseline.features.empty()) return FailedPrecondition("no feature of the data can be watched");
  state.AddQuality(baseline);
  KEDGE_TRY_STATUS(CheckBaseline(baseline));
  return baseline;
}

const std::vector<BuilderNote>& BaselineBuilder::notes() const { return state_->notes; }

}  // namespace kedge::stats
