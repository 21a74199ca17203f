// SPDX-License-Identifier: Apache-2.0
#include "stats/model_monitor/bias.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace kedge::stats::model_monitor {
namespace {

using json::Array;
using json::Object;
using json::Value;

// Counts of one facet, [label][predicted].
struct Counts {
  std::array<std::array<double, 2>, 2> at{};
  double rows() const { return at[0][0] + at[0][1] + at[1][0] + at[1][1]; }
  double labels(size_t of) const { return at[of][0] + at[of][1]; }
  double predictions(size_t of) const { return at[0][of] + at[1][of]; }
  double true_positive() const { return at[1][1]; }
  double true_negative() const { return at[0][0]; }
  double false_positive() const { return at[0][1]; }
  double false_negative() const { return at[1][0]; }
};

struct Facets {
  Counts a;
  Counts d;
};

Facets Count(const std::vector<BiasRow>& rows) {
  Facets facets;
  for (const BiasRow& row : rows) {
    Counts& counts = row.in_facet ? facets.d : facets.a;
    counts.at[row.label ? 1 : 0][row.predicted ? 1 : 0] += 1;
  }
  return facets;
}

// Metrics are kept where they are numbers: a denominator of 0 gives none.
void Put(BiasMetrics& metrics, const char* name, double value) {
  if (std::isfinite(value)) metrics[name] = value;
}

double Divergence(const std::array<double, 2>& p, const std::array<double, 2>& q) {
  double sum = 0;
  for (size_t i = 0; i < 2; ++i) {
    if (p[i] > 0) sum += p[i] * std::log(p[i] / q[i]);
  }
  return sum;
}

// Mean over groups, weighted by rows, of n0d / n0 - n1d / n1.
double ConditionalDisparity(const std::vector<BiasRow>& rows, bool BiasRow::* outcome) {
  struct Group {
    double rows = 0;
    std::array<double, 2> all{};
    std::array<double, 2> facet{};
  };
  std::map<std::string, Group> groups;
  for (const BiasRow& row : rows) {
    Group& group = groups[row.group];
    const size_t of = row.*outcome ? 1 : 0;
    group.rows += 1;
    group.all[of] += 1;
    group.facet[of] += row.in_facet ? 1 : 0;
  }
  double sum = 0;
  for (const auto& [name, group] : groups) {
    // Nobody was rejected (or accepted) in the group: that part is 0.
    const double rejected = group.all[0] > 0 ? group.facet[0] / group.all[0] : 0;
    const double accepted = group.all[1] > 0 ? group.facet[1] / group.all[1] : 0;
    sum += group.rows * (rejected - accepted);
  }
  return sum / static_cast<double>(rows.size());
}

double Distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

// Rows of d whose nearest neighbours in a are mostly treated better, less those treated worse.
double FlipTest(const std::vector<BiasRow>& rows) {
  std::vector<const BiasRow*> a;
  std::vector<const BiasRow*> d;
  for (const BiasRow& row : rows) {
    auto& side = row.in_facet ? d : a;
    if (!row.features.empty() && side.size() < kFlipRowsMax) side.push_back(&row);
  }
  if (a.size() < kFlipNeighbours || d.empty()) return std::nan("");
  double flips = 0;
  std::vector<std::pair<double, bool>> near;
  for (const BiasRow* row : d) {
    near.clear();
    for (const BiasRow* other : a) {
      near.emplace_back(Distance(row->features, other->features), other->predicted);
    }
    std::nth_element(near.begin(), near.begin() + kFlipNeighbours - 1, near.end());
    size_t favoured = 0;
    for (size_t i = 0; i < kFlipNeighbours; ++i) favoured += near[i].second ? 1 : 0;
    const bool counterfactual = 2 * favoured > kFlipNeighbours;
    if (counterfactual != row->predicted) flips += counterfactual ? 1 : -1;
  }
  return flips / static_cast<double>(d.size());
}

double GeneralisedEntropy(const std::vector<BiasRow>& rows) {
  double sum = 0;
  double squares = 0;
  for (const BiasRow& row : rows) {
    const double benefit = (row.predicted ? 1 : 0) - (row.label ? 1 : 0) + 1;
    sum += benefit;
    squares += benefit * benefit;
  }
  const auto n = static_cast<double>(rows.size());
  const double mean = sum / n;
  return (squares / n / (mean * mean) - 1) / 2;
}

double FromNoBias(const std::string& metric, double value) {
  return std::abs(metric == "DI" ? value - 1 : value);
}

}  // namespace

BiasMetrics PreTrainingBias(const std::vector<BiasRow>& rows) {
  const auto [a, d] = Count(rows);
  const double qa = a.labels(1) / a.rows();
  const double qd = d.labels(1) / d.rows();
  const std::array<double, 2> pa = {1 - qa, qa};
  const std::array<double, 2> pd = {1 - qd, qd};
  const std::array<double, 2> mean = {(pa[0] + pd[0]) / 2, (pa[1] + pd[1]) / 2};
  BiasMetrics metrics;
  Put(metrics, "CI", (a.rows() - d.rows()) / (a.rows() + d.rows()));
  Put(metrics, "DPL", qa - qd);
  Put(metrics, "KL", Divergence(pa, pd));
  Put(metrics, "JS", (Divergence(pa, mean) + Divergence(pd, mean)) / 2);
  Put(metrics, "LP", std::sqrt(2 * (qa - qd) * (qa - qd)));
  Put(metrics, "TVD", std::abs(qa - qd));
  Put(metrics, "KS", std::abs(qa - qd));
  Put(metrics, "CDDL", ConditionalDisparity(rows, &BiasRow::label));
  return metrics;
}

