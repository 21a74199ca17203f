// The part of jobs.h that runners use: claims, leases, and how jobs end.
// SPDX-License-Identifier: Apache-2.0
#include "store/tables/jobs.h"

namespace kedge::store {
namespace {

constexpr int kClaimTriesMax = 8;  // each further one means that another node was faster
constexpr int kEndTriesMax = 3;    // each further one means that somebody stopped the job

std::string Table(JobKind kind) { return std::string(NameOf(kind)) + "_jobs"; }

const char* ReasonColumn(JobKind kind) {
  return kind == JobKind::kCompilation ? "failure_reason" : "status_message";
}

Result<std::optional<std::string>> FirstText(Result<Rows> rows) {
  if (!rows) return rows.error();
  if (rows->empty()) return std::optional<std::string>();
  return std::optional<std::string>((*rows)[0].Text(0));
}

using Columns = std::vector<std::pair<const char*, std::string>>;

// What a job made, by column.
Columns OutputColumns(JobKind kind, const JobOutputs& outputs) {
  if (kind == JobKind::kCompilation) {
    return {{"artifact_uri", outputs.artifact_uri},
            {"artifact_sha256", outputs.artifact_sha256},
            {"derived_inputs", outputs.derived_inputs}};
  }
  if (kind == JobKind::kMonitoring) {
    return {{"artifact_uri", outputs.artifact_uri},
            {"outcome", outputs.outcome},
            {"exit_message", outputs.exit_message}};
  }
  return {{"artifact_uri", outputs.artifact_uri},
          {"artifact_sha1", outputs.artifact_sha1},
          {"signature", outputs.signature},
          {"preset", outputs.preset}};
}

Status PutReport(Transaction& transaction, const std::string& job, const std::string& report) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute("INSERT INTO compilation_reports (job, report) VALUES ($1, $2) "
                                "ON CONFLICT (job) DO UPDATE SET report = excluded.report",
                                {job, report}));
  return {};
}

// False if the claim or the status is no longer what it was.
Result<bool> StoreEnd(Transaction& transaction, JobKind kind, const JobClaim& claim,
                      const std::string& status, const JobEnd& end) {
  std::vector<Value> values = {end.status, end.time, end.time, end.reason};
  std::string sql = "UPDATE " + Table(kind) +
                    " SET status = $1, modified_ms = $2, ended_ms = $3, lease_until_ms = 0, " +
                    ReasonColumn(kind) + " = $4";
  for (const auto& [column, value] : OutputColumns(kind, end.outputs)) {
    values.emplace_back(value);
    sql += std::string(", ") + column + " = $" + std::to_string(values.size());
  }
  const size_t n = values.size();
  sql += " WHERE name = $" + std::to_string(n + 1) + " AND token = $" + std::to_string(n + 2) +
         " AND status = $" + std::to_string(n + 3);
  values.insert(values.end(), {claim.name, claim.token, status});
  KEDGE_TRY(const int64_t changed, transaction.Execute(sql, values));
  if (changed == 0) return false;
  if (!end.outputs.report.empty()) {
    KEDGE_TRY_STATUS(PutReport(transaction, claim.name, end.outputs.report));
  }
  return true;
}

}  // namespace

std::string_view NameOf(JobKind kind) {
  switch (kind) {
    case JobKind::kCompilation:
      return "compilation";
    case JobKind::kMonitoring:
      return "monitoring";
    case JobKind::kPackaging:
      break;
  }
  return "packaging";
}

Result<bool> AnyJobToClaim(Transaction& transaction, JobKind kind, EpochMs now) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT 1 FROM " + Table(kind) +
                                  " WHERE status IN ('STARTING', 'INPROGRESS', 'STOPPING') AND "
                                  "(status = 'STARTING' OR lease_until_ms <= $1) LIMIT 1",
                              {now}));
  return !rows.empty();
}

Result<std::optional<JobClaim>> ClaimJob(Transaction& transaction, JobKind kind,
                                         const Claimant& claimant) {
  const std::string table = Table(kind);
  for (int i = 0; i < kClaimTriesMax; ++i) {
    KEDGE_TRY(const Rows rows,
              transaction.Query("SELECT name, token, attempts FROM " + table +
                                    " WHERE status IN ('STARTING', 'INPROGRESS') AND (status = "
                                    "'STARTING' OR lease_until_ms <= $1) "
                                    "ORDER BY turn, created_ms, name LIMIT 1",
                                {claimant.now}));
    if (rows.empty()) break;
    const std::string name = rows[0].Text(0);
    const int64_t token = rows[0].Integer(1);
    KEDGE_TRY(
        const int64_t changed,
        transaction.Execute(
            "UPDATE " + table +
                " SET status = 'INPROGRESS', holder = $1, token = token + 1, "
                "lease_until_ms = $2, attempts = attempts + 1, started_ms = $3, "
                "modified_ms = $4 WHERE name = $5 AND token = $6 AND "
                "status IN ('STARTING', 'INPROGRESS')",
            {claimant.holder, claimant.lease_until, claimant.now, claimant.now, name, token}));
    if (changed == 1) {
      return std::optional<JobClaim>(
          JobClaim{.name = name, .token = token + 1, .attempt = rows[0].Integer(2) + 1});
    }
  }
  return std::optional<JobClaim>();
}

