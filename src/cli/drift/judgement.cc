// SPDX-License-Identifier: Apache-2.0
#include "cli/drift/judgement.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "stats/evidence/categories.h"
#include "stats/evidence/e_benjamini_hochberg.h"
#include "stats/monitor.h"

namespace kedge::cli {
namespace {

using stats::Check;
using stats::FeatureBaseline;

// Leaves the features that the data can have, and the tensors that those stand on.
void KeepAvailable(const DataSet& data, stats::Baseline& baseline,
                   std::vector<std::string>& notes) {
  const bool as_table = data.is_table() && data.rows[0].inputs.empty();
  const auto available = [&](const FeatureBaseline& feature) {
    const stats::TensorUse& use = baseline.tensors[feature.use.tensor];
    if (as_table)
      return std::find(data.columns.begin(), data.columns.end(), feature.name) !=
             data.columns.end();
    const size_t tensors =
        use.side == stats::Side::kInput ? data.rows[0].inputs.size() : data.rows[0].outputs.size();
    return use.index < tensors;
  };
  std::vector<FeatureBaseline> kept;
  for (FeatureBaseline& feature : baseline.features) {
    if (available(feature)) {
      kept.push_back(std::move(feature));
    } else {
      notes.push_back("'" + feature.name + "' is not in the data" +
                      (as_table ? "" : " (give --model for what a model computes)"));
    }
  }
  std::vector<uint32_t> place(baseline.tensors.size(), UINT32_MAX);
  std::vector<stats::TensorUse> tensors;
  for (FeatureBaseline& feature : kept) {
    uint32_t& to = place[feature.use.tensor];
    if (to == UINT32_MAX) {
      to = static_cast<uint32_t>(tensors.size());
      tensors.push_back(baseline.tensors[feature.use.tensor]);
    }
    feature.use.tensor = to;
  }
  baseline.features = std::move(kept);
  baseline.tensors = std::move(tensors);
}

// Cells of a row as the monitor takes them, in the order of the features.
class TableRows {
 public:
  TableRows(const stats::Baseline& baseline, const std::vector<std::string>& columns)
      : baseline_(baseline), values_(baseline.features.size()) {
    for (const FeatureBaseline& feature : baseline.features)
      places_.push_back(static_cast<size_t>(
          std::find(columns.begin(), columns.end(), feature.name) - columns.begin()));
  }
  std::span<const std::optional<double>> Values(const DataRow& row) {
    for (size_t i = 0; i < values_.size(); ++i)
      values_[i] = ValueOf(baseline_.features[i], row.cells[places_[i]]);
    return values_;
  }

 private:
  static std::optional<double> ValueOf(const FeatureBaseline& feature, const stats::Cell& cell) {
    if (const double* number = std::get_if<double>(&cell)) return *number;
    if (const std::string* text = std::get_if<std::string>(&cell))
      return feature.categorical ? stats::CategoryNumber(feature, *text) : NAN;
    return std::nullopt;
  }

