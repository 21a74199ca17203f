// SPDX-License-Identifier: Apache-2.0
#include "stats/evidence/e_detector.h"

#include <algorithm>

namespace kedge::stats {
namespace {

constexpr double kCodesPerNat = 4;
constexpr int kCodeOfOne = 32;

}  // namespace

void EDetector::StepWindow(const BetTable& table, std::span<const uint64_t> counts) {
  KEDGE_CHECK(static_cast<int>(counts.size()) == table.bins);
  std::array<double, kBets> log_factor{};
  for (int b = 0; b < table.bins; ++b) {
    if (counts[b] == 0) continue;
    for (int k = 0; k < kBets; ++k) {
      log_factor[k] +=
          static_cast<double>(counts[b]) * std::log(static_cast<double>(table.factors[b][k]));
    }
  }
  const double log_max = std::log(static_cast<double>(kEvidenceMax));
  for (int k = 0; k < kBets; ++k) {
    const double start = static_cast<double>(capital_[k]) + static_cast<double>(table.weights[k]);
    const double grown = std::log(start) + log_factor[k];
    capital_[k] = grown >= log_max ? kEvidenceMax : static_cast<float>(std::exp(grown));
  }
}

void EDetector::Load(std::span<const float, kBets> state) {
  for (int k = 0; k < kBets; ++k) {
    capital_[k] = state[k] >= 0 ? std::min(state[k], kEvidenceMax) : 0.0F;
  }
}

uint8_t EncodeEvidence(double evidence) {
  if (!(evidence > 0)) return 0;
  const double code = std::floor(std::log(evidence) * kCodesPerNat + 1e-9) + kCodeOfOne;
  return static_cast<uint8_t>(std::clamp(code, 0.0, 255.0));
}

double DecodeEvidence(uint8_t code) {
  return code == 0 ? 0 : std::exp((static_cast<double>(code) - kCodeOfOne) / kCodesPerNat);
}

}  // namespace kedge::stats
