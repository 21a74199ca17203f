// Merged counts of one subject as a text of the database, and the addition of reports to them.
//
// The text is base64 of: version (one byte, 1), number of features, for each its bins and flags,
// samples, mismatched, all cells, and for each feature its moments, every integer a LEB128 varint
// (signed ones zigzag). It is this server's own; devices send docs/formats/statistics.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stats/counts/report.h"

namespace kedge::server {

struct SubjectCounts {
  stats::MergedCounts counts;           // without features: nothing was added yet
  std::vector<stats::Moments> moments;  // one a feature

  // kInvalidArgument if the shapes differ.
  Status Add(const stats::ModelReport& report);
  Status Add(const SubjectCounts& other);
};

std::string WriteCounts(const SubjectCounts& counts);
// An empty text is no counts. kDataLoss for what WriteCounts does not write.
Result<SubjectCounts> ReadCounts(std::string_view text);

// Steps that detectors made with a report: of the feature that made most.
int64_t StepsOf(const stats::ReportCounts& counts);

}  // namespace kedge::server
