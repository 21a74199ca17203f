// SPDX-License-Identifier: Apache-2.0
#include "store/tables/jobs.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelectCompilation =
    "SELECT name, status, request, created_ms, modified_ms, started_ms, ended_ms, "
    "failure_reason, artifact_uri, artifact_sha256 FROM compilation_jobs";
constexpr std::string_view kSelectPackaging =
    "SELECT name, status, compilation_job, model_name, model_version, request, created_ms, "
    "modified_ms, status_message, artifact_uri, artifact_sha1, signature FROM packaging_jobs";

CompilationJob ReadCompilationJob(const Row& row) {
  return {.name = row.Text(0),
          .status = row.Text(1),
          .request = row.Text(2),
          .created = row.Integer(3),
          .modified = row.Integer(4),
          .started = row.IntegerOrNull(5),
          .ended = row.IntegerOrNull(6),
          .failure_reason = row.Text(7),
          .artifact_uri = row.Text(8),
          .artifact_sha256 = row.Text(9)};
}

PackagingJob ReadPackagingJob(const Row& row) {
  return {.name = row.Text(0),
          .status = row.Text(1),
          .compilation_job = row.Text(2),
          .model_name = row.Text(3),
          .model_version = row.Text(4),
          .request = row.Text(5),
          .created = row.Integer(6),
          .modified = row.Integer(7),
          .status_message = row.Text(8),
          .artifact_uri = row.Text(9),
          .artifact_sha1 = row.Text(10),
          .signature = row.Text(11)};
}

const char* Table(JobKind kind) {
  return kind == JobKind::kCompilation ? "compilation_jobs" : "packaging_jobs";
}

const char* ColumnOf(JobOrder order) {
  switch (order) {
    case JobOrder::kName:
      return "name";
    case JobOrder::kModified:
      return "modified_ms";
    case JobOrder::kStatus:
      return "status";
    case JobOrder::kModelName:
      return "model_name";
    case JobOrder::kCreated:
      break;
  }
  return "created_ms";
}

template <class Job>
Value SortValue(const Job& job, JobOrder order) {
  switch (order) {
    case JobOrder::kName:
      return job.name;
    case JobOrder::kModified:
      return job.modified;
    case JobOrder::kStatus:
      return job.status;
    case JobOrder::kModelName:
      if constexpr (requires { job.model_name; }) return job.model_name;
      break;
    case JobOrder::kCreated:
      break;
  }
  return job.created;
}

void AddFilter(ListStatement& statement, const JobFilter& filter) {
  statement.WhereContains("name", filter.name_contains);
  statement.Where("status =", filter.status);
  statement.Where(filter.window);
}

}  // namespace

Status InsertCompilationJob(Transaction& transaction, const CompilationJob& job) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "INSERT INTO compilation_jobs (name, status, request, created_ms, modified_ms, "
                "failure_reason, artifact_uri, artifact_sha256) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                {job.name, job.status, job.request, job.created, job.modified, job.failure_reason,
                 job.artifact_uri, job.artifact_sha256}));
  return {};
}

Result<std::optional<CompilationJob>> FindCompilationJob(Transaction& transaction,
                                                         const std::string& name) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelectCompilation) + " WHERE name = $1", {name}));
  if (rows.empty()) return std::optional<CompilationJob>();
  return std::optional<CompilationJob>(ReadCompilationJob(rows[0]));
}

Result<PageOf<CompilationJob>> ListCompilationJobs(Transaction& transaction,
                                                   const JobFilter& filter, const Page& page) {
  ListStatement statement(kSelectCompilation);
  AddFilter(statement, filter);
  KEDGE_TRY(const Rows rows, statement.Run(transaction, ColumnOf(filter.order), "name", page));
  return MakePage<CompilationJob>(rows, page, ReadCompilationJob, [&](const CompilationJob& job) {
    return Cursor{SortValue(job, filter.order), job.name};
  });
}

Status InsertPackagingJob(Transaction& transaction, const PackagingJob& job) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "INSERT INTO packaging_jobs (name, status, compilation_job, model_name, "
                "model_version, request, created_ms, modified_ms, status_message, artifact_uri, "
                "artifact_sha1, signature) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
                "$12)",
                {job.name, job.status, job.compilation_job, job.model_name, job.model_version,
                 job.request, job.created, job.modified, job.status_message, job.artifact_uri,
                 job.artifact_sha1, job.signature}));
  return {};
}

