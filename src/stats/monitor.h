// The door of the device: a baseline, and inferences in; reports and evidence out.
//
//   KEDGE_TRY(Baseline baseline, ParseBaseline(text));
//   KEDGE_TRY(ModelMonitor monitor, ModelMonitor::Make(baseline, BaselineIdOf(text)));
//   monitor.Observe(inputs, outputs, now_ms);              // each inference that is looked at
//   ModelReport report = monitor.TakeReport(now_s, {...}); // each heartbeat
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "stats/baseline/baseline.h"
#include "stats/evidence/alarm_budget.h"
#include "stats/evidence/bet_table.h"

namespace kedge::stats {

// How a feature's bet table is built, wherever it is judged. Reference rows that follow each other
// in time are worth one in a stride.
inline BetTableOptions BetOptionsOf(const FeatureBaseline& feature) {
  const double rows = static_cast<double>(feature.values()) / feature.stride;
  return {.tolerance = feature.tolerance, .rows = rows > 1 ? rows : 1};
}

// Evidence of one feature as the device sees it.
struct FeatureEvidence {
  size_t feature = 0;
  double evidence = 0;
  double level = 0;  // evidence in units of the alarm's threshold (alarm_budget.h)
};

// One thread. Memory is taken in Make and TakeReport only; 128 numeric features of equally many
// rows need less than 64 KiB (MemoryBytes says; every distinct reference, such as of categories or
// of values with ties, adds 1 or 2 KiB).
class ModelMonitor {
 public:
  struct Options {
    AlarmBudget budget;
  };
  struct ReportOptions {
    std::string model_name;
    std::string model_version;
    bool moments = false;  // carry the sums since the last report that carried them
  };

  // `baseline` is not kept. kInvalidArgument for one that CheckBaseline refuses or whose features
  // do not fit its tensors.
  static Result<ModelMonitor> Make(const Baseline& baseline, const BaselineId& id,
                                   const Options& options, int64_t now_ms);
  ~ModelMonitor();
  ModelMonitor(ModelMonitor&&) noexcept;
  ModelMonitor& operator=(ModelMonitor&&) noexcept;

  // Counts one inference; tensors in the model's order, borrowed for the call. Never fails: what is
  // not of the baseline's types is counted as mismatched. Allocates nothing. `now_ms`: Unix time,
  // for the hour of the day. A feature is no longer counted once kReportSamplesMax of its values
  // wait for TakeReport.
  void Observe(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
               int64_t now_ms);

  // The same for a row of a table that was read from a file: the value of each feature, in the
  // baseline's order; nothing is a null. Categories as CategoryNumber has them, NaN being unseen.
  void ObserveRow(std::span<const std::optional<double>> values, int64_t now_ms);

  // What was counted since the last report (or Make); counting begins anew, evidence goes on.
  ModelReport TakeReport(int64_t now_s, const ReportOptions& options);
  // Samples that TakeReport would give.
  uint64_t waiting_samples() const;

  // The model's level: mean over its features; 1 is an alarm that keeps the budget.
  double Level() const;
  bool alarm() const { return Level() >= kAlarmLevel; }
  // A feature's evidence; `feature` below features().
  FeatureEvidence Evidence(size_t feature) const;
  size_t features() const;
  const BaselineId& baseline() const;
  // Forgets evidence: when an alarm was acknowledged.
  void RestartEvidence();

  // The value that feature last had, NaN if none: for records of captures.
  double last_value(size_t feature) const;
  // Whether the last inference had a value outside the outermost bins' quantiles (0.1 % and
  // 99.9 %), an unseen category, a NaN or an infinity.
  bool last_was_novel() const;
  // Largest probability less the second of the last inference; NaN without such a feature.
  double last_margin() const;

  size_t MemoryBytes() const;

 private:
  struct State;
  explicit ModelMonitor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kedge::stats
