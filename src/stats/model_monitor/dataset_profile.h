// Rows in, statistics and suggested constraints out, in bounded memory: what Model Monitor's
// baselining and its executions do first. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "stats/counts/hyperloglog.h"
#include "stats/model_monitor/documents.h"

namespace kedge::stats::model_monitor {

constexpr size_t kCategoriesMax =
    1024;  // distinct texts that a column keeps; later ones are counted, not named
constexpr size_t kCategoryBytesMax = 128;  // of a kept text; the rest is cut off
constexpr int kBuckets = 10;               // of equal width, as the original's
constexpr size_t kDomainMax = 30;          // at most so many distinct texts are a domain
constexpr double kDomainShareMax = 0.5;    // of the rows

// One column. Every cell has a kind; the column's type is the narrowest that takes them all.
class ColumnProfile {
 public:
  // A cell as text. Empty and missing cells are not told: DatasetProfile knows the number of rows.
  void Add(std::string_view cell);

  uint64_t present() const { return integral_ + fractional_ + other_; }
  InferredType type() const;
  // Cells that are of the type: an integral number is a fractional one too, everything is a String.
  uint64_t Matching(InferredType wanted) const;
  uint64_t negative() const { return negative_; }
  // Of the cells that are numbers, whatever the type of the column is. Nothing if there are none.
  std::optional<NumericalStatistics> Numerical() const;
  StringStatistics Text() const;
  // How many cells are none of the (sorted) texts; those beyond kCategoriesMax are counted as
  // outside.
  uint64_t Outside(std::span<const std::string> sorted_domain) const;

 private:
  void AddNumber(double value);

  uint64_t integral_ = 0;
  uint64_t fractional_ = 0;
  uint64_t other_ = 0;
  uint64_t negative_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // of deviations from the mean
  double sum_ = 0;
  double min_ = 0;
  double max_ = 0;
  KllSketch sketch_;
  CategoryCounts categories_;
  HyperLogLog distinct_;
};

class DatasetProfile {
 public:
  // A row is begun, then its cells are given. kInvalidArgument above kFeaturesMax columns.
  void BeginRow() { ++rows_; }
  Status Add(std::string_view column, std::string_view cell);
  // A column that may have no value at all.
  Status Declare(std::string_view column);

  uint64_t rows() const { return rows_; }
  struct Column {
    std::string name;
    ColumnProfile profile;
  };
  // In the order of their first appearance.
  std::span<const Column> columns() const { return columns_; }
  const ColumnProfile* Find(std::string_view name) const;

  Statistics ToStatistics() const;
  // Constraints that these rows satisfy: type, completeness, sign, domain. Thresholds are written
  // out, 1.0 for types and domains as the published files have it.
  Constraints Suggest() const;

 private:
  Result<size_t> IndexOf(std::string_view column);

  uint64_t rows_ = 0;
  std::vector<Column> columns_;
  std::unordered_map<std::string, size_t> index_;
};

// Of a cell: kUnknown for what is no number.
InferredType KindOfCell(std::string_view cell);

// Ten buckets of equal width between the least and the greatest value, counted in the sorted
// sample.
std::vector<Bucket> BucketsOf(std::span<const WeightedValue> sample, double min, double max);

// All violations of the constraints, in the order of the features. `baseline` may be null: then no
// distribution is compared.
std::vector<Violation> Check(const Constraints& constraints, const Statistics* baseline,
                             const DatasetProfile& current);

}  // namespace kedge::stats::model_monitor
