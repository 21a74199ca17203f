// Evidence that a stream has left the null band, as it comes in: a mixture of Shiryaev-Roberts
// e-processes.
//
//   R_k <- (R_k + w_k) * factors[bin][k]        for each bet k;  evidence = sum of R_k
//
// Since each factor has expectation <= 1 under every null distribution given the past, E[evidence]
// grows by at most sum w_k <= 1 a step while nothing has changed. Hence (Shin, Ramdas, Rinaldo,
// "E-detectors", 2203.03532):
//   * an alarm at evidence >= A has average run length >= A steps, with no calibration, under every
//     distribution (or sequence of them) of the null; alarm_budget.h turns a budget of alarms into
//     A;
//   * averages of evidence, over features, devices or tags, with weights of sum <= 1 fixed
//   beforehand, are evidence of the
//     same kind under ANY dependence, with the same A;
//   * at a fixed moment evidence / min(steps, horizon) is an e-value (e_benjamini_hochberg.h).
// What it needs: samples whose bin, given the past, follows a distribution of the null. Correlated
// streams are stepped with every stride-th sample only, seasonal ones with the table of the
// sample's season key.
//
// A state saturates at 2^96 rather than being rescaled: a smaller value is still evidence of the
// same kind, an overflow cannot happen (a step multiplies by at most 10^6), and a stream that has
// recovered comes down within a bounded number of samples. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/check.h"
#include "stats/evidence/bet_table.h"

namespace kedge::stats {

inline constexpr float kEvidenceMax = 0x1p96F;

// One feature (and scope). 64 bytes; one thread. A copy is a snapshot.
class EDetector {
 public:
  // Takes in one sample. `bin` is below table.bins; the table may differ from step to step (season
  // keys).
  void Step(const BetTable& table, int bin) {
    KEDGE_DCHECK(bin >= 0 && bin < table.bins);
    // Four lanes at a time, said outright: the compiler cannot know that row and capital do not
    // overlap.
    using Lanes = float __attribute__((vector_size(16)));
    const float* row = table.factors[bin].data();
    for (int k = 0; k < kBets; k += 4) {
      Lanes capital, weight, factor;
      std::memcpy(&capital, &capital_[k], sizeof(Lanes));
      std::memcpy(&weight, &table.weights[k], sizeof(Lanes));
      std::memcpy(&factor, row + k, sizeof(Lanes));
      Lanes grown = (capital + weight) * factor;
      const Lanes most = {kEvidenceMax, kEvidenceMax, kEvidenceMax, kEvidenceMax};
      grown = grown < most ? grown : most;
      std::memcpy(&capital_[k], &grown, sizeof(Lanes));
    }
  }

  // Takes in a window of counts as one step: the samples are independent, their order is unknown.
  // The factor of the window is the product over its samples, so its expectation is <= 1 too.
  // `counts` has table.bins entries. Evidence then grows by one a window while nothing has changed:
  // thresholds count windows.
  void StepWindow(const BetTable& table, std::span<const uint64_t> counts);

  // Forgets everything: after a new baseline, or when an alarm is acknowledged.
  void Restart() { capital_ = {}; }

  // The sum over bets, >= 0.
  double Evidence() const {
    using Lanes = float __attribute__((vector_size(16)));
    Lanes sum = {};
    for (int k = 0; k < kBets; k += 4) {
      Lanes capital;
      std::memcpy(&capital, &capital_[k], sizeof(Lanes));
      sum += capital;
    }
    return static_cast<double>((sum[0] + sum[1]) + (sum[2] + sum[3]));
  }

  // For saving and loading; 16 non-negative floats. Load takes others (NaN, negative) for 0.
  const std::array<float, kBets>& state() const { return capital_; }
  void Load(std::span<const float, kBets> state);

 private:
  std::array<float, kBets> capital_{};
};

// One byte of log-evidence for the wire: code 0 is no evidence, code c is exp((c - 32) / 4), from
// e^-7.75 to e^55.75. Encoding rounds down, so that what is decoded is evidence still.
uint8_t EncodeEvidence(double evidence);
double DecodeEvidence(uint8_t code);

}  // namespace kedge::stats
