// SPDX-License-Identifier: Apache-2.0
#include "statistics/random.h"

#include <algorithm>

namespace kedge::statistics {

Alias::Alias(std::span<const double> probabilities)
    : slots_(probabilities.size()), size_(probabilities.size()) {
  double sum = 0;
  for (const double p : probabilities) sum += p;
  std::vector<double> mass;
  for (const double p : probabilities) mass.push_back(p / sum * static_cast<double>(size_));
  std::vector<int> small, large;
  for (int i = 0; i < static_cast<int>(size_); ++i) (mass[i] < 1 ? small : large).push_back(i);
  while (!small.empty() && !large.empty()) {
    const int s = small.back();
    const int l = large.back();
    small.pop_back();
    slots_[s] = {static_cast<uint32_t>(mass[s] * 4294967295.0), l};
    mass[l] -= 1 - mass[s];
    if (mass[l] < 1) {
      large.pop_back();
      small.push_back(l);
    }
  }
  for (const auto* rest : {&small, &large}) {
    for (const int i : *rest) slots_[i] = {0xffffffffU, i};
  }
}

}  // namespace kedge::statistics
