// A judgement as JSON and as a table.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "cli/drift/judgement.h"

namespace kedge::cli {
namespace {

using json::Array;
using json::Object;
using json::Value;

Value ToJson(const stats::Estimate& estimate) {
  return Object{{"value", estimate.value}, {"low", estimate.low}, {"high", estimate.high}};
}

Array ToJson(const std::vector<uint64_t>& counts) { return Array(counts.begin(), counts.end()); }

Value ToJson(const FeatureJudgement& judged) {
  Object distances;
  for (size_t i = 0; i < stats::kDistances; ++i) {
    distances.Set(stats::DistanceName(static_cast<stats::Distance>(i)),
                  ToJson(judged.distances[i]));
  }
  Object object{{"feature", judged.name},
                {"verdict", DriftVerdictName(judged.verdict)},
                {"values", judged.values},
                {"nulls", judged.nulls},
                {"outside", judged.outside},
                {"frozen", judged.frozen},
                {"log10_e_value", judged.log10_e_value},
                {"distances", std::move(distances)},
                {"bins", Array(judged.bin_names.begin(), judged.bin_names.end())},
                {"reference", ToJson(judged.reference)},
                {"current", ToJson(judged.current)}};
  if (!judged.categorical) object.Set("effect_sd", ToJson(judged.shift));
  return object;
}

}  // namespace

json::Value ToJson(const DataJudgement& judgement) {
  Array features;
  for (const FeatureJudgement& judged : judgement.features) features.push_back(ToJson(judged));
  return Object{{"baseline", judgement.baseline_id},
                {"rows", judgement.rows},
                {"fdr", judgement.fdr},
                {"drift", judgement.drifted()},
                {"features", std::move(features)},
                {"notes", Array(judgement.notes.begin(), judgement.notes.end())}};
}

std::string ToTable(const DataJudgement& judgement) {
  std::string table;
  char line[256];
  std::snprintf(line, sizeof line, "%-32s %9s %7s %7s %22s %24s %9s  %s\n", "feature", "values",
                "nulls", "outside", "KS (95 %)", "effect in sd (95 %)", "evidence", "verdict");
  table += line;
  for (const FeatureJudgement& judged : judgement.features) {
    const stats::Estimate& ks = judged.distances[static_cast<size_t>(
        judged.categorical ? stats::Distance::kLInfinity : stats::Distance::kKs)];
    char distance[40], effect[40] = "-";
    std::snprintf(distance, sizeof distance, "%.3f [%.3f, %.3f]", ks.value, ks.low, ks.high);
    if (!judged.categorical)
      std::snprintf(effect, sizeof effect, "%+.2f [%+.2f, %+.2f]", judged.shift.value,
                    judged.shift.low, judged.shift.high);
    std::snprintf(line, sizeof line, "%-32.32s %9llu %7llu %7llu %22s %24s %9.1f  %s\n",
                  judged.name.c_str(), static_cast<unsigned long long>(judged.values),
                  static_cast<unsigned long long>(judged.nulls),
                  static_cast<unsigned long long>(judged.outside), distance, effect,
                  judged.log10_e_value, std::string(DriftVerdictName(judged.verdict)).c_str());
    table += line;
  }
  for (const std::string& note : judgement.notes) table += note + "\n";
  return table + "evidence is log10 of the e-value; of categories the distance is L-infinity\n";
}

}  // namespace kedge::cli
