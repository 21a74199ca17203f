// SPDX-License-Identifier: Apache-2.0
#include "server/monitoring/bias_analysis.h"

#include <charconv>
#include <set>

namespace kedge::server {
namespace {

namespace mm = stats::model_monitor;

constexpr size_t kFacetsMax = 16;

std::optional<double> NumberIn(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool Same(const std::string& a, const std::string& b) {
  const auto x = NumberIn(a);
  const auto y = NumberIn(b);
  return x && y ? *x == *y : a == b;
}

// Texts of a value or a list of values.
std::vector<std::string> TextsOf(const json::Value* value) {
  std::vector<std::string> texts;
  const auto add = [&](const json::Value& one) {
    texts.push_back(one.AsString() != nullptr ? *one.AsString() : json::Write(one));
  };
  if (value != nullptr && value->AsArray() != nullptr) {
    for (const json::Value& one : *value->AsArray()) add(one);
  } else if (value != nullptr && !value->is_null()) {
    add(*value);
  }
  return texts;
}

// How a list of values chooses among cells.
class Choice {
 public:
  Choice(const std::vector<std::string>& values, const std::vector<std::string>& cells)
      : values_(values) {
    std::set<std::string> distinct;
    bool numbers = true;
    for (const std::string& cell : cells) {
      if (distinct.size() <= 2) distinct.insert(cell);
      numbers = numbers && NumberIn(cell).has_value();
    }
    if (values.size() == 1 && numbers && distinct.size() > 2) threshold_ = NumberIn(values[0]);
  }
  bool Takes(const std::string& cell) const {
    if (threshold_) return NumberIn(cell).value_or(*threshold_) > *threshold_;
    for (const std::string& value : values_) {
      if (Same(value, cell)) return true;
    }
    return false;
  }
  std::string Text() const {
    if (threshold_) return "(" + values_[0] + ", inf)";
    std::string text;
    for (const std::string& value : values_) text += (text.empty() ? "" : ",") + value;
    return text;
  }

 private:
  const std::vector<std::string>& values_;
  std::optional<double> threshold_;
};

const std::string* CellOf(const mm::Record& record, const std::string& column) {
  for (const auto& [name, text] : record.cells) {
    if (name == column) return &text;
  }
  return nullptr;
}

}  // namespace

Result<BiasCollector> BiasCollector::Make(const json::Value& config) {
  BiasCollector collector;
  const auto text = [](const json::Value* value) {
    const auto texts = TextsOf(value);
    return texts.empty() ? std::string() : texts.front();
  };
  collector.label_ = text(config.Find("label"));
  collector.favourable_ = TextsOf(config.Find("label_values_or_threshold"));
  collector.group_column_ = text(config.Find("group_variable"));
  if (collector.favourable_.empty()) {
    return InvalidArgument("the analysis configuration has no label_values_or_threshold");
  }
  const json::Value* facets = config.Find("facet");
  if (facets == nullptr || facets->AsArray() == nullptr || facets->AsArray()->empty() ||
      facets->AsArray()->size() > kFacetsMax) {
    return InvalidArgument("the analysis configuration must have 1 to " +
                           std::to_string(kFacetsMax) + " entries in facet");
  }
  for (const json::Value& facet : *facets->AsArray()) {
    Facet made{.column = text(facet.Find("name_or_index")),
               .values = TextsOf(facet.Find("value_or_threshold")),
               .cells = {}};
    if (made.column.empty() || made.values.empty()) {
      return InvalidArgument("an entry of facet needs name_or_index and value_or_threshold");
    }
    collector.facets_.push_back(std::move(made));
  }
  return collector;
}

Status BiasCollector::Add(const mm::Record& record, const std::string& label,
                          const std::string& prediction) {
  if (labels_.size() == mm::kBiasRowsMax) {
    return InvalidArgument("there are more than " + std::to_string(mm::kBiasRowsMax) +
                           " labelled inferences");
  }
  for (Facet& facet : facets_) {
    const std::string* cell = CellOf(record, facet.column);
    if (cell == nullptr) return InvalidArgument("a record has no column '" + facet.column + "'");
    facet.cells.push_back(*cell);
  }
  labels_.push_back(label);
  predictions_.push_back(prediction);
  const std::string* group = group_column_.empty() ? nullptr : CellOf(record, group_column_);
  groups_.push_back(group == nullptr ? "" : *group);
  if (features_.size() >= 2 * mm::kFlipRowsMax) return {};
  std::vector<double> numbers;
  for (size_t i = record.outputs; i < record.cells.size(); ++i) {
    bool is_facet = false;
    for (const Facet& facet : facets_) is_facet = is_facet || facet.column == record.cells[i].first;
    const auto number = NumberIn(record.cells[i].second);
    if (number && !is_facet) numbers.push_back(*number);
  }
  features_.push_back(std::move(numbers));
  return {};
}

Result<std::vector<mm::FacetBias>> BiasCollector::Compute() const {
  if (labels_.empty()) return InvalidArgument("no prediction has a label");
  const Choice favourable(favourable_, labels_);
  std::vector<mm::FacetBias> all;
  for (const Facet& facet : facets_) {
    const Choice inside(facet.values, facet.cells);
    std::vector<mm::BiasRow> rows;
    size_t count = 0;
    for (size_t i = 0; i < labels_.size(); ++i) {
      rows.push_back({.in_facet = inside.Takes(facet.cells[i]),
                      .label = favourable.Takes(labels_[i]),
                      .predicted = favourable.Takes(predictions_[i]),
                      .group = groups_[i],
                      .features = i < features_.size() ? features_[i] : std::vector<double>()});
      count += rows.back().in_facet ? 1 : 0;
    }
    if (count == 0 || count == rows.size()) {
      return InvalidArgument("facet '" + facet.column + "' has " + std::to_string(count) + " of " +
                             std::to_string(rows.size()) + " rows");
    }
    mm::BiasMetrics metrics = PreTrainingBias(rows);
    metrics.merge(PostTrainingBias(rows));
    all.push_back({facet.column, inside.Text(), std::move(metrics)});
  }
  return all;
}

}  // namespace kedge::server
