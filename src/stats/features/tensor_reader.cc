// SPDX-License-Identifier: Apache-2.0
#include "stats/features/tensor_reader.h"

#include <cmath>
#include <limits>

#include "stats/features/element.h"
#include "stats/features/embedding.h"
#include "stats/features/image.h"
#include "stats/features/scores.h"
#include "stats/features/series.h"

namespace kedge::stats {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kBoxNumbers = 6;  // x1 y1 x2 y2 score class

class ColumnsReader final : public TensorReader {
 public:
  ColumnsReader(const TensorUse& use, std::vector<PlacedFeature> features)
      : row_elements_(static_cast<size_t>(RowElements(use))), features_(std::move(features)) {}

  void Compute(const TensorView& tensor, size_t row, ValueSink& sink) override {
    for (const PlacedFeature& to : features_)
      sink.Value(to.feature, ElementOf(tensor, row * row_elements_ + to.argument));
  }
  size_t MemoryBytes() const override {
    return sizeof *this + features_.capacity() * sizeof features_[0];
  }

 private:
  size_t row_elements_;
  std::vector<PlacedFeature> features_;
};

class ImageReader final : public TensorReader {
 public:
  ImageReader(const TensorUse& use, std::vector<PlacedFeature> features)
      : row_elements_(static_cast<size_t>(RowElements(use))),
        features_(std::move(features)),
        statistics_(LayoutOf(use)) {}

  void Compute(const TensorView& tensor, size_t row, ValueSink& sink) override {
    const auto& values = statistics_.Compute(tensor, row * row_elements_);
    for (const PlacedFeature& to : features_) {
      const size_t place =
          static_cast<size_t>(to.statistic) - static_cast<size_t>(Statistic::kImageMean);
      const double value = values[place];
      const bool first_frame =
          to.statistic == Statistic::kImageFrameDifference && std::isnan(value);
      if (!first_frame) sink.Value(to.feature, value);
    }
  }
  size_t MemoryBytes() const override {
    return sizeof *this + statistics_.MemoryBytes() + features_.capacity() * sizeof features_[0];
  }

 private:
  static ImageLayout LayoutOf(const TensorUse& use) {
    const auto size = [&use](size_t from_end) {
      return static_cast<size_t>(use.shape[use.shape.rank() - from_end]);
    };
    return {.height = use.channels_last ? size(3) : size(2),
            .width = use.channels_last ? size(2) : size(1),
            .channels = use.channels_last ? size(1) : size(3),
            .channels_last = use.channels_last,
            .black = use.black,
            .white = use.white};
  }

  size_t row_elements_;
  std::vector<PlacedFeature> features_;
  ImageStatistics statistics_;
};

class EmbeddingReader final : public TensorReader {
 public:
  EmbeddingReader(const TensorUse& use, std::vector<PlacedFeature> features)
      : features_(std::move(features)),
        row_(static_cast<size_t>(RowElements(use))),
        directions_(row_.size(), use.seed),
        prototypes_(use.prototypes) {}

  void Compute(const TensorView& tensor, size_t row, ValueSink& sink) override {
    ReadFloats(tensor, row * row_.size(), row_);
    std::array<float, kDirections> shadows{};
    bool projected = false;
    for (const PlacedFeature& to : features_) {
      if (to.statistic == Statistic::kEmbeddingNorm) {
        sink.Value(to.feature, Norm(row_));
      } else if (to.statistic == Statistic::kEmbeddingDistance) {
        sink.Value(to.feature, NearestPrototype(row_, prototypes_));
      } else {
        if (!projected) directions_.Project(row_, shadows);
        projected = true;
        sink.Value(to.feature, static_cast<double>(shadows[to.argument]));
      }
    }
  }
  size_t MemoryBytes() const override {
    size_t bytes = sizeof *this + row_.capacity() * sizeof(float) + directions_.MemoryBytes() +
                   features_.capacity() * sizeof features_[0];
    for (const auto& prototype : prototypes_) bytes += prototype.capacity() * sizeof(float);
    return bytes;
  }

 private:
  std::vector<PlacedFeature> features_;
  std::vector<float> row_;
  EmbeddingDirections directions_;
  std::vector<std::vector<float>> prototypes_;
};

class ScoresReader final : public TensorReader {
 public:
  ScoresReader(const TensorUse& use, std::vector<PlacedFeature> features)
      : features_(std::move(features)),
        row_(static_cast<size_t>(RowElements(use))),
        logits_(use.logits) {}

  void Compute(const TensorView& tensor, size_t row, ValueSink& sink) override {
    ReadFloats(tensor, row * row_.size(), row_);
    ScoreSummary summary;
    const bool sound = SummarizeScores(row_, logits_, summary);
    for (const PlacedFeature& to : features_) {
      if (to.statistic == Statistic::kClassChange) {
        if (sound && has_before_) sink.Value(to.feature, summary.best != before_ ? 1 : 0);
        continue;
      }
      sink.Value(to.feature, ValueOf(to, summary, sound));
    }
    if (!sound) return;
    before_ = summary.best;
    has_before_ = true;
  }
  size_t MemoryBytes() const override {
    return sizeof *this + row_.capacity() * sizeof(float) +
           features_.capacity() * sizeof features_[0];
  }

