// SPDX-License-Identifier: Apache-2.0
#include "stats/watched_feature.h"

#include <algorithm>

namespace kedge::stats {

CategoryBins::CategoryBins(const FeatureBaseline& feature)
    : unseen_(feature.categories.size() + 1) {
  for (size_t i = 0; i < feature.categories.size(); ++i)
    entries_.push_back({CategoryNumber(feature, feature.categories[i]), static_cast<uint8_t>(i)});
  for (const std::string& other : feature.known_others)
    entries_.push_back({CategoryNumber(feature, other), static_cast<uint8_t>(unseen_ - 1)});
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.number < b.number; });
}

size_t CategoryBins::BinOf(double number) const {
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), number,
                       [](const Entry& entry, double value) { return entry.number < value; });
  return found != entries_.end() && found->number == number ? found->bin : unseen_;
}

}  // namespace kedge::stats
