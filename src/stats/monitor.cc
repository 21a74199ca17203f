// SPDX-License-Identifier: Apache-2.0
#include "stats/monitor.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "stats/watched_feature.h"

namespace kedge::stats {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Equal references have equal tables, which are then held once.
using TableKey = std::tuple<std::vector<uint64_t>, double, uint32_t>;

TableKey KeyOf(const FeatureBaseline& feature) {
  return {feature.counts, feature.tolerance, feature.stride};
}

}  // namespace

struct ModelMonitor::State final : ValueSink {
  Options options;
  BaselineId id{};
  std::optional<FeaturePlan> plan;  // always there after Make
  std::vector<WatchedFeature> features;
  ReportCounts counts;
  std::vector<Moments> moments;
  std::vector<EDetector> detectors;  // one a feature
  std::vector<EDetector> falls;      // the second ones of categorical features
  std::vector<BetTable> tables;
  std::vector<CategoryTables> category_tables;
  std::vector<CategoryBins> categories;
  std::vector<Season> seasons;
  size_t margin = SIZE_MAX;  // the feature that is the margin of a classifier
  int64_t window_begin_ms = 0;
  int64_t evidence_begin_ms = 0;
  int64_t last_ms = 0;
  bool novel = false;

  Status AddNumeric(const FeatureBaseline& feature, std::map<TableKey, uint16_t>& known,
                    WatchedFeature& watched);
  Status AddCategorical(const FeatureBaseline& feature, std::map<TableKey, uint16_t>& known,
                        WatchedFeature& watched);

  void BeginRow() override { counts.samples += counts.samples < kReportSamplesMax ? 1 : 0; }
  void Value(size_t index, double value) override;
  void Null(size_t index) {
    if (!Admit(features[index])) return;
    ++counts.check(index, Check::kNull);
  }
  void BeginInference(int64_t now_ms) {
    last_ms = now_ms;
    novel = false;
  }
  static bool Admit(WatchedFeature& feature) {
    if (feature.waiting >= kReportSamplesMax) return false;
    ++feature.waiting;
    return true;
  }
  size_t NumericBin(size_t index, WatchedFeature& feature, double value);
  void CheckFrozen(size_t index, WatchedFeature& feature, double value);
  void Step(size_t index, WatchedFeature& feature, size_t bin);
  double EvidenceOf(size_t index) const;
  double LevelOf(size_t index) const;
};

Status ModelMonitor::State::AddNumeric(const FeatureBaseline& feature,
                                       std::map<TableKey, uint16_t>& known,
                                       WatchedFeature& watched) {
  const auto [at, added] = known.try_emplace(KeyOf(feature), static_cast<uint16_t>(tables.size()));
  watched.table = at->second;
  if (added) {
    KEDGE_TRY(BetTable table, BetTable::Build(feature.counts, BetOptionsOf(feature)));
    tables.push_back(std::move(table));
  }
  watched.mean = feature.mean;
  watched.per_deviation = kMomentUnit / feature.deviation;
  const auto units = [&watched](double value) {
    return static_cast<float>((value - watched.mean) * watched.per_deviation);
  };
  for (size_t i = 0; i < kCuts; ++i) watched.cuts[i] = units(feature.cuts[i]);
  watched.low = units(feature.min);
  watched.high = units(feature.max);
  if (feature.season) {
    watched.season = static_cast<uint16_t>(seasons.size());
    seasons.push_back(*feature.season);
  }
  return {};
}

Status ModelMonitor::State::AddCategorical(const FeatureBaseline& feature,
                                           std::map<TableKey, uint16_t>& known,
                                           WatchedFeature& watched) {
  const auto [at, added] =
      known.try_emplace(KeyOf(feature), static_cast<uint16_t>(category_tables.size()));
  watched.table = at->second;
  if (added) {
    KEDGE_TRY(CategoryTables built, BuildCategoryTables(feature.counts, BetOptionsOf(feature)));
    category_tables.push_back(std::move(built));
  }
  watched.categories = static_cast<uint16_t>(categories.size());
  categories.emplace_back(feature);
  watched.falls = static_cast<uint16_t>(falls.size());
  falls.emplace_back();
  return {};
}

