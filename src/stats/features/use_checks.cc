// Which tensors fit which roles, and which features fit which tensors.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "stats/features/embedding.h"
#include "stats/features/image.h"
#include "stats/features/scores.h"
#include "stats/features/tensor_reader.h"

namespace kedge::stats {
namespace {

constexpr int64_t kColumnsMax = 65'536;
constexpr int64_t kScoresMax = 65'536;
constexpr int64_t kWindowMax = 65'536;
constexpr int64_t kBoxesMax = 4096;

// Sizes of one row of a role; 0: any number, all flattened.
size_t RowRank(Role role) {
  switch (role) {
    case Role::kImage:
      return 3;
    case Role::kDetections:
    case Role::kSeries:
      return 2;
    default:
      return 0;
  }
}

bool Between(int64_t value, int64_t low, int64_t high) { return value >= low && value <= high; }

bool ImageFits(const TensorUse& use) {
  const size_t rank = use.shape.rank();
  const int64_t channels = use.shape[use.channels_last ? rank - 1 : rank - 3];
  const int64_t height = use.shape[use.channels_last ? rank - 3 : rank - 2];
  const int64_t width = use.shape[use.channels_last ? rank - 2 : rank - 1];
  return (channels == 1 || channels == 3 || channels == 4) && Between(height, 3, kImageSideMax) &&
         Between(width, 3, kImageSideMax) && std::isfinite(use.black) && std::isfinite(use.white) &&
         use.white != use.black;
}

bool PrototypesFit(const TensorUse& use) {
  if (use.prototypes.size() > kPrototypesMax) return false;
  for (const std::vector<float>& prototype : use.prototypes) {
    if (static_cast<int64_t>(prototype.size()) != RowElements(use)) return false;
    for (const float x : prototype) {
      if (!std::isfinite(x)) return false;
    }
  }
  return use.role == Role::kEmbedding || use.prototypes.empty();
}

bool ShapeFits(const TensorUse& use) {
  const size_t rank = use.shape.rank();
  const size_t row_rank = RowRank(use.role);
  if (row_rank != 0 && rank != row_rank && rank != row_rank + 1) return false;
  const int64_t elements = RowElements(use);
  const auto last = [&] { return use.shape[rank - 1]; };
  const auto before_last = [&] { return use.shape[rank - 2]; };
  switch (use.role) {
    case Role::kColumns:
      return Between(elements, 1, kColumnsMax);
    case Role::kImage:
      return ImageFits(use);
    case Role::kEmbedding:
      return Between(elements, 2, kDimensionsMax);
    case Role::kScores:
      return Between(elements, 2, kScoresMax);
    case Role::kDetections:
      return Between(before_last(), 1, kBoxesMax) && Between(last(), 6, 64);
    case Role::kSeries:
      return Between(before_last(), 1, 64) && Between(last(), 4, kWindowMax);
  }
  return false;
}

int64_t ArgumentsOf(const TensorUse& use, Statistic statistic) {
  switch (statistic) {
    case Statistic::kColumn:
    case Statistic::kProbability:
      return RowElements(use);
    case Statistic::kEmbeddingProjection:
      return static_cast<int64_t>(kProjections);
    case Statistic::kEmbeddingDistance:
      return use.prototypes.empty() ? 0 : 1;
    case Statistic::kSeriesBand:
      return use.shape[use.shape.rank() - 2] * static_cast<int64_t>(kBands);
    default:
      return RoleOf(statistic) == Role::kSeries ? use.shape[use.shape.rank() - 2] : 1;
  }
}

std::string Named(const TensorUse& use) {
  return "tensor '" + use.name + "' of shape " + ToString(use.shape) + " as " +
         std::string(RoleName(use.role));
}

}  // namespace

bool HasRows(const TensorUse& use) {
  const size_t row_rank = RowRank(use.role);
  return row_rank == 0 ? use.shape.rank() >= 2 : use.shape.rank() == row_rank + 1;
}

int64_t RowElements(const TensorUse& use) {
  int64_t elements = 1;
  for (size_t i = HasRows(use) ? 1 : 0; i < use.shape.rank(); ++i) elements *= use.shape[i];
  return elements;
}

Status CheckTensorUse(const TensorUse& use) {
  KEDGE_TRY_STATUS(CheckShape(use.shape));
  if (!ShapeFits(use)) return InvalidArgument(Named(use) + ": the shape does not fit");
  if (!PrototypesFit(use)) return InvalidArgument(Named(use) + ": the prototypes do not fit");
  return {};
}

Status CheckFeatureUse(const TensorUse& use, const FeatureUse& feature) {
  const std::string statistic(StatisticName(feature.statistic));
  if (RoleOf(feature.statistic) != use.role)
    return InvalidArgument(Named(use) + " has no statistic '" + statistic + "'");
  if (feature.argument >= ArgumentsOf(use, feature.statistic))
    return InvalidArgument(Named(use) + ": statistic '" + statistic + "' has no number " +
                           std::to_string(feature.argument));
  return {};
}

}  // namespace kedge::stats
