// What the report's writer and reader agree on.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "stats/counts/moments.h"

namespace kedge::stats {

inline constexpr uint8_t kReportVersion = 1;
inline constexpr int kAlarmFlag = 1;
inline constexpr int kMomentsFlag = 2;
inline constexpr size_t kReportVersionBytesMax = 30;

inline Status CheckReportName(std::string_view name, size_t bytes_max) {
  if (name.empty() || name.size() > bytes_max)
    return InvalidArgument("name or version of a model has " + std::to_string(name.size()) +
                           " bytes, 1 to " + std::to_string(bytes_max) + " are allowed");
  for (const char c : name) {
    if (c < 0x20 || c > 0x7e)
      return InvalidArgument("name or version of a model has a byte that is no printable ASCII");
  }
  return {};
}

// Whether there are values with such sums; without values, the neutral element only.
inline bool MomentsAreSound(const Moments& moments) {
  if (moments.values == 0) return moments == Moments{};
  const auto values = static_cast<Int128>(moments.values);
  return moments.min >= -kMomentMax && moments.max <= kMomentMax && moments.min <= moments.max &&
         moments.sum >= values * moments.min && moments.sum <= values * moments.max &&
         moments.sum_squares <= static_cast<Uint128>(values) * (Uint128{kMomentMax} * kMomentMax);
}

}  // namespace kedge::stats
