// Which inferences are captured without being asked for.
//
// The floor draws for every inference; the other reasons draw, each by itself, for those that they
// apply to and that the monitor looks at. A record says which reason drew it first and with what
// probability it was taken at all,
//
//   f + (1 - f) s (1 - (1 - p1)(1 - p2)...)
//
// with f of the floor, s the share of inferences that are looked at (which depends on time, never
// on content) and p of the reasons that apply. So a mean over records weighted by 1 / probability
// is unbiased for the stream, however the reasons overlap, while the day's budget lasts
// (day_budget.h).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <random>
#include <string_view>

namespace kedge::agent {

enum class CaptureReason : uint8_t { kFloor, kDrift, kNovel, kUncertain };
std::string_view Name(CaptureReason reason);  // "floor", "drift", "novel", "uncertain"

// Probabilities in 0..1 of capturing an inference for each reason.
struct CapturePolicy {
  double floor = 0;
  double drift = 0;             // while the model's own evidence of drift is an alarm
  double novel = 0;             // values outside the baseline's outermost quantiles
  double uncertain = 0;         // margin below uncertain_margin
  double uncertain_margin = 0;  // largest probability less the second

  bool Any() const { return floor > 0 || drift > 0 || novel > 0 || uncertain > 0; }
  friend bool operator==(const CapturePolicy&, const CapturePolicy&) = default;
};

// What is known of one inference.
struct Observation {
  bool floor = false;     // the floor has drawn it
  double look_share = 1;  // s
  bool drift = false;
  bool novel = false;
  std::optional<double> margin;  // none: the model has no such output, or nobody looked
};

struct CaptureChoice {
  CaptureReason reason = CaptureReason::kFloor;
  double probability = 0;  // of being captured for any reason
};

// The draw of the floor. Thread-safe; the same seed and number of calls give the same draws.
class FloorDraw {
 public:
  explicit FloorDraw(uint64_t seed) : state_(seed) {}
  bool operator()(double probability);

 private:
  std::atomic<uint64_t> state_;
};

// One thread. The same seed and calls give the same choices.
class AutoCapture {
 public:
  explicit AutoCapture(uint64_t seed) : random_(seed) {}

  // For an inference that was looked at.
  std::optional<CaptureChoice> Choose(const CapturePolicy& policy, const Observation& observation);

 private:
  std::mt19937_64 random_;
};

}  // namespace kedge::agent