Result<std::optional<PackagingJob>> FindPackagingJob(Transaction& transaction,
                                                     const std::string& name) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelectPackaging) + " WHERE name = $1", {name}));
  if (rows.empty()) return std::optional<PackagingJob>();
  return std::optional<PackagingJob>(ReadPackagingJob(rows[0]));
}

Result<PageOf<PackagingJob>> ListPackagingJobs(Transaction& transaction, const JobFilter& filter,
                                               const Page& page) {
  ListStatement statement(kSelectPackaging);
  AddFilter(statement, filter);
  statement.WhereContains("model_name", filter.model_name_contains);
  KEDGE_TRY(const Rows rows, statement.Run(transaction, ColumnOf(filter.order), "name", page));
  return MakePage<PackagingJob>(rows, page, ReadPackagingJob, [&](const PackagingJob& job) {
    return Cursor{SortValue(job, filter.order), job.name};
  });
}

Result<std::optional<std::string>> ClaimJob(Transaction& transaction, JobKind kind, EpochMs now) {
  const std::string table = Table(kind);
  const std::string started = kind == JobKind::kCompilation ? ", started_ms = $3" : "";
  const std::string sql = "UPDATE " + table + " SET status = $1, modified_ms = $2" + started +
                          " WHERE name = (SELECT name FROM " + table + " WHERE status = $" +
                          (started.empty() ? "3" : "4") +
                          " ORDER BY created_ms, name LIMIT 1) RETURNING name";
  std::vector<Value> parameters = {std::string(kJobInProgress), now};
  if (!started.empty()) parameters.push_back(now);
  parameters.push_back(std::string(kJobStarting));
  KEDGE_TRY(const Rows rows, transaction.Query(sql, parameters));
  if (rows.empty()) return std::optional<std::string>();
  return std::optional<std::string>(rows[0].Text(0));
}

Result<std::optional<std::string>> StopJob(Transaction& transaction, JobKind kind,
                                           const std::string& name, EpochMs now) {
  const std::string table = Table(kind);
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT status FROM " + table + " WHERE name = $1", {name}));
  if (rows.empty()) return std::optional<std::string>();
  const std::string status = rows[0].Text(0);
  std::string_view next = status;
  if (status == kJobStarting) next = kJobStopped;
  if (status == kJobInProgress) next = kJobStopping;
  if (next != status) {
    KEDGE_TRY([[maybe_unused]] const int64_t changed,
              transaction.Execute(
                  "UPDATE " + table + " SET status = $1, modified_ms = $2 WHERE name = $3",
                  {std::string(next), now, name}));
  }
  return std::optional<std::string>(next);
}

Status RequeueJobs(Transaction& transaction, JobKind kind, EpochMs now) {
  const std::string sql =
      std::string("UPDATE ") + Table(kind) + " SET status = $1, modified_ms = $2 WHERE status = $3";
  KEDGE_TRY(
      [[maybe_unused]] const int64_t queued,
      transaction.Execute(sql, {std::string(kJobStarting), now, std::string(kJobInProgress)}));
  KEDGE_TRY([[maybe_unused]] const int64_t stopped,
            transaction.Execute(sql, {std::string(kJobStopped), now, std::string(kJobStopping)}));
  return {};
}

Result<bool> EndCompilationJob(Transaction& transaction, const std::string& name,
                               const CompilationEnd& end) {
  KEDGE_TRY(const int64_t rows,
            transaction.Execute(
                "UPDATE compilation_jobs SET status = $1, modified_ms = $2, ended_ms = $3, "
                "failure_reason = $4, artifact_uri = $5, artifact_sha256 = $6 "
                "WHERE name = $7 AND status IN ('INPROGRESS', 'STOPPING')",
                {end.status, end.time, end.time, end.failure_reason, end.artifact_uri,
                 end.artifact_sha256, name}));
  return rows > 0;
}

Result<bool> EndPackagingJob(Transaction& transaction, const std::string& name,
                             const PackagingEnd& end) {
  KEDGE_TRY(const int64_t rows,
            transaction.Execute(
                "UPDATE packaging_jobs SET status = $1, modified_ms = $2, status_message = $3, "
                "artifact_uri = $4, artifact_sha1 = $5, signature = $6 "
                "WHERE name = $7 AND status IN ('INPROGRESS', 'STOPPING')",
                {end.status, end.time, end.status_message, end.artifact_uri, end.artifact_sha1,
                 end.signature, name}));
  return rows > 0;
}

}  // namespace kedge::store