Result<ModelMonitor> ModelMonitor::Make(const Baseline& baseline, const BaselineId& id,
                                        const Options& options, int64_t now_ms) {
  KEDGE_TRY_STATUS(CheckBaseline(baseline));
  auto state = std::make_unique<State>();
  state->options = options;
  state->id = id;
  state->window_begin_ms = state->evidence_begin_ms = state->last_ms = now_ms;
  std::vector<FeatureUse> uses;
  std::map<TableKey, uint16_t> numeric_tables, category_tables;
  const size_t features = baseline.features.size();
  state->features.reserve(features);
  for (size_t i = 0; i < features; ++i) {
    const FeatureBaseline& feature = baseline.features[i];
    uses.push_back(feature.use);
    WatchedFeature watched;
    watched.stride = watched.until_step = feature.stride;
    watched.frozen_max = feature.frozen_max;
    const Status added = feature.categorical
                             ? state->AddCategorical(feature, category_tables, watched)
                             : state->AddNumeric(feature, numeric_tables, watched);
    if (!added) return Wrap(added.error(), "feature '" + feature.name + "'");
    state->features.push_back(watched);
    if (feature.use.statistic == Statistic::kMargin && state->margin == SIZE_MAX) state->margin = i;
  }
  KEDGE_TRY(state->plan, FeaturePlan::Make(baseline.tensors, std::move(uses)));
  state->counts = ReportCounts(baseline.shapes());
  state->moments.resize(features);
  state->detectors.resize(features);
  return ModelMonitor(std::move(state));
}

ModelMonitor::ModelMonitor(std::unique_ptr<State> state) : state_(std::move(state)) {}
ModelMonitor::~ModelMonitor() = default;
ModelMonitor::ModelMonitor(ModelMonitor&&) noexcept = default;
ModelMonitor& ModelMonitor::operator=(ModelMonitor&&) noexcept = default;

size_t ModelMonitor::State::NumericBin(size_t index, WatchedFeature& feature, double value) {
  const double centre =
      feature.season == kNone ? feature.mean : feature.mean + seasons[feature.season].At(last_ms);
  const double exact = (value - centre) * feature.per_deviation;
  const auto units = static_cast<float>(exact);
  if (std::isfinite(value)) {
    moments[index].ObserveUnits(exact);
    if (units < feature.low) ++counts.check(index, Check::kBelow);
    if (units > feature.high) ++counts.check(index, Check::kAbove);
  } else {
    ++counts.check(index, value > 0 ? Check::kPositiveInfinity : Check::kNegativeInfinity);
  }
  const size_t bin = BinOf(feature.cuts, units);
  novel |= bin == 0 || bin == kNumericBins - 1;
  return bin;
}

void ModelMonitor::State::CheckFrozen(size_t index, WatchedFeature& feature, double value) {
  feature.run = value == feature.last ? feature.run + (feature.run < UINT32_MAX ? 1 : 0) : 1;
  if (feature.frozen_max > 0 && feature.run > feature.frozen_max)
    ++counts.check(index, Check::kFrozen);
}

void ModelMonitor::State::Step(size_t index, WatchedFeature& feature, size_t bin) {
  if (--feature.until_step > 0) return;
  feature.until_step = feature.stride;
  ++feature.steps;
  if (feature.stride > 1) ++counts.strided(index)[bin];
  if (feature.categorical()) {
    const CategoryTables& both = category_tables[feature.table];
    detectors[index].Step(both.rises, static_cast<int>(bin));
    falls[feature.falls].Step(both.falls, static_cast<int>(bin));
  } else {
    detectors[index].Step(tables[feature.table], static_cast<int>(bin));
  }
}

void ModelMonitor::State::Value(size_t index, double value) {
  WatchedFeature& feature = features[index];
  if (!Admit(feature)) return;
  if (std::isnan(value) && !feature.categorical()) {
    ++counts.check(index, Check::kNan);
    feature.last = value;
    novel = true;
    return;
  }
  CheckFrozen(index, feature, value);
  feature.last = value;
  size_t bin;
  if (feature.categorical()) {
    const CategoryBins& known = categories[feature.categories];
    bin = known.BinOf(value);
    novel |= bin == known.unseen();
  } else {
    bin = NumericBin(index, feature, value);
  }
  ++counts.bins(index)[bin];
  Step(index, feature, bin);
}

void ModelMonitor::Observe(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
                           int64_t now_ms) {
  state_->BeginInference(now_ms);
  if (!state_->plan->Compute(inputs, outputs, *state_))
    state_->counts.mismatched += state_->counts.mismatched < kReportSamplesMax ? 1 : 0;
}

