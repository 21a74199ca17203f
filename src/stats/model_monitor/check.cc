// The six checks of a data quality execution. Descriptions are worded as Model Monitor's.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "stats/model_monitor/dataset_profile.h"

namespace kedge::stats::model_monitor {
namespace {

// 0.1 as "0.1", 100.0 as "100.0", in full precision.
std::string Number(double value) {
  std::string text = json::Write(value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string Percent(double share) { return Number(share * 100) + "%"; }

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 1.0 : static_cast<double>(part) / static_cast<double>(whole);
}

// One feature that both the constraints and the rows have.
struct Feature {
  const FeatureConstraints& wanted;
  const FeatureStatistics* baseline;
  const ColumnProfile& column;
  uint64_t rows;
  EffectiveConfig config;
  std::vector<Violation>& out;

  void Add(std::string_view check, std::string description) const {
    out.push_back({wanted.name, std::string(check), std::move(description)});
  }
};

void CheckType(const Feature& feature) {
  const FeatureConstraints& wanted = feature.wanted;
  if (wanted.type == InferredType::kUnknown || feature.column.present() == 0) return;
  const double match = Share(feature.column.Matching(wanted.type), feature.column.present());
  if (match < feature.config.datatype_check_threshold) {
    const std::string name(NameOf(wanted.type));
    feature.Add(kDataTypeCheck,
                "Data type match requirement is not met. Expected data type: " + name +
                    ", Expected match: " + Percent(feature.config.datatype_check_threshold) +
                    ". Observed: Only " + Percent(match) + " of data is " + name + ".");
  }
  // None of the six types is the sign's own; a number below zero is not of the type that was
  // promised.
  if (wanted.is_non_negative.value_or(false) && feature.column.negative() > 0) {
    feature.Add(kDataTypeCheck,
                "Data type match requirement is not met. Expected data type: non-negative " +
                    std::string(NameOf(wanted.type)) + ". Observed: " +
                    Percent(Share(feature.column.negative(), feature.column.present())) +
                    " of data is negative.");
  }
}

void CheckCompleteness(const Feature& feature) {
  const double complete = Share(feature.column.present(), feature.rows);
  if (complete >= feature.wanted.completeness) return;
  feature.Add(kCompletenessCheck,
              "Data completeness requirement is not met. Expected completeness: " +
                  Percent(feature.wanted.completeness) + ". Observed: Only " + Percent(complete) +
                  " of data is present.");
}

void CheckDomain(const Feature& feature) {
  if (!feature.wanted.domains || feature.column.present() == 0) return;
  std::vector<std::string> domain = *feature.wanted.domains;
  std::sort(domain.begin(), domain.end());
  const double inside = 1 - Share(feature.column.Outside(domain), feature.column.present());
  if (inside >= feature.config.domain_content_threshold) return;
  feature.Add(kCategoricalValuesCheck,
              "Categorical values requirement is not met. Expected match: " +
                  Percent(feature.config.domain_content_threshold) + ". Observed: Only " +
                  Percent(inside) + " of values are in the domain.");
}

void CheckNumericalDrift(const Feature& feature) {
  const auto current = feature.column.Numerical();
  if (!current) return;
  const auto distance =
      NumericalDistance(feature.baseline->numerical->sketch.Sample(), current->sketch.Sample(),
                        feature.config.comparison_method);
  if (!distance || *distance <= feature.config.comparison_threshold) return;
  feature.Add(kBaselineDriftCheck,
              "Numerical distance: " + Number(*distance) +
                  " exceeds numerical threshold: " + Number(feature.config.comparison_threshold));
}

void CheckCategoricalDrift(const Feature& feature) {
  const CategoryCounts& baseline = feature.baseline->text->categories;
  const CategoryCounts current = feature.column.Text().categories;
  const double threshold = feature.config.categorical_comparison_threshold;
  if (feature.config.categorical_drift_method == CategoricalMethod::kChiSquared) {
    const auto test = ChiSquaredOf(current, baseline);
    if (!test || test->p_value >= threshold) return;
    return feature.Add(kBaselineDriftCheck,
                       "Categorical chi-squared p-value: " + Number(test->p_value) +
                           " is below categorical threshold: " + Number(threshold));
  }
  const auto distance = CategoricalDistance(baseline, current, feature.config.comparison_method);
  if (!distance || *distance <= threshold) return;
  feature.Add(kBaselineDriftCheck, "Categorical distance: " + Number(*distance) +
                                       " exceeds categorical threshold: " + Number(threshold));
}

void CheckDrift(const Feature& feature) {
  if (!feature.config.perform_comparison || feature.baseline == nullptr) return;
  if (feature.baseline->numerical) CheckNumericalDrift(feature);
  if (feature.baseline->text) CheckCategoricalDrift(feature);
}

// Columns that only one side has. One violation a side, as the original counts columns and names
// none.
void CheckColumns(const Constraints& constraints, const DatasetProfile& current,
                  std::vector<Violation>& out) {
  std::string missing;
  std::string extra;
  const auto append = [](std::string& list, const std::string& name) {
    list += (list.empty() ? "" : ", ") + name;
  };
  for (const FeatureConstraints& feature : constraints.features) {
    if (current.Find(feature.name) == nullptr) append(missing, feature.name);
  }
  for (const DatasetProfile::Column& column : current.columns()) {
    if (constraints.Find(column.name) == nullptr) append(extra, column.name);
  }
  const std::string counts =
      " Number of columns in current dataset: " + std::to_string(current.columns().size()) +
      ", Number of columns in baseline constraints: " + std::to_string(constraints.features.size());
  if (!missing.empty()) {
    out.push_back(
        {"Missing columns", std::string(kMissingColumnCheck),
         "There are missing columns in current dataset." + counts + ". Missing: " + missing});
  }
  if (!extra.empty()) {
    out.push_back({"Extra columns", std::string(kExtraColumnCheck),
                   "There are extra columns in current dataset." + counts + ". Extra: " + extra});
  }
}

}  // namespace

std::vector<Violation> Check(const Constraints& constraints, const Statistics* baseline,
                             const DatasetProfile& current) {
  std::vector<Violation> out;
  if (Effective(constraints.config, {}).evaluate_constraints) {
    CheckColumns(constraints, current, out);
  }
  for (const FeatureConstraints& wanted : constraints.features) {
    const ColumnProfile* column = current.Find(wanted.name);
    const EffectiveConfig config = Effective(constraints.config, wanted.overrides);
    if (column == nullptr || !config.evaluate_constraints) continue;
    const Feature feature{.wanted = wanted,
                          .baseline = baseline != nullptr ? baseline->Find(wanted.name) : nullptr,
                          .column = *column,
                          .rows = current.rows(),
                          .config = config,
                          .out = out};
    CheckType(feature);
    CheckCompleteness(feature);
    CheckDomain(feature);
    CheckDrift(feature);
  }
  return out;
}

}  // namespace kedge::stats::model_monitor
