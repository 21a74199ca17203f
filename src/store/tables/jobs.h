// Compilation, packaging and monitoring jobs, as rows: the queue of the job runners of all nodes.
//
// A running job is leased: its row names the node that runs it, a fencing token that each claim
// raises, and when the lease ends unless the node renews it. Whoever writes for a running job
// repeats the token, so that a node that was frozen while another took the job over changes
// nothing. A claim is a compare-and-set of the token: of two nodes one wins, and the other looks
// for the next job.
//
// Order: each job has a turn, and the lowest turn is next. Jobs of one queue (one model) get turns
// one after the other, a queue that comes later begins at the turn that is next now; so the queues
// take turns, however many jobs one of them holds.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/list_statement.h"

namespace kedge::store {

// States of all kinds, as the API spells them.
constexpr std::string_view kJobStarting = "STARTING";
constexpr std::string_view kJobInProgress = "INPROGRESS";
constexpr std::string_view kJobCompleted = "COMPLETED";
constexpr std::string_view kJobFailed = "FAILED";
constexpr std::string_view kJobStopping = "STOPPING";
constexpr std::string_view kJobStopped = "STOPPED";

constexpr int64_t kQueuedJobsMax = 1000;  // of one kind, in STARTING; above: kOutOfRange
// A job whose runner dies again and again fails after that many.
constexpr int64_t kJobAttemptsMax = 5;

enum class JobKind { kCompilation, kPackaging, kMonitoring };

// "compilation", "packaging", "monitoring".
std::string_view NameOf(JobKind kind);

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
  std::string queue;                  // jobs of one queue take turns with those of others
  std::optional<EpochMs> wait_until;  // fails if it is still queued then
  std::string derived_inputs;         // DataInputConfig of the compiled model, JSON
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
  std::string queue;
  std::optional<EpochMs> wait_until;
  std::string preset;  // PresetDeploymentOutput, JSON
};

enum class JobOrder { kName, kCreated, kModified, kStatus, kModelName };

struct JobFilter {
  std::optional<std::string> name_contains;
  std::optional<std::string> model_name_contains;  // packaging jobs only
  std::optional<std::string> status;
  TimeWindow window;
  JobOrder order = JobOrder::kCreated;
};

// Queues a job and gives it its turn. kAlreadyExists; kOutOfRange if kQueuedJobsMax wait.
Status InsertCompilationJob(Transaction& transaction, const CompilationJob& job);
Result<std::optional<CompilationJob>> FindCompilationJob(Transaction& transaction,
                                                         const std::string& name);
Result<PageOf<CompilationJob>> ListCompilationJobs(Transaction& transaction,
                                                   const JobFilter& filter, const Page& page);
// With its log and report.
Status DeleteCompilationJob(Transaction& transaction, const std::string& name);

Status InsertPackagingJob(Transaction& transaction, const PackagingJob& job);
Result<std::optional<PackagingJob>> FindPackagingJob(Transaction& transaction,
                                                     const std::string& name);
Result<PageOf<PackagingJob>> ListPackagingJobs(Transaction& transaction, const JobFilter& filter,
                                               const Page& page);
// The name of a packaging job of this compilation job that has not ended, if there is one.
Result<std::optional<std::string>> FindUnendedPackagingOf(Transaction& transaction,
                                                          const std::string& compilation_job);

// The turn of a job that is queued now. kOutOfRange if the queue is full.
Result<int64_t> NextTurn(Transaction& transaction, JobKind kind, const std::string& queue);

// ---- What runners do ----

// A job that is this node's until the lease ends.
struct JobClaim {
  std::string name;
  int64_t token = 0;
  int64_t attempt = 1;
};
struct Claimant {
  std::string holder;  // the node
  EpochMs now = 0;
  EpochMs lease_until = 0;
};

// Whether ClaimJob or EndAbandonedJobs would find something: a read, for polls.
Result<bool> AnyJobToClaim(Transaction& transaction, JobKind kind, EpochMs now);
// The job whose turn it is becomes INPROGRESS and the claimant's: one in STARTING, or one whose
// lease has ended. Nothing if none waits or others were faster.
Result<std::optional<JobClaim>> ClaimJob(Transaction& transaction, JobKind kind,
                                         const Claimant& claimant);
// Renews the lease. The job's status (INPROGRESS or STOPPING); nothing if the claim is no longer
// this node's.
Result<std::optional<std::string>> HoldJob(Transaction& transaction, JobKind kind,
                                           const JobClaim& claim, EpochMs lease_until);
// The same without renewing.
Result<std::optional<std::string>> LookAtJob(Transaction& transaction, JobKind kind,
                                             const JobClaim& claim);
// Gives the job back: it is queued again, or STOPPED if it was to be stopped. For a node that ends;
// the attempt does not count.
Status ReleaseJob(Transaction& transaction, JobKind kind, const JobClaim& claim, EpochMs now);
// Leases of a holder whose process is known to be dead end at once.
Status EndLeasesOf(Transaction& transaction, JobKind kind, const std::string& holder);
// Jobs that nobody will end: STOPPING without a lease becomes STOPPED; a job that waited beyond
// wait_until or lost its runner kJobAttemptsMax times becomes FAILED.
Status EndAbandonedJobs(Transaction& transaction, JobKind kind, EpochMs now);

// STARTING -> STOPPED, INPROGRESS -> STOPPING, others stay. The state after it; nothing if there is
// no such job.
Result<std::optional<std::string>> StopJob(Transaction& transaction, JobKind kind,
                                           const std::string& name, EpochMs now);

// What a job made; members that the kind does not have are ignored.
struct JobOutputs {
  std::string artifact_uri;
  std::string artifact_sha256;  // hexadecimal; compilation
  std::string artifact_sha1;    // hexadecimal; packaging
  std::string derived_inputs;   // compilation
  std::string report;           // compilation: report.json
  std::string signature;        // packaging
  std::string preset;           // packaging
  std::string outcome;          // monitoring: "Completed" or "CompletedWithViolations"
  std::string exit_message;     // monitoring
};
struct JobEnd {
  std::string status;  // COMPLETED, FAILED or STOPPED
  EpochMs time = 0;
  std::string reason;
  JobOutputs outputs;
};
// The status as stored: a job that is to be stopped becomes STOPPED without outputs, whatever `end`
// says. Nothing if the claim is no longer this node's: then nothing was changed.
Result<std::optional<std::string>> EndJob(Transaction& transaction, JobKind kind,
                                          const JobClaim& claim, const JobEnd& end);
// report.json of a completed compilation job, or nothing.
Result<std::optional<std::string>> FindReport(Transaction& transaction, const std::string& job);

}  // namespace kedge::store
