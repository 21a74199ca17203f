// SPDX-License-Identifier: Apache-2.0
#include "store/tables/jobs.h"

#include <algorithm>

namespace kedge::store {
namespace {

constexpr std::string_view kSelectCompilation =
    "SELECT name, status, request, created_ms, modified_ms, started_ms, ended_ms, "
    "failure_reason, artifact_uri, artifact_sha256, queue, wait_until_ms, derived_inputs "
    "FROM compilation_jobs";
constexpr std::string_view kSelectPackaging =
    "SELECT name, status, compilation_job, model_name, model_version, request, created_ms, "
    "modified_ms, status_message, artifact_uri, artifact_sha1, signature, queue, wait_until_ms, "
    "preset FROM packaging_jobs";

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
          .artifact_sha256 = row.Text(9),
          .queue = row.Text(10),
          .wait_until = row.IntegerOrNull(11),
          .derived_inputs = row.Text(12)};
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
          .signature = row.Text(11),
          .queue = row.Text(12),
          .wait_until = row.IntegerOrNull(13),
          .preset = row.Text(14)};
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

Result<int64_t> NextTurn(Transaction& transaction, JobKind kind, const std::string& queue) {
  const std::string table = std::string(NameOf(kind)) + "_jobs";
  KEDGE_TRY(const Rows waiting,
            transaction.Query("SELECT COUNT(*), MIN(turn) FROM " + table + " WHERE status = $1",
                              {std::string(kJobStarting)}));
  if (waiting[0].Integer(0) >= kQueuedJobsMax) {
    return OutOfRange(std::to_string(kQueuedJobsMax) + " jobs are queued, which is the most");
  }
  KEDGE_TRY(const Rows running,
            transaction.Query("SELECT COALESCE(MAX(turn), 0) FROM " + table + " WHERE status = $1",
                              {std::string(kJobInProgress)}));
  KEDGE_TRY(const Rows same,
            transaction.Query("SELECT COALESCE(MAX(turn), -1) FROM " + table +
                                  " WHERE queue = $1 AND status IN ('STARTING', 'INPROGRESS')",
                              {queue}));
  const int64_t now = waiting[0].IntegerOrNull(1).value_or(running[0].Integer(0));
  return std::max(now, same[0].Integer(0) + 1);
}

Status InsertCompilationJob(Transaction& transaction, const CompilationJob& job) {
  KEDGE_TRY(const int64_t turn, NextTurn(transaction, JobKind::kCompilation, job.queue));
  KEDGE_TRY(
      [[maybe_unused]] const int64_t rows,
      transaction.Execute(
          "INSERT INTO compilation_jobs (name, status, request, created_ms, modified_ms, "
          "failure_reason, artifact_uri, artifact_sha256, queue, turn, wait_until_ms) "
          "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
          {job.name, job.status, job.request, job.created, job.modified, job.failure_reason,
           job.artifact_uri, job.artifact_sha256, job.queue, turn, Optional(job.wait_until)}));
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
  KEDGE_TRY(const int64_t turn, NextTurn(transaction, JobKind::kPackaging, job.queue));
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "INSERT INTO packaging_jobs (name, status, compilation_job, model_name, "
                "model_version, request, created_ms, modified_ms, status_message, artifact_uri, "
                "artifact_sha1, signature, queue, turn, wait_until_ms) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
                {job.name, job.status, job.compilation_job, job.model_name, job.model_version,
                 job.request, job.created, job.modified, job.status_message, job.artifact_uri,
                 job.artifact_sha1, job.signature, job.queue, turn, Optional(job.wait_until)}));
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

Status DeleteCompilationJob(Transaction& transaction, const std::string& name) {
  for (const char* sql : {"DELETE FROM job_logs WHERE kind = 'compilation' AND job = $1",
                          "DELETE FROM compilation_reports WHERE job = $1",
                          "DELETE FROM compilation_jobs WHERE name = $1"}) {
    KEDGE_TRY([[maybe_unused]] const int64_t rows, transaction.Execute(sql, {name}));
  }
  return {};
}

Result<std::optional<std::string>> FindUnendedPackagingOf(Transaction& transaction,
                                                          const std::string& compilation_job) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT name FROM packaging_jobs WHERE compilation_job = $1 AND "
                              "status IN ('STARTING', 'INPROGRESS', 'STOPPING') LIMIT 1",
                              {compilation_job}));
  if (rows.empty()) return std::optional<std::string>();
  return std::optional<std::string>(rows[0].Text(0));
}

}  // namespace kedge::store