Result<std::optional<std::string>> HoldJob(Transaction& transaction, JobKind kind,
                                           const JobClaim& claim, EpochMs lease_until) {
  return FirstText(
      transaction.Query("UPDATE " + Table(kind) +
                            " SET lease_until_ms = $1 WHERE name = $2 AND token = $3 AND "
                            "status IN ('INPROGRESS', 'STOPPING') RETURNING status",
                        {lease_until, claim.name, claim.token}));
}

Result<std::optional<std::string>> LookAtJob(Transaction& transaction, JobKind kind,
                                             const JobClaim& claim) {
  return FirstText(transaction.Query("SELECT status FROM " + Table(kind) +
                                         " WHERE name = $1 AND token = $2 AND "
                                         "status IN ('INPROGRESS', 'STOPPING')",
                                     {claim.name, claim.token}));
}

Status ReleaseJob(Transaction& transaction, JobKind kind, const JobClaim& claim, EpochMs now) {
  const std::string update = "UPDATE " + Table(kind);
  const std::string fenced = " WHERE name = $2 AND token = $3 AND status = ";
  KEDGE_TRY(
      [[maybe_unused]] const int64_t queued,
      transaction.Execute(update +
                              " SET status = 'STARTING', modified_ms = $1, lease_until_ms = 0, "
                              "attempts = attempts - 1" +
                              fenced + "'INPROGRESS'",
                          {now, claim.name, claim.token}));
  KEDGE_TRY([[maybe_unused]] const auto stopped,
            EndJob(transaction, kind, claim, {.status = std::string(kJobStopped), .time = now}));
  return {};
}

Status EndLeasesOf(Transaction& transaction, JobKind kind, const std::string& holder) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute("UPDATE " + Table(kind) +
                                    " SET lease_until_ms = 0 WHERE holder = $1 AND "
                                    "status IN ('INPROGRESS', 'STOPPING')",
                                {holder}));
  return {};
}

Status EndAbandonedJobs(Transaction& transaction, JobKind kind, EpochMs now) {
  const std::string update = "UPDATE " + Table(kind);
  const std::string fail =
      std::string(" SET status = 'FAILED', modified_ms = $1, ended_ms = $2, ") +
      "token = token + 1, " + ReasonColumn(kind) + " = $3 WHERE status = ";
  KEDGE_TRY(
      [[maybe_unused]] const int64_t stopped,
      transaction.Execute(update + " SET status = 'STOPPED', modified_ms = $1, ended_ms = $2, "
                                   "token = token + 1 WHERE status = 'STOPPING' AND "
                                   "lease_until_ms <= $3",
                          {now, now, now}));
  KEDGE_TRY([[maybe_unused]] const int64_t waited,
            transaction.Execute(update + fail + "'STARTING' AND wait_until_ms <= $4",
                                {now, now,
                                 std::string("ClientError: the job was queued longer than its "
                                             "StoppingCondition allows"),
                                 now}));
  KEDGE_TRY([[maybe_unused]] const int64_t died,
            transaction.Execute(
                update + fail + "'INPROGRESS' AND lease_until_ms <= $4 AND attempts >= $5",
                {now, now,
                 "ServerError: " + std::to_string(kJobAttemptsMax) +
                     " nodes that ran the job ended before it did",
                 now, kJobAttemptsMax}));
  return {};
}

Result<std::optional<std::string>> StopJob(Transaction& transaction, JobKind kind,
                                           const std::string& name, EpochMs now) {
  const std::string update = "UPDATE " + Table(kind);
  KEDGE_TRY([[maybe_unused]] const int64_t queued,
            transaction.Execute(update + " SET status = 'STOPPED', modified_ms = $1, ended_ms = $2 "
                                         "WHERE name = $3 AND status = 'STARTING'",
                                {now, now, name}));
  KEDGE_TRY([[maybe_unused]] const int64_t running,
            transaction.Execute(update + " SET status = 'STOPPING', modified_ms = $1 "
                                         "WHERE name = $2 AND status = 'INPROGRESS'",
                                {now, name}));
  return FirstText(
      transaction.Query("SELECT status FROM " + Table(kind) + " WHERE name = $1", {name}));
}

Result<std::optional<std::string>> EndJob(Transaction& transaction, JobKind kind,
                                          const JobClaim& claim, const JobEnd& end) {
  for (int i = 0; i < kEndTriesMax; ++i) {
    KEDGE_TRY(const auto status, LookAtJob(transaction, kind, claim));
    if (!status) return status;
    const bool stopped = *status == kJobStopping;
    const JobEnd& stored =
        stopped ? JobEnd{.status = std::string(kJobStopped), .time = end.time} : end;
    KEDGE_TRY(const bool changed, StoreEnd(transaction, kind, claim, *status, stored));
    if (changed) return std::optional<std::string>(stored.status);
  }
  return Aborted("job " + claim.name + " changed while it ended");
}

Result<std::optional<std::string>> FindReport(Transaction& transaction, const std::string& job) {
  return FirstText(
      transaction.Query("SELECT report FROM compilation_reports WHERE job = $1", {job}));
}

}  // namespace kedge::store