  const stats::Baseline& baseline_;
  std::vector<size_t> places_;
  std::vector<std::optional<double>> values_;
};

std::vector<stats::TensorView> ViewsOf(const std::vector<Tensor>& tensors) {
  std::vector<stats::TensorView> views;
  for (const Tensor& tensor : tensors) views.push_back(stats::TensorView::Of(tensor));
  return views;
}

// Feeds all rows; after every few, the evidence of each feature goes to its path.
void Feed(const stats::Baseline& baseline, const DataSet& data, stats::ModelMonitor& monitor,
          DataJudgement& judgement) {
  const bool as_table = data.is_table() && data.rows[0].inputs.empty();
  std::optional<TableRows> table;
  if (as_table) table.emplace(baseline, data.columns);
  const size_t every = (data.rows.size() + kPathPoints - 1) / kPathPoints;
  for (size_t i = 0; i < data.rows.size(); ++i) {
    const DataRow& row = data.rows[i];
    const int64_t time_ms = row.time_ms.value_or(static_cast<int64_t>(i) * 1000);
    if (as_table) {
      monitor.ObserveRow(table->Values(row), time_ms);
    } else {
      monitor.Observe(ViewsOf(row.inputs), ViewsOf(row.outputs), time_ms);
    }
    if ((i + 1) % every != 0 && i + 1 != data.rows.size()) continue;
    for (size_t f = 0; f < judgement.features.size(); ++f) {
      const double evidence = monitor.Evidence(f).evidence;
      judgement.features[f].path.push_back(
          static_cast<float>(std::log10(std::max(1e-3, evidence))));
    }
  }
}

Result<double> EValueOf(const FeatureBaseline& feature, std::span<const uint64_t> counts) {
  const stats::BetTableOptions options = stats::BetOptionsOf(feature);
  if (feature.categorical) {
    KEDGE_TRY(const auto tables, stats::BuildCategoryTables(feature.counts, options));
    stats::CategoryDetector detector;
    detector.StepWindow(tables, counts);
    return detector.Evidence();
  }
  KEDGE_TRY(const auto table, stats::BetTable::Build(feature.counts, options));
  stats::EDetector detector;
  detector.StepWindow(table, counts);
  return detector.Evidence();
}

std::vector<std::string> BinNames(const FeatureBaseline& feature) {
  std::vector<std::string> names;
  if (feature.categorical) {
    names = feature.categories;
    names.emplace_back("other");
    names.emplace_back("unseen");
    return names;
  }
  const auto text = [](double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.4g", value);
    return std::string(buffer);
  };
  names.push_back("< " + text(feature.cuts[0]));
  for (size_t i = 0; i + 1 < stats::kCuts; ++i)
    names.push_back(text(feature.cuts[i]) + " to " + text(feature.cuts[i + 1]));
  names.push_back(">= " + text(feature.cuts.back()));
  return names;
}

bool MissesValues(const FeatureBaseline& feature, const FeatureJudgement& judged) {
  const auto share = [](uint64_t missing, uint64_t values) {
    const auto all = static_cast<double>(missing + values);
    return all > 0 ? static_cast<double>(missing) / all : 0;
  };
  const double before = share(feature.nulls + feature.nans, feature.values());
  const double now = share(judged.nulls, judged.values);
  const auto rows = static_cast<double>(judged.nulls + judged.values);
  const double error = rows > 0 ? std::sqrt(std::max(before, 0.001) * (1 - before) / rows) : 1;
  return now - before > std::max(0.02, 4 * error);
}

Status JudgeFeature(const FeatureBaseline& feature, const stats::ReportCounts& counts, size_t index,
                    FeatureJudgement& judged) {
  judged.name = feature.name;
  judged.categorical = feature.categorical;
  judged.bin_names = BinNames(feature);
  judged.reference = feature.counts;
  const auto bins = counts.bins(index);
  judged.current.assign(bins.begin(), bins.end());
  judged.values = counts.values(index);
  const auto check = [&](Check what) { return uint64_t{counts.check(index, what)}; };
  judged.nulls = check(Check::kNull) + check(Check::kNan);
  judged.frozen = check(Check::kFrozen);
  judged.outside = feature.categorical
                       ? judged.current.back()
                       : check(Check::kBelow) + check(Check::kAbove) +
                             check(Check::kPositiveInfinity) + check(Check::kNegativeInfinity);
  stats::Comparison comparison{judged.reference, judged.current, {}};
  std::array<double, stats::kNumericBins> positions{};
  if (!feature.categorical) {
    positions = stats::BinPositions(feature.cuts, feature.min, feature.max, feature.mean,
                                    feature.deviation);
    comparison.positions = positions;
    judged.shift = stats::MeanShift(comparison);
  }
  judged.distances = stats::Estimates(comparison);
  const auto testable = counts.testable(index);
  const std::vector<uint64_t> tested(testable.begin(), testable.end());
  KEDGE_TRY(const double e_value, EValueOf(feature, tested));
  judged.log10_e_value = std::log10(std::max(1e-30, e_value));
  return {};
}

void DecideVerdicts(const stats::Baseline& baseline, DataJudgement& judgement) {
  std::vector<double> e_values;
  for (const FeatureJudgement& judged : judgement.features)
    e_values.push_back(judged.values < kValuesForVerdict ? 0 : std::pow(10, judged.log10_e_value));
  const stats::Discoveries named =
      stats::NameByEvidence(e_values, static_cast<int64_t>(e_values.size()), judgement.fdr);
  for (size_t i = 0; i < judgement.features.size(); ++i) {
    FeatureJudgement& judged = judgement.features[i];
    if (judged.nulls + judged.values >= kValuesForVerdict &&
        MissesValues(baseline.features[i], judged)) {
      judged.verdict = DriftVerdict::kMissing;
    } else if (judged.values < kValuesForVerdict) {
      judged.verdict = DriftVerdict::kFewValues;
    }
    if (judged.values >= kValuesForVerdict && e_values[i] >= named.threshold)
      judged.verdict = DriftVerdict::kDrift;
  }
}

}  // namespace

std::string_view DriftVerdictName(DriftVerdict verdict) {
  switch (verdict) {
    case DriftVerdict::kSame:
      return "same";
    case DriftVerdict::kDrift:
      return "drift";
    case DriftVerdict::kMissing:
      return "missing values";
    case DriftVerdict::kFewValues:
      return "few values";
  }
  return "";
}

bool DataJudgement::drifted() const {
  return std::any_of(features.begin(), features.end(), [](const FeatureJudgement& judged) {
    return judged.verdict == DriftVerdict::kDrift || judged.verdict == DriftVerdict::kMissing;
  });
}

Result<DataJudgement> Judge(stats::Baseline baseline, const std::string& baseline_id,
                            const DataSet& data, double fdr) {
  if (data.rows.empty()) return InvalidArgument("there are no rows to judge");
  DataJudgement judgement{
      .baseline_id = baseline_id, .rows = data.rows.size(), .fdr = fdr, .features = {}};
  KeepAvailable(data, baseline, judgement.notes);
  if (baseline.features.empty())
    return InvalidArgument("the data has none of the baseline's features");
  const int64_t begin_ms = data.rows[0].time_ms.value_or(0);
  KEDGE_TRY(stats::ModelMonitor monitor, stats::ModelMonitor::Make(baseline, {}, {}, begin_ms));
  judgement.features.resize(baseline.features.size());
  Feed(baseline, data, monitor, judgement);
  const stats::ModelReport report = monitor.TakeReport(begin_ms / 1000, {"data", "1"});
  if (report.counts.mismatched > 0)
    return InvalidArgument(std::to_string(report.counts.mismatched) +
                           " rows do not have the baseline's tensors");
  for (size_t i = 0; i < baseline.features.size(); ++i) {
    const Status judged =
        JudgeFeature(baseline.features[i], report.counts, i, judgement.features[i]);
    if (!judged) return Wrap(judged.error(), "feature '" + baseline.features[i].name + "'");
  }
  DecideVerdicts(baseline, judgement);
  return judgement;
}

}  // namespace kedge::cli
