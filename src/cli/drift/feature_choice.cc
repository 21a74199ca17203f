// SPDX-License-Identifier: Apache-2.0
#include "cli/drift/feature_choice.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace kedge::cli {
namespace {

using stats::Role;
using stats::Side;
using stats::Statistic;
using stats::TensorUse;

constexpr int64_t kColumnsMax = 64;
constexpr int64_t kScoresMax = 1000;
constexpr size_t kClassesWatched = 8;

bool IsChannels(int64_t size) { return size == 1 || size == 3 || size == 4; }

Role GuessRole(const KnownTensor& tensor) {
  const Shape& shape = tensor.samples[0]->shape();
  const int64_t row =
      shape.rank() >= 2 && shape[0] > 0 ? shape.elements() / shape[0] : shape.elements();
  if (shape.rank() == 4 && (IsChannels(shape[1]) || IsChannels(shape[3])) && row >= 27)
    return Role::kImage;
  if (shape.rank() == 3 && shape[2] == 6) return Role::kDetections;
  if (shape.rank() == 3 && shape[2] >= 16) return Role::kSeries;
  if (tensor.side == Side::kOutput && row >= 2 && row <= kScoresMax) return Role::kScores;
  return row > kColumnsMax ? Role::kEmbedding : Role::kColumns;
}

struct Extremes {
  double min = 0;
  double max = 0;
};

Extremes ExtremesOf(const KnownTensor& tensor) {
  Extremes extremes{INFINITY, -INFINITY};
  for (const Tensor* sample : tensor.samples) {
    for (int64_t i = 0; i < sample->elements(); ++i) {
      const double value = ElementAsDouble(*sample, i);
      if (!std::isfinite(value)) continue;
      extremes.min = std::min(extremes.min, value);
      extremes.max = std::max(extremes.max, value);
    }
  }
  return extremes;
}

// Black and white of a picture in numbers: the usual scales, or what was seen.
void ChooseScale(const KnownTensor& tensor, TensorUse& use) {
  if (use.dtype == DType::kU8) return;
  const Extremes seen = ExtremesOf(tensor);
  if (seen.min >= 0) {
    use.white = seen.max <= 1.01 ? 1 : 255;
  } else if (seen.min >= -1.01 && seen.max <= 1.01) {
    use.black = -1;
    use.white = 1;
  } else {
    use.black = std::floor(seen.min * 10) / 10;
    use.white = std::max(std::ceil(seen.max * 10) / 10, use.black + 0.1);
  }
}

bool AreProbabilities(const KnownTensor& tensor) {
  for (const Tensor* sample : tensor.samples) {
    double sum = 0;
    for (int64_t i = 0; i < sample->elements(); ++i) {
      const double value = ElementAsDouble(*sample, i);
      if (!(value >= 0 && value <= 1.001)) return false;
      sum += value;
    }
    const double rows = sample->shape().rank() >= 2 ? static_cast<double>(sample->shape()[0]) : 1;
    if (std::abs(sum / rows - 1) > 0.02) return false;
  }
  return true;
}

// The classes with the largest sums of scores (of exponentials, if they are logits).
std::vector<uint32_t> HeaviestClasses(const KnownTensor& tensor, bool logits) {
  const size_t classes = static_cast<size_t>(
      tensor.samples[0]->shape().rank() >= 2
          ? tensor.samples[0]->elements() / std::max<int64_t>(1, tensor.samples[0]->shape()[0])
          : tensor.samples[0]->elements());
  std::vector<double> mass(classes);
  for (const Tensor* sample : tensor.samples) {
    double largest = -INFINITY, sum = 0;
    for (size_t i = 0; i < classes; ++i)
      largest = std::max(largest, ElementAsDouble(*sample, static_cast<int64_t>(i)));
    std::vector<double> part(classes);
    for (size_t i = 0; i < classes; ++i) {
      const double score = ElementAsDouble(*sample, static_cast<int64_t>(i));
      part[i] = logits ? std::exp(score - largest) : score;
      sum += part[i];
    }
    for (size_t i = 0; i < classes && sum > 0; ++i) mass[i] += part[i] / sum;
  }
  std::vector<uint32_t> order(classes);
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&mass](uint32_t a, uint32_t b) { return mass[a] > mass[b]; });
  order.resize(std::min(order.size(), kClassesWatched));
  std::sort(order.begin(), order.end());
  return order;
}

class Chooser {
 public:
  Status Add(const KnownTensor& tensor, const std::string* role) {
    const Tensor& first = *tensor.samples[0];
    TensorUse use{.side = tensor.side,
                  .index = tensor.index,
                  .name = tensor.name,
                  .dtype = first.dtype(),
                  .shape = first.shape(),
                  .role = GuessRole(tensor)};
    if (role != nullptr) {
      KEDGE_TRY(use.role, stats::ParseRole(*role));
    }
    if (use.shape.elements() <= 0) return {};
    tensor_ = static_cast<uint32_t>(choice_.tensors.size());
    prefix_ = tensor.name.empty() ? std::string(use.side == Side::kInput ? "input " : "output ") +
                                        std::to_string(use.index)
                                  : tensor.name;
    AddFeatures(tensor, use);
    choice_.tensors.push_back(std::move(use));
    return {};
  }
  Choice Take() { return std::move(choice_); }

