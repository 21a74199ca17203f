// Programme (c), fleets: how many one-minute heartbeats of 60 samples until a change on a few
// devices is found, and until the devices are named; and how many of the named are wrong. The
// server sees what the wire carries: one byte of evidence a feature, and counts.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdio>
#include <gtest/gtest.h>
#include <vector>

#include "statistics/binned_stream.h"
#include "statistics/random.h"
#include "stats/evidence/alarm_budget.h"
#include "stats/evidence/e_benjamini_hochberg.h"
#include "stats/evidence/e_detector.h"

namespace kedge::statistics {
namespace {

constexpr int kSamplesPerMinute = 60;
constexpr int kCleanMinutes = 60;
constexpr int kLongestMinutes = 120;
constexpr double kFdr = 0.05;

struct Row {
  const char* name;
  double mean;
  double share;  // of the devices
  double tolerance;
  int found_most, named_most;  // minutes; 0 for no bound
};

struct Outcome {
  double found = kLongestMinutes;        // minutes after the change, by the fleet's level
  double merged_only = kLongestMinutes;  // by the merged counts alone
  double named = kLongestMinutes;        // 90 % of the changed devices
  double false_names = 0;                // share of the names of that minute
};

class SmallFleet {
 public:
  SmallFleet(const Row& row, int devices, uint64_t seed)
      : random_(seed),
        reference_(GaussianReference(100000, seed + 1, {.tolerance = row.tolerance})),
        clean_(BinProbabilities(reference_, {})),
        moved_(BinProbabilities(reference_, {.mean = row.mean})),
        detectors_(devices),
        changed_(static_cast<int>(row.share * devices)) {}

  // One heartbeat of all devices; the first `changed_` are changed if `after`.
  void Minute(bool after) {
    std::array<uint64_t, 16> counts{};
    levels_.clear();
    e_values_.clear();
    steps_ += kSamplesPerMinute;
    for (int d = 0; d < static_cast<int>(detectors_.size()); ++d) {
      const Alias& bins = after && d < changed_ ? moved_ : clean_;
      for (int i = 0; i < kSamplesPerMinute; ++i) {
        const int bin = bins.Draw(static_cast<uint32_t>(random_.Next()));
        detectors_[d].Step(reference_.table, bin);
        ++counts[bin];
      }
      const double heard = stats::DecodeEvidence(stats::EncodeEvidence(detectors_[d].Evidence()));
      levels_.push_back(heard / stats::AlarmThreshold(1));
      e_values_.push_back(heard / std::min(steps_, stats::kHorizonSteps));
    }
    merged_.StepWindow(reference_.table, counts);
  }

  double MergedLevel() const { return merged_.Evidence() / stats::AlarmThreshold(1.0 / 60); }
  double Level() const {
    return stats::FleetLevel(MergedLevel(),
                             stats::MeanEvidence(levels_, static_cast<double>(levels_.size())));
  }
  // Right and wrong names of e-BH at this minute.
  std::pair<int, int> Names() const {
    const auto found =
        stats::NameByEvidence(e_values_, static_cast<int64_t>(e_values_.size()), kFdr);
    std::pair<int, int> names{0, 0};
    for (size_t d = 0; d < e_values_.size(); ++d) {
      if (e_values_[d] >= found.threshold)
        ++(static_cast<int>(d) < changed_ ? names.first : names.second);
    }
    return names;
  }
  int changed() const { return changed_; }

