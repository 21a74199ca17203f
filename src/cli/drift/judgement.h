// Whether data has drifted from a baseline: one verdict a feature.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <vector>

#include "base/json/json.h"
#include "cli/drift/data_set.h"
#include "stats/baseline/baseline.h"
#include "stats/counts/distance.h"

namespace kedge::cli {

inline constexpr size_t kPathPoints = 160;
inline constexpr uint64_t kValuesForVerdict = 20;

enum class DriftVerdict : uint8_t { kSame, kDrift, kMissing, kFewValues };
// "same", "drift", "missing values", "few values".
std::string_view DriftVerdictName(DriftVerdict verdict);

struct FeatureJudgement {
  std::string name;
  bool categorical = false;
  std::vector<std::string> bin_names;
  std::vector<uint64_t> reference;
  std::vector<uint64_t> current;
  uint64_t values = 0;
  uint64_t nulls = 0;    // and NaNs
  uint64_t outside = 0;  // below or above everything in the baseline, unseen, infinite
  uint64_t frozen = 0;
  std::array<stats::Estimate, stats::kDistances> distances{};
  stats::Estimate shift;     // of the mean in deviations; numeric only
  double log10_e_value = 0;  // of the whole data; 2 is a hundred to one for drift
  std::vector<float> path;   // log10 of the detector's evidence, as the rows came
  DriftVerdict verdict = DriftVerdict::kSame;
};

struct DataJudgement {
  std::string baseline_id;
  uint64_t rows = 0;
  double fdr = 0.05;
  std::vector<FeatureJudgement> features;
  std::vector<std::string> notes;

  bool drifted() const;
};

// Rows are counted as a device counts them. A feature has drifted if e-BH names it at the given
// false discovery rate by the e-value of all its (strided) counts: at most that share of the named
// features is named wrongly, however many features there are and however they depend on each other.
// It misses values if their share has risen by more than 2 % and four standard errors. Features of
// tensors that the data does not have are left out with a note. kInvalidArgument if nothing is
// left, or the tensors of a row are not those of the baseline.
Result<DataJudgement> Judge(stats::Baseline baseline, const std::string& baseline_id,
                            const DataSet& data, double fdr);

json::Value ToJson(const DataJudgement& judgement);
std::string ToTable(const DataJudgement& judgement);
// One file with pictures, without scripts and without references to anything else.
std::string ToHtml(const DataJudgement& judgement, const std::string& title);

}  // namespace kedge::cli
