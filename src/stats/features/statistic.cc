// The names of statistics and roles.
// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "stats/features/feature_plan.h"

namespace kedge::stats {
namespace {

struct StatisticRow {
  std::string_view name;
  Role role;
  bool categorical = false;
};

// In the order of the enumeration.
constexpr std::array<StatisticRow, kStatistics> kRows = {{
    {"column", Role::kColumns},
    {"image-mean", Role::kImage},
    {"image-contrast", Role::kImage},
    {"image-dark", Role::kImage},
    {"image-saturated", Role::kImage},
    {"image-laplacian", Role::kImage},
    {"image-laplacian-variance", Role::kImage},
    {"image-gradient-x", Role::kImage},
    {"image-gradient-y", Role::kImage},
    {"image-red", Role::kImage},
    {"image-green", Role::kImage},
    {"image-blue", Role::kImage},
    {"image-frame-difference", Role::kImage},
    {"embedding-norm", Role::kEmbedding},
    {"embedding-projection", Role::kEmbedding},
    {"embedding-distance", Role::kEmbedding},
    {"probability", Role::kScores},
    {"max-probability", Role::kScores},
    {"margin", Role::kScores},
    {"entropy", Role::kScores},
    {"class", Role::kScores, true},
    {"class-change", Role::kScores, true},
    {"boxes", Role::kDetections},
    {"box-score", Role::kDetections},
    {"box-area", Role::kDetections},
    {"box-aspect", Role::kDetections},
    {"box-centre-x", Role::kDetections},
    {"box-centre-y", Role::kDetections},
    {"box-class", Role::kDetections, true},
    {"series-mean", Role::kSeries},
    {"series-rms", Role::kSeries},
    {"series-kurtosis", Role::kSeries},
    {"series-crest", Role::kSeries},
    {"series-zero-crossings", Role::kSeries},
    {"series-band", Role::kSeries},
}};

constexpr std::array<std::string_view, 6> kRoles = {"columns", "image",      "embedding",
                                                    "scores",  "detections", "series"};

}  // namespace

std::string_view StatisticName(Statistic statistic) {
  return kRows[static_cast<size_t>(statistic)].name;
}

Result<Statistic> ParseStatistic(std::string_view name) {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].name == name) return static_cast<Statistic>(i);
  }
  return InvalidArgument("'" + std::string(name) + "' is no statistic");
}

std::string_view RoleName(Role role) { return kRoles[static_cast<size_t>(role)]; }

Result<Role> ParseRole(std::string_view name) {
  for (size_t i = 0; i < kRoles.size(); ++i) {
    if (kRoles[i] == name) return static_cast<Role>(i);
  }
  return InvalidArgument("'" + std::string(name) +
                         "' is no role: columns, image, embedding, scores, detections or series");
}

Role RoleOf(Statistic statistic) { return kRows[static_cast<size_t>(statistic)].role; }

bool IsCategorical(Statistic statistic) {
  return kRows[static_cast<size_t>(statistic)].categorical;
}

}  // namespace kedge::stats
