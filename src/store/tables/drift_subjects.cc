// SPDX-License-Identifier: Apache-2.0
#include "store/tables/drift_subjects.h"

#include <algorithm>

#include "base/crypto/crypto.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT id, fleet, model, version, baseline, first_ms, reported_ms, judged_ms, stepped_ms, "
    "silenced_until_ms, restarted_ms, epoch, state, pending, detectors, judgement "
    "FROM drift_subjects";

DriftSubject ReadSubject(const Row& row) {
  return {.id = row.Text(0),
          .fleet = row.Text(1),
          .model = row.Text(2),
          .version = row.Text(3),
          .baseline = row.Text(4),
          .first = row.Integer(5),
          .reported = row.Integer(6),
          .judged = row.Integer(7),
          .stepped = row.Integer(8),
          .silenced_until = row.Integer(9),
          .restarted = row.Integer(10),
          .epoch = row.Integer(11),
          .state = row.Text(12),
          .pending = row.Text(13),
          .detectors = row.Text(14),
          .judgement = row.Text(15)};
}

void AddFilter(const SubjectFilter& filter, ListStatement& statement) {
  statement.WhereOneOf("fleet", filter.visible_fleets);
  statement.Where("fleet =", filter.fleet);
  statement.Where("model =", filter.model);
  statement.Where("version =", filter.version);
  statement.Where("baseline =", filter.baseline);
  statement.Where("state =", filter.state);
}

DriftCounts ReadCounts(const Row& row) {
  return {.subject = row.Text(0),
          .tag_key = row.Text(1),
          .tag_value = row.Text(2),
          .hour = row.Integer(3),
          .samples = row.Integer(4),
          .counts = row.Text(5)};
}

DriftPoint ReadPoint(const Row& row) {
  return {.time = row.Integer(0), .samples = row.Integer(1), .evidence = row.Text(2)};
}

}  // namespace

std::string SubjectId(const std::string& fleet, const std::string& model,
                      const std::string& version, const std::string& baseline) {
  constexpr size_t kDigits = 32;
  const std::string names = fleet + '\n' + model + '\n' + version + '\n' + baseline;
  return HexEncode(crypto::Sha256(AsBytes(names))).substr(0, kDigits);
}

Result<std::optional<DriftSubject>> FindSubject(Transaction& transaction, const std::string& id) {
  KEDGE_TRY(const Rows rows, transaction.Query(std::string(kSelect) + " WHERE id = $1", {id}));
  if (rows.empty()) return std::optional<DriftSubject>();
  return std::optional<DriftSubject>(ReadSubject(rows[0]));
}

Status PutSubject(Transaction& transaction, const DriftSubject& subject) {
  KEDGE_TRY(
      [[maybe_unused]] const int64_t changed,
      transaction.Execute(
          "INSERT INTO drift_subjects (id, fleet, model, version, baseline, first_ms, reported_ms, "
          "judged_ms, stepped_ms, silenced_until_ms, restarted_ms, epoch, state, pending, "
          "detectors, judgement) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
          "$14, $15, $16) ON CONFLICT (id) DO UPDATE SET reported_ms = excluded.reported_ms, "
          "judged_ms = excluded.judged_ms, stepped_ms = excluded.stepped_ms, silenced_until_ms = "
          "excluded.silenced_until_ms, restarted_ms = excluded.restarted_ms, epoch = "
          "excluded.epoch, state = excluded.state, pending = excluded.pending, detectors = "
          "excluded.detectors, judgement = excluded.judgement",
          {subject.id, subject.fleet, subject.model, subject.version, subject.baseline,
           subject.first, subject.reported, subject.judged, subject.stepped, subject.silenced_until,
           subject.restarted, subject.epoch, subject.state, subject.pending, subject.detectors,
           subject.judgement}));
  return {};
}

Result<std::vector<std::string>> SubjectsToJudge(Transaction& transaction,
                                                 const JudgeQuery& query) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT id FROM drift_subjects WHERE (judged_ms <= $1 AND "
                              "reported_ms > judged_ms) OR (judged_ms <= $2 AND "
                              "reported_ms >= $3) ORDER BY judged_ms, id LIMIT $4",
                              {query.judged_before, query.quiet_judged_before, query.reported_since,
                               query.rows_max}));
  std::vector<std::string> ids;
  for (const Row& row : rows) ids.push_back(row.Text(0));
  return ids;
}

