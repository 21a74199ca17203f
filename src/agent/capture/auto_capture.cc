// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/auto_capture.h"

#include <algorithm>
#include <array>

namespace kedge::agent {

std::string_view Name(CaptureReason reason) {
  constexpr std::array<std::string_view, 4> kNames = {"floor", "drift", "novel", "uncertain"};
  return kNames[static_cast<size_t>(reason)];
}

bool FloorDraw::operator()(double probability) {
  // SplitMix64 (Steele, Lea and Flood 2014): a counter whose values are mixed.
  constexpr uint64_t kStep = 0x9E37'79B9'7F4A'7C15;
  uint64_t z = state_.fetch_add(kStep, std::memory_order_relaxed) + kStep;
  z = (z ^ (z >> 30)) * 0xBF58'476D'1CE4'E5B9;
  z = (z ^ (z >> 27)) * 0x94D0'49BB'1331'11EB;
  z ^= z >> 31;
  constexpr int kMantissaBits = 53;
  return static_cast<double>(z >> (64 - kMantissaBits)) <
         probability * static_cast<double>(uint64_t{1} << kMantissaBits);
}

std::optional<CaptureChoice> AutoCapture::Choose(const CapturePolicy& policy,
                                                 const Observation& observation) {
  const bool uncertain = observation.margin && *observation.margin < policy.uncertain_margin;
  struct Rate {
    CaptureReason reason;
    double probability;
  };
  const std::array<Rate, 3> rates = {
      Rate{CaptureReason::kDrift, observation.drift ? policy.drift : 0},
      Rate{CaptureReason::kNovel, observation.novel ? policy.novel : 0},
      Rate{CaptureReason::kUncertain, uncertain ? policy.uncertain : 0}};
  std::optional<CaptureChoice> choice;
  if (observation.floor) choice = CaptureChoice{CaptureReason::kFloor, 0};
  double none = 1;
  for (const Rate& rate : rates) {
    const double p = std::clamp(rate.probability, 0.0, 1.0);
    none *= 1 - p;
    // Drawn for each reason, so that the random numbers of one do not depend on the others.
    const double draw = std::uniform_real_distribution<double>(0, 1)(random_);
    if (!choice && draw < p) choice = CaptureChoice{rate.reason, 0};
  }
  const double floor = std::clamp(policy.floor, 0.0, 1.0);
  if (choice) choice->probability = floor + (1 - floor) * observation.look_share * (1 - none);
  return choice;
}

}  // namespace kedge::agent