void ModelMonitor::ObserveRow(std::span<const std::optional<double>> values, int64_t now_ms) {
  KEDGE_CHECK(values.size() == state_->features.size());
  state_->BeginInference(now_ms);
  state_->BeginRow();
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].has_value()) {
      state_->Value(i, *values[i]);
    } else {
      state_->Null(i);
    }
  }
}

ModelReport ModelMonitor::TakeReport(int64_t now_s, const ReportOptions& options) {
  State& state = *state_;
  ModelReport report{.model_name = options.model_name,
                     .model_version = options.model_version,
                     .baseline = state.id};
  report.window_begin_s = std::max<int64_t>(0, state.window_begin_ms / 1000);
  report.window_s =
      static_cast<uint32_t>(std::clamp<int64_t>(now_s - report.window_begin_s, 0, UINT32_MAX));
  report.alarm = alarm();
  report.counts = state.counts;
  report.evidence.reserve(state.features.size());
  for (size_t i = 0; i < state.features.size(); ++i)
    report.evidence.push_back(EncodeEvidence(state.EvidenceOf(i)));
  if (options.moments) {
    report.moments = state.moments;
    std::fill(state.moments.begin(), state.moments.end(), Moments{});
  }
  state.counts.Clear();
  for (WatchedFeature& feature : state.features) feature.waiting = 0;
  state.window_begin_ms = now_s * 1000;
  return report;
}

uint64_t ModelMonitor::waiting_samples() const { return state_->counts.samples; }

double ModelMonitor::State::EvidenceOf(size_t index) const {
  const double first = detectors[index].Evidence();
  const uint16_t second = features[index].falls;
  return second == kNone ? first : (first + falls[second].Evidence()) / 2;
}

// Steps a second as they were since evidence began: the budget is in time, the detector counts
// steps.
double ModelMonitor::State::LevelOf(size_t index) const {
  const double seconds = std::max(1.0, static_cast<double>(last_ms - evidence_begin_ms) / 1000);
  const double steps_per_s = static_cast<double>(features[index].steps) / seconds;
  return EvidenceOf(index) / AlarmThreshold(steps_per_s, options.budget);
}

double ModelMonitor::Level() const {
  const size_t features = state_->features.size();
  double sum = 0;
  for (size_t i = 0; i < features; ++i) sum += state_->LevelOf(i);
  return features == 0 ? 0 : sum / static_cast<double>(features);
}

FeatureEvidence ModelMonitor::Evidence(size_t feature) const {
  return {.feature = feature,
          .evidence = state_->EvidenceOf(feature),
          .level = state_->LevelOf(feature)};
}

size_t ModelMonitor::features() const { return state_->features.size(); }
const BaselineId& ModelMonitor::baseline() const { return state_->id; }

void ModelMonitor::RestartEvidence() {
  for (EDetector& detector : state_->detectors) detector.Restart();
  for (EDetector& detector : state_->falls) detector.Restart();
  for (WatchedFeature& feature : state_->features) feature.steps = 0;
  state_->evidence_begin_ms = state_->last_ms;
}

double ModelMonitor::last_value(size_t feature) const { return state_->features[feature].last; }
bool ModelMonitor::last_was_novel() const { return state_->novel; }
double ModelMonitor::last_margin() const {
  return state_->margin == SIZE_MAX ? kNan : state_->features[state_->margin].last;
}

size_t ModelMonitor::MemoryBytes() const {
  const State& state = *state_;
  size_t bytes = sizeof *this + sizeof state + state.plan->MemoryBytes();
  bytes += state.features.capacity() * sizeof(WatchedFeature);
  bytes += state.counts.cells().size() * sizeof(uint32_t);
  bytes += state.features.size() * (sizeof(FeatureShape) + sizeof(uint32_t));
  bytes += state.moments.capacity() * sizeof(Moments);
  bytes += (state.detectors.capacity() + state.falls.capacity()) * sizeof(EDetector);
  for (const BetTable& table : state.tables)
    bytes += sizeof table + table.factors.capacity() * sizeof table.factors[0];
  for (const CategoryTables& both : state.category_tables) {
    bytes += sizeof both +
             (both.rises.factors.capacity() + both.falls.factors.capacity()) * sizeof(float[kBets]);
  }
  for (const CategoryBins& categories : state.categories) bytes += categories.MemoryBytes();
  return bytes + state.seasons.capacity() * sizeof(Season);
}

}  // namespace kedge::stats