Result<PageOf<DriftSubject>> ListSubjects(Transaction& transaction, const SubjectFilter& filter,
                                          const Page& page) {
  ListStatement statement(kSelect);
  AddFilter(filter, statement);
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "model", "id", page));
  return MakePage<DriftSubject>(rows, page, ReadSubject, [](const DriftSubject& subject) {
    return Cursor{subject.model, subject.id};
  });
}

Result<int64_t> CountSubjects(Transaction& transaction) {
  KEDGE_TRY(const Rows rows, transaction.Query("SELECT COUNT(*) FROM drift_subjects"));
  return rows.at(0).Integer(0);
}

Result<std::optional<DriftSubject>> LatestSubject(Transaction& transaction,
                                                  const SubjectFilter& filter) {
  ListStatement statement(kSelect);
  AddFilter(filter, statement);
  const Page page{.ascending = false, .rows_max = 1};
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "reported_ms", "id", page));
  if (rows.empty()) return std::optional<DriftSubject>();
  return std::optional<DriftSubject>(ReadSubject(rows[0]));
}

Result<std::optional<DriftCounts>> FindCounts(Transaction& transaction, const DriftCounts& place) {
  KEDGE_TRY(
      const Rows rows,
      transaction.Query("SELECT subject, tag_key, tag_value, hour_ms, samples, counts FROM "
                        "drift_counts WHERE subject = $1 AND tag_key = $2 AND tag_value = $3 AND "
                        "hour_ms = $4",
                        {place.subject, place.tag_key, place.tag_value, place.hour}));
  if (rows.empty()) return std::optional<DriftCounts>();
  return std::optional<DriftCounts>(ReadCounts(rows[0]));
}

Status PutCounts(Transaction& transaction, const std::vector<DriftCounts>& counts) {
  if (counts.empty()) return {};
  std::vector<std::vector<Value>> rows;
  for (const DriftCounts& one : counts) {
    rows.push_back({one.subject, one.tag_key, one.tag_value, one.hour, one.samples, one.counts});
  }
  KEDGE_TRY([[maybe_unused]] const int64_t changed,
            transaction.ExecuteMany(
                "INSERT INTO drift_counts (subject, tag_key, tag_value, hour_ms, samples, counts) "
                "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (subject, tag_key, tag_value, "
                "hour_ms) DO UPDATE SET samples = excluded.samples, counts = excluded.counts",
                rows));
  return {};
}

Result<std::vector<DriftCounts>> CountsSince(Transaction& transaction, const DriftCounts& place,
                                             EpochMs since, int64_t rows_max) {
  KEDGE_TRY(
      const Rows rows,
      transaction.Query("SELECT subject, tag_key, tag_value, hour_ms, samples, counts FROM "
                        "drift_counts WHERE subject = $1 AND tag_key = $2 AND tag_value = $3 AND "
                        "hour_ms >= $4 ORDER BY hour_ms LIMIT $5",
                        {place.subject, place.tag_key, place.tag_value, since, rows_max}));
  std::vector<DriftCounts> counts;
  for (const Row& row : rows) counts.push_back(ReadCounts(row));
  return counts;
}

Result<int64_t> CountTagsOfSubject(Transaction& transaction, const std::string& subject,
                                   EpochMs hour) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT COUNT(*) FROM drift_counts WHERE subject = $1 AND "
                              "hour_ms = $2 AND tag_key <> ''",
                              {subject, hour}));
  return rows.at(0).Integer(0);
}

Result<std::optional<DriftPoint>> FindPoint(Transaction& transaction, const std::string& subject,
                                            int64_t step_ms, EpochMs time) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT time_ms, samples, evidence FROM drift_points WHERE "
                              "subject = $1 AND step_ms = $2 AND time_ms = $3",
                              {subject, step_ms, time}));
  if (rows.empty()) return std::optional<DriftPoint>();
  return std::optional<DriftPoint>(ReadPoint(rows[0]));
}

