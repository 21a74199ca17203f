// Compilation and packaging jobs, as rows: the queue of the job runner is the rows in STARTING.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/list_statement.h"

namespace kedge::store {

// States of both kinds, as the API spells them.
constexpr std::string_view kJobStarting = "STARTING";
constexpr std::string_view kJobInProgress = "INPROGRESS";
constexpr std::string_view kJobCompleted = "COMPLETED";
constexpr std::string_view kJobFailed = "FAILED";
constexpr std::string_view kJobStopping = "STOPPING";
constexpr std::string_view kJobStopped = "STOPPED";

enum class JobKind { kCompilation, kPackaging };

struct CompilationJob {
  std::string name;
  std::string status{kJobStarting};
  std::string request;  // the validated request of CreateCompilationJob, JSON
  EpochMs created = 0;
  EpochMs modified = 0;
  std::optional<EpochMs> started;
  std::optional<EpochMs> ended;
  std::string failure_reason;
  std::string artifact_uri;
  std::string artifact_sha256;
};

struct PackagingJob {
  std::string name;
  std::string status{kJobStarting};
  std::string compilation_job;
  std::string model_name;
  std::string model_version;
  std::string request;  // the validated request of CreateEdgePackagingJob, JSON
  EpochMs created = 0;
  EpochMs modified = 0;
  std::string status_message;
  std::string artifact_uri;
  std::string artifact_sha1;
  std::string signature;
};

enum class JobOrder { kName, kCreated, kModified, kStatus, kModelName };

struct JobFilter {
  std::optional<std::string> name_contains;
  std::optional<std::string> model_name_contains;  // packaging jobs only
  std::optional<std::string> status;
  TimeWindow window;
  JobOrder order = JobOrder::kCreated;
};

// kAlreadyExists.
Status InsertCompilationJob(Transaction& transaction, const CompilationJob& job);
Result<std::optional<CompilationJob>> FindCompilationJob(Transaction& transaction,
                                                         const std::string& name);
Result<PageOf<CompilationJob>> ListCompilationJobs(Transaction& transaction,
                                                   const JobFilter& filter, const Page& page);

Status InsertPackagingJob(Transaction& transaction, const PackagingJob& job);
Result<std::optional<PackagingJob>> FindPackagingJob(Transaction& transaction,
                                                     const std::string& name);
Result<PageOf<PackagingJob>> ListPackagingJobs(Transaction& transaction, const JobFilter& filter,
                                               const Page& page);

// The oldest job in STARTING becomes INPROGRESS; its name, or nothing if none waits.
Result<std::optional<std::string>> ClaimJob(Transaction& transaction, JobKind kind, EpochMs now);
// STARTING -> STOPPED, INPROGRESS -> STOPPING, others stay. The state after it; nothing if there is
// no such job.
Result<std::optional<std::string>> StopJob(Transaction& transaction, JobKind kind,
                                           const std::string& name, EpochMs now);
// After a start of the server: what was running is queued again, what was being stopped is stopped.
Status RequeueJobs(Transaction& transaction, JobKind kind, EpochMs now);

// How a job ended. A job that is no longer INPROGRESS or STOPPING stays as it is (false).
struct CompilationEnd {
  std::string status;
  EpochMs time = 0;
  std::string failure_reason;
  std::string artifact_uri;
  std::string artifact_sha256;
};
Result<bool> EndCompilationJob(Transaction& transaction, const std::string& name,
                               const CompilationEnd& end);
struct PackagingEnd {
  std::string status;
  EpochMs time = 0;
  std::string status_message;
  std::string artifact_uri;
  std::string artifact_sha1;
  std::string signature;
};
Result<bool> EndPackagingJob(Transaction& transaction, const std::string& name,
                             const PackagingEnd& end);

}  // namespace kedge::store
