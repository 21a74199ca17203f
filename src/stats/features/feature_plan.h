// Which scalars are computed from one inference, and the code that does it.
//
// A baseline names tensors by what they are to the model (their role) and features by a statistic
// of such a tensor. A plan is that list compiled: one pass over each tensor gives all features that
// stand on it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stats/features/tensor_view.h"

namespace kedge::stats {

inline constexpr size_t kTensorUsesMax = 32;
inline constexpr int64_t kRowsMax = 4096;  // of one batch that are looked at; the rest is skipped
inline constexpr size_t kProjections = 16;
inline constexpr size_t kBands = 8;

enum class Role : uint8_t {
  kColumns,     // [rows, columns]: a table; also a regression's or an anomaly's score
  kImage,       // [n, c, h, w] or [n, h, w, c], c 1, 3 or 4
  kEmbedding,   // [rows, dimensions]
  kScores,      // [rows, classes]: probabilities, or logits of a softmax
  kDetections,  // [rows, boxes, 6]: x1 y1 x2 y2 score class; a score of 0 or less is no box
  kSeries,      // [rows, channels, steps]: windows of time series
};

// What a feature is. The names in JSON are those of StatisticName.
enum class Statistic : uint8_t {
  kColumn,          // argument: the column
  kImageMean,       // of brightness, 0 black to 1 white
  kImageContrast,   // its deviation
  kImageDark,       // share of pixels below 1/16
  kImageSaturated,  // share of pixels above 15/16
  kImageLaplacian,  // mean |Laplacian|
  kImageLaplacianVariance,
  kImageGradientX,  // mean |difference of neighbours in a row|
  kImageGradientY,
  kImageRed,  // means of the channels, 0 to 1
  kImageGreen,
  kImageBlue,
  kImageFrameDifference,  // mean |brightness - that of the frame before|, on a grid of 16 x 16
  kEmbeddingNorm,
  kEmbeddingProjection,  // argument: which of 16 seeded +-1 projections, / sqrt(dimensions)
  kEmbeddingDistance,    // to the nearest prototype
  kProbability,          // argument: the class
  kMaxProbability,
  kMargin,       // largest less second largest
  kEntropy,      // nats
  kClass,        // categorical: the largest
  kClassChange,  // categorical 0 / 1: the class is not that of the inference before
  kBoxes,        // of one frame
  kBoxScore,
  kBoxArea,
  kBoxAspect,  // width / height
  kBoxCentreX,
  kBoxCentreY,
  kBoxClass,             // categorical
  kSeriesMean,           // argument of these: the channel
  kSeriesRms,            // about the mean
  kSeriesKurtosis,       // 3 for Gaussian
  kSeriesCrest,          // peak / rms
  kSeriesZeroCrossings,  // share of steps, about the mean
  kSeriesBand,           // argument: channel * 8 + band; log10 of the energy of an octave
};
inline constexpr size_t kStatistics = static_cast<size_t>(Statistic::kSeriesBand) + 1;

// "column", "image-mean" ... and back; kInvalidArgument for another word.
std::string_view StatisticName(Statistic statistic);
Result<Statistic> ParseStatistic(std::string_view name);
std::string_view RoleName(Role role);
Result<Role> ParseRole(std::string_view name);
// Which role's tensors have it.
Role RoleOf(Statistic statistic);
bool IsCategorical(Statistic statistic);  // always; a column is if its baseline says so

enum class Side : uint8_t { kInput, kOutput };

// One tensor of the model and how it is read.
struct TensorUse {
  Side side = Side::kInput;
  uint32_t index = 0;  // in the model's order of that side
  std::string name;    // for people
  DType dtype = DType::kF32;
  Shape shape;  // as compiled; the first size may differ at run time (rows)
  Role role = Role::kColumns;
  bool channels_last = false;  // images
  double black = 0;            // images: values that are black and white
  double white = 255;
  bool logits = false;                         // scores: softmax first
  uint64_t seed = 1;                           // embeddings: of the projections
  std::vector<std::vector<float>> prototypes;  // embeddings: at most 64

  friend bool operator==(const TensorUse&, const TensorUse&) = default;
};

// One feature: a statistic of a tensor.
struct FeatureUse {
  uint32_t tensor = 0;  // in the list of uses
  Statistic statistic = Statistic::kColumn;
  uint32_t argument = 0;

  friend bool operator==(const FeatureUse&, const FeatureUse&) = default;
};

// Takes the values as they are computed. NaN is a value that is not a number; a missing one is not
// given.
class ValueSink {
 public:
  // A new row begins: one sample.
  virtual void BeginRow() = 0;
  // `feature`: its place in the list that the plan was made from.
  virtual void Value(size_t feature, double value) = 0;

 protected:
  ~ValueSink() = default;
};

// One thread: it remembers the frame and class before.
class FeaturePlan {
 public:
  // kInvalidArgument for a use that contradicts itself: an index twice, a role whose shape does not
  // fit, a statistic of another role, an argument out of range; kResourceExhausted above a limit.
  static Result<FeaturePlan> Make(std::vector<TensorUse> tensors, std::vector<FeatureUse> features);
  ~FeaturePlan();
  FeaturePlan(FeaturePlan&&) noexcept;
  FeaturePlan& operator=(FeaturePlan&&) noexcept;

  // Computes all features of one inference into `sink`, row by row. Allocates nothing. false, and
  // nothing is given, if tensors are missing or of other types or shapes than the plan's.
  bool Compute(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
               ValueSink& sink);

  const std::vector<TensorUse>& tensors() const;
  const std::vector<FeatureUse>& features() const;
  size_t MemoryBytes() const;

 private:
  struct State;
  explicit FeaturePlan(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kedge::stats
