// What is judged as one: a model's version in a fleet under one baseline, with its counts, its
// evidence over time and its baseline. Texts whose form is the judge's own (server/drift) are kept
// as they are.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/list_statement.h"
#include "store/tables/metric_points.h"

namespace kedge::store {

struct DriftSubject {
  std::string id;  // see SubjectId
  std::string fleet;
  std::string model;
  std::string version;
  std::string baseline;  // id
  EpochMs first = 0;
  EpochMs reported = 0;        // the latest merged report
  EpochMs judged = 0;          // 0: not yet
  EpochMs stepped = 0;         // last step of the merged detectors
  EpochMs silenced_until = 0;  // 0: not silenced
  EpochMs restarted = 0;       // evidence counts from then on
  int64_t epoch = 0;           // of evidence: devices compare it
  std::string state = "LEARNING";
  std::string pending;    // counts since the last step
  std::string detectors;  // of the merged counts
  std::string judgement;  // JSON
};

// 32 hexadecimal digits of SHA-256 of the four names.
std::string SubjectId(const std::string& fleet, const std::string& model,
                      const std::string& version, const std::string& baseline);

Result<std::optional<DriftSubject>> FindSubject(Transaction& transaction, const std::string& id);
// Inserts or replaces.
Status PutSubject(Transaction& transaction, const DriftSubject& subject);
struct JudgeQuery {
  EpochMs judged_before = 0;        // of those with reports that are not judged
  EpochMs quiet_judged_before = 0;  // of the others
  EpochMs reported_since = 0;       // likewise
  int64_t rows_max = 1;
};
// Ids of subjects to judge, the one judged longest ago first.
Result<std::vector<std::string>> SubjectsToJudge(Transaction& transaction, const JudgeQuery& query);

struct SubjectFilter {
  std::vector<std::string> visible_fleets;  // as EventFilter
  std::optional<std::string> fleet;
  std::optional<std::string> model;
  std::optional<std::string> version;
  std::optional<std::string> baseline;
  std::optional<std::string> state;
};
// Ordered by model and id.
Result<PageOf<DriftSubject>> ListSubjects(Transaction& transaction, const SubjectFilter& filter,
                                          const Page& page);
Result<int64_t> CountSubjects(Transaction& transaction);
// The one of the model's version that reported last.
Result<std::optional<DriftSubject>> LatestSubject(Transaction& transaction,
                                                  const SubjectFilter& filter);

// Counts of an hour: of all devices (tag_key empty), or of those with that tag.
struct DriftCounts {
  std::string subject;
  std::string tag_key;
  std::string tag_value;
  EpochMs hour = 0;
  int64_t samples = 0;
  std::string counts;
};
Result<std::optional<DriftCounts>> FindCounts(Transaction& transaction, const DriftCounts& place);
Status PutCounts(Transaction& transaction, const std::vector<DriftCounts>& counts);
// Of hours that are not before `since`, in their order.
Result<std::vector<DriftCounts>> CountsSince(Transaction& transaction, const DriftCounts& place,
                                             EpochMs since, int64_t rows_max);
Result<int64_t> CountTagsOfSubject(Transaction& transaction, const std::string& subject,
                                   EpochMs hour);

constexpr std::array<MetricStep, 2> kDriftSteps = {
    {{60'000, 2 * kDayMs}, {3'600'000, 90 * kDayMs}}};
struct DriftPoint {
  EpochMs time = 0;  // where its step begins
  int64_t samples = 0;
  std::string evidence;
};
Result<std::optional<DriftPoint>> FindPoint(Transaction& transaction, const std::string& subject,
                                            int64_t step_ms, EpochMs time);
Status PutPoint(Transaction& transaction, const std::string& subject, int64_t step_ms,
                const DriftPoint& point);
// `begin` <= time < `end`, in the order of time; the latest `points_max`.
Result<std::vector<DriftPoint>> ReadPoints(Transaction& transaction, const std::string& subject,
                                           int64_t step_ms, EpochMs begin, EpochMs end,
                                           int64_t points_max);

struct DriftBaseline {
  std::string id;
  std::string artifact;  // empty: it was looked for and not found
  EpochMs looked = 0;
};
Result<std::optional<DriftBaseline>> FindBaseline(Transaction& transaction, const std::string& id);
Status PutBaseline(Transaction& transaction, const DriftBaseline& baseline);

// Deletes about `rows_max` rows at most; how many.
Result<int64_t> DeleteCounts(Transaction& transaction, EpochMs before, int64_t rows_max);
Result<int64_t> DeletePoints(Transaction& transaction, int64_t step_ms, EpochMs before,
                             int64_t rows_max);
// Subjects without a report since, and baselines that no subject names.
Result<int64_t> DeleteSubjects(Transaction& transaction, EpochMs before, int64_t rows_max);

}  // namespace kedge::store