Status PutPoint(Transaction& transaction, const std::string& subject, int64_t step_ms,
                const DriftPoint& point) {
  KEDGE_TRY([[maybe_unused]] const int64_t changed,
            transaction.Execute(
                "INSERT INTO drift_points (subject, step_ms, time_ms, samples, evidence) "
                "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (subject, step_ms, time_ms) DO UPDATE "
                "SET samples = excluded.samples, evidence = excluded.evidence",
                {subject, step_ms, point.time, point.samples, point.evidence}));
  return {};
}

Result<std::vector<DriftPoint>> ReadPoints(Transaction& transaction, const std::string& subject,
                                           int64_t step_ms, EpochMs begin, EpochMs end,
                                           int64_t points_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT time_ms, samples, evidence FROM drift_points WHERE "
                              "subject = $1 AND step_ms = $2 AND time_ms >= $3 AND time_ms < $4 "
                              "ORDER BY time_ms DESC LIMIT $5",
                              {subject, step_ms, begin, end, points_max}));
  std::vector<DriftPoint> points;
  for (const Row& row : rows) points.push_back(ReadPoint(row));
  std::reverse(points.begin(), points.end());
  return points;
}

Result<std::optional<DriftBaseline>> FindBaseline(Transaction& transaction, const std::string& id) {
  KEDGE_TRY(
      const Rows rows,
      transaction.Query("SELECT id, artifact, looked_ms FROM drift_baselines WHERE id = $1", {id}));
  if (rows.empty()) return std::optional<DriftBaseline>();
  return std::optional<DriftBaseline>(
      {.id = rows[0].Text(0), .artifact = rows[0].Text(1), .looked = rows[0].Integer(2)});
}

Status PutBaseline(Transaction& transaction, const DriftBaseline& baseline) {
  KEDGE_TRY([[maybe_unused]] const int64_t changed,
            transaction.Execute(
                "INSERT INTO drift_baselines (id, artifact, looked_ms) VALUES ($1, $2, $3) "
                "ON CONFLICT (id) DO UPDATE SET artifact = excluded.artifact, "
                "looked_ms = excluded.looked_ms",
                {baseline.id, baseline.artifact, baseline.looked}));
  return {};
}

Result<int64_t> DeleteCounts(Transaction& transaction, EpochMs before, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT MAX(hour_ms) FROM (SELECT hour_ms FROM drift_counts WHERE "
                              "hour_ms < $1 ORDER BY hour_ms LIMIT $2) AS oldest",
                              {before, rows_max}));
  if (rows.at(0).IsNull(0)) return int64_t{0};
  return transaction.Execute("DELETE FROM drift_counts WHERE hour_ms <= $1", {rows[0].Integer(0)});
}

Result<int64_t> DeletePoints(Transaction& transaction, int64_t step_ms, EpochMs before,
                             int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT MAX(time_ms) FROM (SELECT time_ms FROM drift_points WHERE "
                              "step_ms = $1 AND time_ms < $2 ORDER BY time_ms LIMIT $3) AS oldest",
                              {step_ms, before, rows_max}));
  if (rows.at(0).IsNull(0)) return int64_t{0};
  return transaction.Execute("DELETE FROM drift_points WHERE step_ms = $1 AND time_ms <= $2",
                             {step_ms, rows[0].Integer(0)});
}

Result<int64_t> DeleteSubjects(Transaction& transaction, EpochMs before, int64_t rows_max) {
  KEDGE_TRY(const int64_t deleted,
            transaction.Execute("DELETE FROM drift_subjects WHERE id IN (SELECT id FROM "
                                "drift_subjects WHERE reported_ms < $1 ORDER BY id LIMIT $2)",
                                {before, rows_max}));
  KEDGE_TRY(const int64_t baselines,
            transaction.Execute("DELETE FROM drift_baselines WHERE looked_ms < $1 AND id NOT IN "
                                "(SELECT baseline FROM drift_subjects)",
                                {before}));
  return deleted + baselines;
}

}  // namespace kedge::store
