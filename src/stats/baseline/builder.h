// Makes a baseline from data that is known to be good.
//
// Values are kept in the order they come, at most kKeptValues a feature. Cut points and reference
// counts are exact up to that many; beyond, they come from a quantile sketch of all values, whose
// rank error (below 0.14 %) is far inside the tolerance. Stride, season and longest runs are always
// measured on the kept ones.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "stats/baseline/baseline.h"

namespace kedge::stats {

inline constexpr size_t kKeptValues = 262'144;
inline constexpr size_t kKeptEmbeddings = 2'000;

// A field of a table.
using Cell = std::variant<std::monostate, double, std::string>;  // null, number, text

struct WantedFeature {
  std::string name;
  FeatureUse use;
  bool categorical = false;  // of a column; not said: see BuilderOptions
};

struct BuilderOptions {
  double tolerance_min = 0.05;
  bool ordered = true;  // rows follow each other in time; if not, strides are 1
  // Columns of whole numbers with at most this many different ones, and columns of text, become
  // categorical.
  size_t categories_max = 16;
};

// What a feature was left out for, or what is noteworthy about it.
struct BuilderNote {
  std::string feature;
  std::string text;
};

// One thread.
class BaselineBuilder {
 public:
  // Errors of FeaturePlan::Make. An embedding's distance is not wanted but added by the builder:
  // prototypes are made of one half of its rows, distances measured on the other.
  static Result<BaselineBuilder> Make(std::vector<TensorUse> tensors,
                                      std::vector<WantedFeature> features,
                                      const BuilderOptions& options);
  ~BaselineBuilder();
  BaselineBuilder(BaselineBuilder&&) noexcept;
  BaselineBuilder& operator=(BaselineBuilder&&) noexcept;

  // One inference; `time_ms` Unix time if known. kInvalidArgument if the tensors are not the ones
  // of Make.
  Status Observe(std::span<const TensorView> inputs, std::span<const TensorView> outputs,
                 std::optional<int64_t> time_ms);
  // One row of a table: a cell a feature, in the order of Make.
  Status ObserveRow(std::span<const Cell> cells, std::optional<int64_t> time_ms);
  // The true class of the row that was observed last. Nothing happens without the features class
  // and max-probability.
  void Label(uint32_t true_class);

  // kFailedPrecondition without rows or features that can be watched. `classes`: names by number,
  // may be empty.
  Result<Baseline> Finish(std::vector<std::string> classes);
  // After Finish.
  const std::vector<BuilderNote>& notes() const;

 private:
  struct State;
  explicit BaselineBuilder(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The first lag at which the autocorrelation of `values` is at most 0.1, at most a tenth of their
// number; 1 for fewer than 50.
uint32_t DecorrelationStride(std::span<const double> values);

// Means by hour of the day if they explain more than a tenth of the variance, the times span three
// days and every hour has ten values.
std::optional<Season> MeasureSeason(std::span<const double> values,
                                    std::span<const int64_t> times_ms);

// Centres of `count` clusters of rows: k-means++ with ten rounds of Lloyd's algorithm, seeded.
std::vector<std::vector<float>> Prototypes(const std::vector<std::vector<float>>& rows,
                                           size_t count, uint64_t seed);

}  // namespace kedge::stats
