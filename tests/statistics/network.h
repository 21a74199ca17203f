// A small network with one hidden layer, trained in the harness: the model that is watched.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "statistics/random.h"

namespace kedge::statistics {

class Network {
 public:
  Network(int inputs, int hidden, int classes, uint64_t seed);

  struct Output {
    std::vector<float> hidden;
    std::vector<float> probabilities;
    int best = 0;
  };
  Output Run(std::span<const float> input) const;

  // One step of stochastic gradient descent on cross entropy.
  void Learn(std::span<const float> input, int label, float rate);

 private:
  int inputs_, hidden_, classes_;
  std::vector<float> first_, first_bias_, second_,
      second_bias_;  // [hidden][inputs], [classes][hidden]
};

}  // namespace kedge::statistics
