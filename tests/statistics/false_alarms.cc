// SPDX-License-Identifier: Apache-2.0
#include "statistics/false_alarms.h"

#include <array>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "statistics/baseline_rules.h"
#include "statistics/random.h"
#include "stats/evidence/alarm_budget.h"
#include "stats/evidence/e_detector.h"

namespace kedge::statistics {
namespace {

using Counts = std::array<uint64_t, 16>;

struct Report {
  int64_t sequence = 0;
  uint8_t code = 0;
  Counts counts{};
};

struct Device {
  stats::EDetector detector;
  double state = 0;  // of the AR(1) process
  bool waiting = false;
  Report unacknowledged;
  Counts fresh{};
  int64_t sequence = 0;
  // What the server knows.
  int64_t merged_sequence = 0;
  int64_t code_sequence = 0;
  uint8_t code = 0;
};

struct Late {
  int device;
  Report report;
};

constexpr int kLatestMinutes = 30;
constexpr int kMinutesPerDay = 1440;

class Fleet {
 public:
  Fleet(const QuietFleet& options, int devices, uint64_t seed)
      : options_(options), random_(seed), devices_(devices), late_(kLatestMinutes + 1) {
    baseline_ = ChooseBaseline(Series());
    result_ = {.stride = baseline_.stride,
               .tolerance = baseline_.tolerance,
               .season_share = baseline_.season_share};
    jump_ = std::pow(options_.correlation, baseline_.stride);
    noise_ = std::sqrt(1 - jump_ * jump_);
    threshold_ = stats::AlarmThreshold(1.0 / baseline_.stride);
    for (Device& d : devices_) d.state = random_.Normal();
    for (int s = 0; s < kSecondsPerDay; ++s) {
      season_.push_back(SeasonAt(s) -
                        baseline_.SeasonAt(s));  // what the baseline does not take off
    }
    for (int c = 0; c < 256; ++c)
      levels_[c] = stats::DecodeEvidence(static_cast<uint8_t>(c)) / threshold_;
    if (options_.correlation == 0) MakeAliases();
  }

  void Minute(int64_t minute) {
    arrived_ = {};
    for (Device& device : devices_) {
      alias_.empty() ? Sample(device, minute) : SampleIndependent(device, minute);
      Send(device, minute);
    }
    std::vector<Late>& due = late_[minute % late_.size()];
    for (const Late& l : due) Receive(devices_[l.device], l.report);
    due.clear();
    Judge();
  }

  const QuietResult& result() const { return result_; }

 private:
  // Independent samples: the bins have fixed probabilities, here with a season that moves once a
  // minute.
  void MakeAliases() {
    const int minutes = options_.season == 0 ? 1 : kMinutesPerDay;
    for (int m = 0; m < minutes; ++m) {
      const double mean = season_[m * 60 + 30];
      double before = 0;
      std::vector<double> probabilities;
      for (const double cut : baseline_.cuts) {
        probabilities.push_back(stats::NormalCdf(cut - mean) - before);
        before += probabilities.back();
      }
      probabilities.push_back(1 - before);
      alias_.emplace_back(probabilities);
    }
  }

  double SeasonAt(int64_t second) const {
    return options_.season *
           std::sin(2 * 3.14159265358979 * static_cast<double>(second) / kSecondsPerDay);
  }

  std::vector<double> Series() {
    std::vector<double> series(static_cast<size_t>(options_.baseline_days) * kSecondsPerDay);
    double x = random_.Normal();
    const double noise = std::sqrt(1 - options_.correlation * options_.correlation);
    for (size_t i = 0; i < series.size(); ++i) {
      x = options_.correlation * x + noise * random_.Normal();
      series[i] = x + SeasonAt(static_cast<int64_t>(i));
    }
    return series;
  }

  void Take(Device& device, stats::EDetector& detector, int bin) {
    detector.Step(baseline_.table, bin);
    ++device.fresh[bin];
    if (detector.Evidence() >= threshold_) {
      ++result_.device_alarms;
      detector.Restart();
    }
  }

  void SampleIndependent(Device& device, int64_t minute) {
    const Alias& alias = alias_[minute % alias_.size()];
    stats::EDetector detector = device.detector;  // a local one stays in registers
    for (int i = 0; i < 60; i += 2) {
      const uint64_t bits = random_.Next();
      Take(device, detector, alias.Draw(static_cast<uint32_t>(bits)));
      Take(device, detector, alias.Draw(static_cast<uint32_t>(bits >> 32)));
    }
    device.detector = detector;
    result_.steps += 60;
  }

  // An AR(1) process seen every stride-th second is AR(1) with correlation^stride: the seconds
  // between need not be made.
  void Sample(Device& device, int64_t minute) {
    const int64_t from = minute * 60;
    const int64_t stride = baseline_.stride;
    for (int64_t s = (from + stride - 1) / stride * stride; s < from + 60; s += stride) {
      device.state = jump_ * device.state + noise_ * random_.Normal();
      Take(device, device.detector, baseline_.Bin(device.state + season_[s % kSecondsPerDay], 0));
      ++result_.steps;
    }
  }

  void Send(Device& device, int64_t minute) {
    if (!device.waiting) {
      device.unacknowledged = {.sequence = ++device.sequence,
                               .code = stats::EncodeEvidence(device.detector.Evidence()),
                               .counts = device.fresh};
      device.fresh = {};
      device.waiting = true;
    }
    const double fate = random_.Uniform();
    if (fate < options_.loss) {
      ++result_.lost;
      return;  // sent again in the next minute, unchanged
    }
    if (fate < options_.loss + options_.late) {
      const int64_t when = minute + 1 + random_.Below(kLatestMinutes);
      late_[when % late_.size()].push_back(
          {static_cast<int>(&device - devices_.data()), device.unacknowledged});
      return;
    }
    Receive(device, device.unacknowledged);
    if (random_.Uniform() >= options_.loss)
      device.waiting = false;  // else the acknowledgement was lost
  }

  void Receive(Device& device, const Report& report) {
    if (report.sequence <= device.merged_sequence) {
      ++result_.duplicates;
      return;
    }
    device.merged_sequence = report.sequence;
    device.code = report.code;
    for (int b = 0; b < 16; ++b) arrived_[b] += report.counts[b];
  }

  void Judge() {
    merged_.StepWindow(baseline_.table, arrived_);
    double mean = 0;
    for (const Device& device : devices_) mean += levels_[device.code];
    mean /= static_cast<double>(devices_.size());
    const double merged = merged_.Evidence() / stats::AlarmThreshold(1.0 / 60);
    if (stats::FleetLevel(merged, mean) < stats::kAlarmLevel) return;
    ++result_.fleet_alarms;
    merged_.Restart();
    for (Device& device : devices_) {
      device.detector.Restart();
      device.code = 0;
    }
  }

  QuietFleet options_;
  Random random_;
  ChosenBaseline baseline_;
  std::vector<Device> devices_;
  std::vector<std::vector<Late>> late_;  // a ring of minutes
  std::vector<double> season_;
  std::vector<Alias> alias_;
  std::array<double, 256> levels_{};
  stats::EDetector merged_;
  Counts arrived_{};
  double jump_ = 0, noise_ = 1, threshold_ = 0;
  QuietResult result_;
};

}  // namespace

QuietResult RunQuietFleet(const QuietFleet& options, int devices, int days, uint64_t seed) {
  Fleet fleet(options, devices, seed);
  for (int64_t minute = 0; minute < int64_t{days} * 1440; ++minute) fleet.Minute(minute);
  return fleet.result();
}

}  // namespace kedge::statistics
