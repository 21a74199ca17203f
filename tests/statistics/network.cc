// SPDX-License-Identifier: Apache-2.0
#include "statistics/network.h"

#include <algorithm>
#include <cmath>

namespace kedge::statistics {
namespace {

using Lanes = float __attribute__((vector_size(16), aligned(4), may_alias));

float Dot(const float* a, const float* b, int n) {
  Lanes sum = {};
  int i = 0;
  for (; i + 4 <= n; i += 4)
    sum += *reinterpret_cast<const Lanes*>(a + i) * *reinterpret_cast<const Lanes*>(b + i);
  float total = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  for (; i < n; ++i) total += a[i] * b[i];
  return total;
}

void AddScaled(float* to, const float* from, float scale, int n) {
  int i = 0;
  for (; i + 4 <= n; i += 4)
    *reinterpret_cast<Lanes*>(to + i) += scale * *reinterpret_cast<const Lanes*>(from + i);
  for (; i < n; ++i) to[i] += scale * from[i];
}

}  // namespace

Network::Network(int inputs, int hidden, int classes, uint64_t seed)
    : inputs_(inputs),
      hidden_(hidden),
      classes_(classes),
      first_(inputs * hidden),
      first_bias_(hidden, 0),
      second_(hidden * classes),
      second_bias_(classes, 0) {
  Random random(seed);
  for (float& w : first_) w = static_cast<float>(random.Normal() * std::sqrt(2.0 / inputs));
  for (float& w : second_) w = static_cast<float>(random.Normal() * std::sqrt(2.0 / hidden));
}

Network::Output Network::Run(std::span<const float> input) const {
  Output output{.hidden = std::vector<float>(hidden_),
                .probabilities = std::vector<float>(classes_)};
  for (int h = 0; h < hidden_; ++h) {
    output.hidden[h] =
        std::max(0.0F, first_bias_[h] + Dot(&first_[h * inputs_], input.data(), inputs_));
  }
  float most = -1e30F;
  for (int c = 0; c < classes_; ++c) {
    const float logit = second_bias_[c] + Dot(&second_[c * hidden_], output.hidden.data(), hidden_);
    output.probabilities[c] = logit;
    if (logit > most) {
      most = logit;
      output.best = c;
    }
  }
  float sum = 0;
  for (float& p : output.probabilities) sum += p = std::exp(p - most);
  for (float& p : output.probabilities) p /= sum;
  return output;
}

void Network::Learn(std::span<const float> input, int label, float rate) {
  const Output output = Run(input);
  std::vector<float> back(hidden_, 0);
  for (int c = 0; c < classes_; ++c) {
    const float error = output.probabilities[c] - (c == label ? 1.0F : 0.0F);
    AddScaled(back.data(), &second_[c * hidden_], error, hidden_);
    AddScaled(&second_[c * hidden_], output.hidden.data(), -rate * error, hidden_);
    second_bias_[c] -= rate * error;
  }
  for (int h = 0; h < hidden_; ++h) {
    if (output.hidden[h] <= 0 || back[h] == 0) continue;
    AddScaled(&first_[h * inputs_], input.data(), -rate * back[h], inputs_);
    first_bias_[h] -= rate * back[h];
  }
}

}  // namespace kedge::statistics