BiasMetrics PostTrainingBias(const std::vector<BiasRow>& rows) {
  const auto [a, d] = Count(rows);
  const double qa = a.predictions(1) / a.rows();
  const double qd = d.predictions(1) / d.rows();
  const auto accuracy = [](const Counts& c) {
    return (c.true_positive() + c.true_negative()) / c.rows();
  };
  BiasMetrics metrics;
  Put(metrics, "DPPL", qa - qd);
  Put(metrics, "DI", qd / qa);
  Put(metrics, "DCAcc", a.labels(1) / a.predictions(1) - d.labels(1) / d.predictions(1));
  Put(metrics, "DCR", d.labels(0) / d.predictions(0) - a.labels(0) / a.predictions(0));
  Put(metrics, "AD", accuracy(a) - accuracy(d));
  Put(metrics, "RD", a.true_positive() / a.labels(1) - d.true_positive() / d.labels(1));
  Put(metrics, "DAR", a.true_positive() / a.predictions(1) - d.true_positive() / d.predictions(1));
  Put(metrics, "DRR", d.true_negative() / d.predictions(0) - a.true_negative() / a.predictions(0));
  Put(metrics, "SD", d.true_negative() / d.labels(0) - a.true_negative() / a.labels(0));
  Put(metrics, "TE",
      d.false_negative() / d.false_positive() - a.false_negative() / a.false_positive());
  Put(metrics, "CDDPL", ConditionalDisparity(rows, &BiasRow::predicted));
  Put(metrics, "FT", FlipTest(rows));
  Put(metrics, "GE", GeneralisedEntropy(rows));
  return metrics;
}

json::Value BiasAnalysis(std::string_view stage, const std::string& label,
                         const std::vector<FacetBias>& facets) {
  Object by_facet;
  for (const FacetBias& facet : facets) {
    Array metrics;
    for (const auto& [name, value] : facet.metrics) {
      metrics.push_back(Object{{"name", name}, {"value", value}});
    }
    Object entry{{"value_or_threshold", facet.value}, {"metrics", std::move(metrics)}};
    if (by_facet.Find(facet.facet) == nullptr) by_facet.Set(facet.facet, Array());
    by_facet.Find(facet.facet)->AsArray()->push_back(std::move(entry));
  }
  Object document{{"version", "1.0"}};
  document.Set(stage, Object{{"label", label}, {"facets", std::move(by_facet)}});
  return document;
}

Result<std::vector<BiasViolation>> CheckBias(const json::Value& baseline,
                                             const std::vector<FacetBias>& current) {
  std::vector<BiasViolation> violations;
  const Value* stage = baseline.Find("post_training_bias_metrics");
  const Value* facets = stage == nullptr ? nullptr : stage->Find("facets");
  if (facets == nullptr || facets->AsObject() == nullptr) {
    return InvalidArgument("the baseline has no post_training_bias_metrics.facets");
  }
  for (const FacetBias& facet : current) {
    const Value* entries = facets->Find(facet.facet);
    if (entries == nullptr || entries->AsArray() == nullptr) continue;
    for (const Value& entry : *entries->AsArray()) {
      const Value* metrics = entry.Find("metrics");
      if (entry.StringOr("value_or_threshold", "") != facet.value || metrics == nullptr ||
          metrics->AsArray() == nullptr) {
        continue;
      }
      for (const Value& metric : *metrics->AsArray()) {
        const std::string name = metric.StringOr("name", "");
        const Value* value = metric.Find("value");
        const auto now = facet.metrics.find(name);
        if (value == nullptr || !value->IsNumber() || now == facet.metrics.end()) continue;
        const double before = value->NumberOr(0);
        if (FromNoBias(name, now->second) <= FromNoBias(name, before)) continue;
        violations.push_back({facet.facet, facet.value, name,
                              "Metric value " + json::Write(Value(now->second)) +
                                  " doesn't meet the baseline constraint requirement " +
                                  json::Write(Value(before))});
      }
    }
  }
  return violations;
}

std::string WriteBiasViolations(const std::vector<BiasViolation>& violations) {
  Array list;
  for (const BiasViolation& violation : violations) {
    list.push_back(Object{{"facet", violation.facet},
                          {"facet_value", violation.facet_value},
                          {"metric_name", violation.metric},
                          {"constraint_check_type", "bias_drift_check"},
                          {"description", violation.description}});
  }
  return json::WritePretty(Object{{"version", "1.0"}, {"violations", std::move(list)}});
}

}  // namespace kedge::stats::model_monitor
