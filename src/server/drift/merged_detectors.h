// The detectors of a subject's merged counts, as a text of its row: one step a window.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "server/drift/baselines.h"
#include "server/drift/counts.h"

namespace kedge::server {

// One thread.
class MergedDetectors {
 public:
  // An empty, foreign or damaged text begins from no evidence. Borrows the baseline.
  MergedDetectors(const KnownBaseline& baseline, const std::string& text);

  // Takes in a window. Counts without features change nothing.
  void Step(const SubjectCounts& window);
  // Evidence of each feature.
  std::vector<double> Evidence() const;
  std::string Text() const;

 private:
  const KnownBaseline& baseline_;
  std::vector<std::variant<stats::EDetector, stats::CategoryDetector>> detectors_;
};

}  // namespace kedge::server