 private:
  double ValueOf(const PlacedFeature& to, const ScoreSummary& summary, bool sound) const {
    switch (to.statistic) {
      case Statistic::kMaxProbability:
        return summary.max_probability;
      case Statistic::kMargin:
        return summary.margin;
      case Statistic::kEntropy:
        return summary.entropy;
      case Statistic::kClass:
        return sound ? summary.best : kNan;
      default:
        return static_cast<double>(row_[to.argument]);
    }
  }

  std::vector<PlacedFeature> features_;
  std::vector<float> row_;
  bool logits_;
  uint32_t before_ = 0;
  bool has_before_ = false;
};

class DetectionsReader final : public TensorReader {
 public:
  DetectionsReader(const TensorUse& use, std::vector<PlacedFeature> features)
      : features_(std::move(features)),
        boxes_(static_cast<size_t>(use.shape[use.shape.rank() - 2])),
        width_(static_cast<size_t>(use.shape[use.shape.rank() - 1])) {}

  void Compute(const TensorView& tensor, size_t row, ValueSink& sink) override {
    std::array<float, kBoxNumbers> box{};
    double boxes = 0;
    for (size_t i = 0; i < boxes_; ++i) {
      ReadFloats(tensor, (row * boxes_ + i) * width_, box);
      if (!(box[4] > 0)) continue;
      ++boxes;
      for (const PlacedFeature& to : features_) {
        if (to.statistic != Statistic::kBoxes) sink.Value(to.feature, ValueOf(to, box));
      }
    }
    for (const PlacedFeature& to : features_) {
      if (to.statistic == Statistic::kBoxes) sink.Value(to.feature, boxes);
    }
  }
  size_t MemoryBytes() const override {
    return sizeof *this + features_.capacity() * sizeof features_[0];
  }

 private:
  static double ValueOf(const PlacedFeature& to, const std::array<float, kBoxNumbers>& box) {
    const double width = static_cast<double>(box[2]) - static_cast<double>(box[0]);
    const double height = static_cast<double>(box[3]) - static_cast<double>(box[1]);
    switch (to.statistic) {
      case Statistic::kBoxScore:
        return static_cast<double>(box[4]);
      case Statistic::kBoxArea:
        return width * height;
      case Statistic::kBoxAspect:
        return height > 0 ? width / height : kNan;
      case Statistic::kBoxCentreX:
        return (static_cast<double>(box[0]) + static_cast<double>(box[2])) / 2;
      case Statistic::kBoxCentreY:
        return (static_cast<double>(box[1]) + static_cast<double>(box[3])) / 2;
      default:
        return static_cast<double>(box[5]);
    }
  }

  std::vector<PlacedFeature> features_;
  size_t boxes_;
  size_t width_;
};

class SeriesReader final : public TensorReader {
 public:
  SeriesReader(const TensorUse& use, std::vector<PlacedFeature> features)
      : features_(std::move(features)),
        channels_(static_cast<size_t>(use.shape[use.shape.rank() - 2])),
        window_(static_cast<size_t>(use.shape[use.shape.rank() - 1])) {}

  void Compute(const TensorView& tensor, size_t row, ValueSink& sink) override {
    for (size_t channel = 0; channel < channels_; ++channel) {
      SeriesSummary summary;
      bool summarized = false;
      for (const PlacedFeature& to : features_) {
        if (ChannelOf(to) != channel) continue;
        if (!summarized) {
          ReadFloats(tensor, (row * channels_ + channel) * window_.size(), window_);
          summary = SummarizeSeries(window_);
          summarized = true;
        }
        sink.Value(to.feature, ValueOf(to, summary));
      }
    }
  }
  size_t MemoryBytes() const override {
    return sizeof *this + window_.capacity() * sizeof(float) +
           features_.capacity() * sizeof features_[0];
  }

 private:
  static size_t ChannelOf(const PlacedFeature& to) {
    return to.statistic == Statistic::kSeriesBand ? to.argument / kBands : to.argument;
  }
  static double ValueOf(const PlacedFeature& to, const SeriesSummary& summary) {
    switch (to.statistic) {
      case Statistic::kSeriesMean:
        return summary.mean;
      case Statistic::kSeriesRms:
        return summary.rms;
      case Statistic::kSeriesKurtosis:
        return summary.kurtosis;
      case Statistic::kSeriesCrest:
        return summary.crest;
      case Statistic::kSeriesZeroCrossings:
        return summary.zero_crossings;
      default:
        return summary.bands[to.argument % kBands];
    }
  }

  std::vector<PlacedFeature> features_;
  size_t channels_;
  std::vector<float> window_;
};

}  // namespace

std::unique_ptr<TensorReader> MakeTensorReader(const TensorUse& use,
                                               std::vector<PlacedFeature> features) {
  switch (use.role) {
    case Role::kColumns:
      return std::make_unique<ColumnsReader>(use, std::move(features));
    case Role::kImage:
      return std::make_unique<ImageReader>(use, std::move(features));
    case Role::kEmbedding:
      return std::make_unique<EmbeddingReader>(use, std::move(features));
    case Role::kScores:
      return std::make_unique<ScoresReader>(use, std::move(features));
    case Role::kDetections:
      return std::make_unique<DetectionsReader>(use, std::move(features));
    case Role::kSeries:
      return std::make_unique<SeriesReader>(use, std::move(features));
  }
  return nullptr;
}

}  // namespace kedge::stats