 private:
  void Want(Statistic statistic, uint32_t argument, const std::string& suffix) {
    choice_.features.push_back(
        {.name = UniqueName(prefix_ + suffix),
         .use = {.tensor = tensor_, .statistic = statistic, .argument = argument}});
  }
  // Names of inputs and outputs may be equal.
  std::string UniqueName(std::string name) {
    for (char& c : name) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    }
    name.resize(std::min(name.size(), stats::kFeatureNameBytesMax - 8));
    const size_t used = names_[name]++;
    return used == 0 ? name : name + " #" + std::to_string(used + 1);
  }

  void AddFeatures(const KnownTensor& tensor, TensorUse& use) {
    switch (use.role) {
      case Role::kColumns:
        return AddColumns(tensor, use);
      case Role::kImage:
        use.channels_last = use.shape.rank() >= 3 && !IsChannels(use.shape[use.shape.rank() - 3]);
        ChooseScale(tensor, use);
        return AddRange(Statistic::kImageMean, Statistic::kImageFrameDifference);
      case Role::kEmbedding:
        Want(Statistic::kEmbeddingNorm, 0, " norm");
        for (uint32_t i = 0; i < stats::kProjections; ++i)
          Want(Statistic::kEmbeddingProjection, i, " projection " + std::to_string(i));
        return;
      case Role::kScores:
        return AddScores(tensor, use);
      case Role::kDetections:
        return AddRange(Statistic::kBoxes, Statistic::kBoxClass);
      case Role::kSeries:
        return AddSeries(use);
    }
  }
  void AddRange(Statistic first, Statistic last) {
    for (auto s = static_cast<uint8_t>(first); s <= static_cast<uint8_t>(last); ++s) {
      const auto statistic = static_cast<Statistic>(s);
      Want(statistic, 0, " " + std::string(stats::StatisticName(statistic)));
    }
  }
  void AddColumns(const KnownTensor& tensor, const TensorUse& use) {
    const bool rows = use.shape.rank() >= 2 && use.shape[0] > 0;
    const int64_t columns = rows ? use.shape.elements() / use.shape[0] : use.shape.elements();
    const std::string prefix = prefix_;
    for (int64_t c = 0; c < std::min(columns, kColumnsMax); ++c) {
      if (static_cast<size_t>(c) < tensor.columns.size()) {
        prefix_ = tensor.columns[static_cast<size_t>(c)];
        Want(Statistic::kColumn, static_cast<uint32_t>(c), "");
      } else {
        Want(Statistic::kColumn, static_cast<uint32_t>(c),
             columns == 1 ? "" : " " + std::to_string(c));
      }
    }
    prefix_ = prefix;
  }
  void AddScores(const KnownTensor& tensor, TensorUse& use) {
    use.logits = !AreProbabilities(tensor);
    for (const uint32_t c : HeaviestClasses(tensor, use.logits))
      Want(Statistic::kProbability, c, " probability of " + std::to_string(c));
    AddRange(Statistic::kMaxProbability, Statistic::kClassChange);
  }
  void AddSeries(const TensorUse& use) {
    const auto channels = static_cast<uint32_t>(use.shape[use.shape.rank() - 2]);
    for (uint32_t c = 0; c < std::min(channels, 8u); ++c) {
      const std::string channel = channels == 1 ? "" : " channel " + std::to_string(c);
      for (auto s = static_cast<uint8_t>(Statistic::kSeriesMean);
           s <= static_cast<uint8_t>(Statistic::kSeriesZeroCrossings); ++s) {
        const auto statistic = static_cast<Statistic>(s);
        Want(statistic, c, channel + " " + std::string(stats::StatisticName(statistic)));
      }
      for (uint32_t band = 0; band < stats::kBands; ++band)
        Want(Statistic::kSeriesBand, c * static_cast<uint32_t>(stats::kBands) + band,
             channel + " band " + std::to_string(band));
    }
  }

  Choice choice_;
  std::map<std::string, size_t> names_;
  uint32_t tensor_ = 0;
  std::string prefix_;
};

}  // namespace

Result<Choice> ChooseFeatures(const std::vector<KnownTensor>& tensors,
                              const std::vector<std::string>& roles) {
  std::map<std::string, std::string> wanted;
  for (const std::string& text : roles) {
    const size_t equals = text.rfind('=');
    if (equals == std::string::npos)
      return InvalidArgument("--role '" + text + "' is not NAME=ROLE");
    wanted[text.substr(0, equals)] = text.substr(equals + 1);
  }
  Chooser chooser;
  for (const KnownTensor& tensor : tensors) {
    const auto role = wanted.find(tensor.name);
    KEDGE_TRY_STATUS(chooser.Add(tensor, role == wanted.end() ? nullptr : &role->second));
    if (role != wanted.end()) wanted.erase(role);
  }
  if (!wanted.empty())
    return InvalidArgument("--role names '" + wanted.begin()->first +
                           "', which is no tensor of the data or model");
  return chooser.Take();
}

}  // namespace kedge::cli