 private:
  Random random_;
  Reference reference_;
  Alias clean_, moved_;
  std::vector<stats::EDetector> detectors_;
  std::vector<double> levels_, e_values_;
  stats::EDetector merged_;
  double steps_ = 0;
  int changed_;
};

Outcome RunFleet(const Row& row, int devices, uint64_t seed) {
  SmallFleet fleet(row, devices, seed);
  for (int m = 0; m < kCleanMinutes; ++m) fleet.Minute(false);
  Outcome outcome;
  for (int m = 1; m < kLongestMinutes; ++m) {
    fleet.Minute(true);
    if (fleet.Level() >= stats::kAlarmLevel) outcome.found = std::min<double>(outcome.found, m);
    if (fleet.MergedLevel() >= stats::kAlarmLevel)
      outcome.merged_only = std::min<double>(outcome.merged_only, m);
    const auto [right, wrong] = fleet.Names();
    if (right * 10 >= fleet.changed() * 9) {
      outcome.named = m;
      outcome.false_names = static_cast<double>(wrong) / std::max(right + wrong, 1);
      if (outcome.found < m) break;
    }
  }
  return outcome;
}

TEST(Fleet, FindsAndNamesAFewChangedDevicesInMinutes) {
  const Row rows[] = {
      {"+0.25 on 1 %", 0.25, 0.01, 0.03, 10, 20}, {"+0.25 on 1 %", 0.25, 0.01, 0.05, 10, 20},
      {"+0.25 on 10 %", 0.25, 0.1, 0.03, 10, 20}, {"+0.25 on 100 %", 0.25, 1, 0.03, 2, 20},
      {"+0.5 on 1 %", 0.5, 0.01, 0.03, 4, 6},     {"+1 on 1 %", 1, 0.01, 0.03, 2, 2},
  };
  const int runs = FullSize() ? 101 : 5;
  std::printf(
      "| change, devices | tolerance | merged counts alone | fleet alarm | 90 %% named | false "
      "names |\n");
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    std::vector<double> found, merged, named;
    double false_names = 0;
    for (int run = 0; run < runs; ++run) {
      const Outcome o = RunFleet(row, 1000, 3000 + run);
      found.push_back(o.found);
      merged.push_back(o.merged_only);
      named.push_back(o.named);
      false_names += o.false_names / runs;
    }
    const double merged_median = Quantile(merged, 0.5);
    std::printf("| %s | %.2f | %s%.0f min | %.0f min | %.0f min | %.3f |\n", row.name,
                row.tolerance, merged_median >= kLongestMinutes ? "> " : "", merged_median,
                Quantile(found, 0.5), Quantile(named, 0.5), false_names);
    std::fflush(stdout);
    EXPECT_LE(Quantile(found, 0.5), row.found_most);
    EXPECT_LE(Quantile(named, 0.5), row.named_most);
    EXPECT_LE(false_names, kFdr);
  }
}

// Every minute of a fleet's hour, of which one device in 100 has one changed feature in 8. Features
// of a device share a component (correlation 0.5), so their evidence is dependent.
TEST(Fleet, NamesPairsOfDeviceAndFeatureWithFewWrong) {
  const int devices = FullSize() ? 10000 : 400;
  const int features = FullSize() ? 128 : 16;
  const int minutes = FullSize() ? 20 : 12;
  const Reference reference = GaussianReference(100000, 77, {.tolerance = 0.05});
  Random random(78);
  std::vector<stats::EDetector> detectors(static_cast<size_t>(devices) * features);
  const auto changed = [](int device, int feature) {
    return device % 100 == 0 && feature % 8 == 3;
  };
  std::vector<double> e_values(detectors.size());
  double worst = 0;
  int64_t right = 0;
  int64_t all = 0;
  for (int m = 1; m <= minutes; ++m) {
    for (int d = 0; d < devices; ++d) {
      for (int i = 0; i < kSamplesPerMinute; ++i) {
        const double shared = random.Normal() * 0.7071067811865476;
        for (int f = 0; f < features; ++f) {
          const double x =
              shared + 0.7071067811865476 * random.Normal() + (changed(d, f) ? 0.5 : 0);
          detectors[static_cast<size_t>(d) * features + f].Step(reference.table, reference.Bin(x));
        }
      }
    }
    for (size_t i = 0; i < detectors.size(); ++i) {
      e_values[i] = stats::DecodeEvidence(stats::EncodeEvidence(detectors[i].Evidence())) /
                    (m * double{kSamplesPerMinute});
    }
    const auto names = stats::NameByEvidence(e_values, static_cast<int64_t>(e_values.size()), kFdr);
    int64_t wrong = 0;
    right = all = 0;
    for (size_t i = 0; i < e_values.size(); ++i) {
      const bool truly = changed(static_cast<int>(i) / features, static_cast<int>(i) % features);
      all += truly ? 1 : 0;
      if (e_values[i] >= names.threshold) ++(truly ? right : wrong);
    }
    worst = std::max(
        worst, static_cast<double>(wrong) / std::max<double>(static_cast<double>(names.count), 1));
  }
  std::printf(
      "%d devices x %d features, %d minutes: %lld of %lld changed pairs named, largest share of "
      "wrong names %.4f\n",
      devices, features, minutes, static_cast<long long>(right), static_cast<long long>(all),
      worst);
  EXPECT_LE(worst, kFdr);
  EXPECT_GE(static_cast<double>(right), 0.9 * static_cast<double>(all));
}

}  // namespace
}  // namespace kedge::statistics
