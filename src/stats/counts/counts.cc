// SPDX-License-Identifier: Apache-2.0
#include "stats/counts/counts.h"

#include <string>

namespace kedge::stats {

Status CheckShapes(std::span<const FeatureShape> shapes) {
  if (shapes.size() > kFeaturesMax)
    return ResourceExhausted(std::to_string(shapes.size()) + " features, at most " +
                             std::to_string(kFeaturesMax) + " are allowed");
  for (size_t i = 0; i < shapes.size(); ++i) {
    const FeatureShape& shape = shapes[i];
    const bool numeric = !shape.categorical && shape.bins == kNumericBins;
    const bool categorical = shape.categorical && shape.bins >= 3 && shape.bins <= kCategoryBinsMax;
    if (!numeric && !categorical)
      return InvalidArgument("feature " + std::to_string(i) + " has " + std::to_string(shape.bins) +
                             " bins");
  }
  return {};
}

}  // namespace kedge::stats
