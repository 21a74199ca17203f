// Compilation jobs: rows that the job runner works on.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/job_list.h"
#include "server/api/lookup.h"
#include "server/api/paging.h"
#include "server/api/wire.h"
#include "server/jobs/model_input.h"
#include "store/tables/events.h"
#include "store/tables/tags.h"

namespace kedge::server {
namespace {

Result<json::Value> CreateCompilationJob(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const CompileOrder order, ReadCompileOrder(call.body));
  const std::string name = input.Text("CompilationJobName");
  const EpochMs now = context.clock.NowMs();
  const store::CompilationJob job{
      .name = name,
      .request = json::Write(call.body),
      .created = now,
      .modified = now,
      .queue = order.input.Uri(),
      .wait_until = order.wait_seconds_max
                        ? std::optional<EpochMs>(now + *order.wait_seconds_max * 1000)
                        : std::nullopt};
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto found, store::FindCompilationJob(transaction, name));
    if (found) return AlreadyExists("Compilation job with name " + name + " already exists");
    KEDGE_TRY_STATUS(CheckQuotaOfTable(transaction, "compilation_jobs",
                                       context.quotas.compilation_jobs, "compilation jobs"));
    KEDGE_TRY_STATUS(store::InsertCompilationJob(transaction, job));
    return PutTags(transaction, input, context.arns.CompilationJob(name));
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  context.compilation_jobs.JobQueued();
  return json::Value(json::Object{{"CompilationJobArn", context.arns.CompilationJob(name)}});
}

void SetTimes(json::Object& object, const store::CompilationJob& job) {
  object.Set("CreationTime", Seconds(job.created));
  object.Set("LastModifiedTime", Seconds(job.modified));
  if (job.started) object.Set("CompilationStartTime", Seconds(*job.started));
  if (job.ended) object.Set("CompilationEndTime", Seconds(*job.ended));
}

Result<json::Value> DescribeCompilationJob(const Context& context, const Call& call) {
  store::CompilationJob job;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(job, NeedCompilationJob(transaction, call.input().Text("CompilationJobName")));
    return {};
  }));
  const json::Value request = FromText(job.request);
  json::Object answer{{"CompilationJobName", job.name},
                      {"CompilationJobArn", context.arns.CompilationJob(job.name)},
                      {"CompilationJobStatus", job.status},
                      {"FailureReason", job.failure_reason},
                      {"ModelArtifacts", json::Object{{"S3ModelArtifacts", job.artifact_uri}}}};
  SetTimes(answer, job);
  for (const char* member :
       {"RoleArn", "InputConfig", "OutputConfig", "StoppingCondition", "VpcConfig"}) {
    if (const json::Value* value = request.Find(member)) answer.Set(member, *value);
  }
  if (!job.artifact_sha256.empty()) {
    answer.Set("ModelDigests", json::Object{{"ArtifactDigest", "sha256:" + job.artifact_sha256}});
  }
  if (!job.derived_inputs.empty()) {
    answer.Set("DerivedInformation", json::Object{{"DerivedDataInputConfig", job.derived_inputs}});
  }
  return json::Value(std::move(answer));
}

json::Value Summary(const Context& context, const store::CompilationJob& job) {
  json::Object summary{{"CompilationJobName", job.name},
                       {"CompilationJobArn", context.arns.CompilationJob(job.name)},
                       {"CompilationJobStatus", job.status}};
  SetTimes(summary, job);
  const json::Value request = FromText(job.request);
  const json::Value* output = request.Find("OutputConfig");
  SetIf(summary, "CompilationTargetDevice", Input(*output).TextOrNone("TargetDevice"));
  if (const json::Value* platform = output->Find("TargetPlatform")) {
    SetIf(summary, "CompilationTargetPlatformOs", Input(*platform).TextOrNone("Os"));
    SetIf(summary, "CompilationTargetPlatformArch", Input(*platform).TextOrNone("Arch"));
    SetIf(summary, "CompilationTargetPlatformAccelerator",
          Input(*platform).TextOrNone("Accelerator"));
  }
  return summary;
}

Result<json::Value> ListCompilationJobs(const Context& context, const Call& call) {
  KEDGE_TRY(const store::Page page, ReadPage(call.input(), call.operation));
  store::PageOf<store::CompilationJob> jobs;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(jobs, store::ListCompilationJobs(transaction, ReadJobFilter(call.input()), page));
    return {};
  }));
  json::Array summaries;
  for (const auto& job : jobs.items) summaries.push_back(Summary(context, job));
  json::Object answer{{"CompilationJobSummaries", std::move(summaries)}};
  SetNextToken(answer, call.operation, jobs.next);
  return json::Value(std::move(answer));
}

Result<json::Value> StopCompilationJob(const Context& context, const Call& call) {
  const std::string name = call.input().Text("CompilationJobName");
  KEDGE_TRY_STATUS(call.Write(context.store, [&](store::Transaction& transaction) {
    return StopNamedJob(transaction, store::JobKind::kCompilation, name, context.clock.NowMs());
  }));
  context.compilation_jobs.StopRunning(name);
  return json::Value();
}

// The job's record, with its log, report and tags. Its packages stay: they hold what they need.
Result<json::Value> DeleteCompilationJob(const Context& context, const Call& call) {
  const std::string name = call.input().Text("CompilationJobName");
  const std::string arn = context.arns.CompilationJob(name);
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto job, NeedCompilationJob(transaction, name));
    if (job.status != store::kJobCompleted && job.status != store::kJobFailed &&
        job.status != store::kJobStopped) {
      return InvalidArgument("Compilation job " + name + " is " + job.status +
                             ", must be COMPLETED, FAILED or STOPPED");
    }
    KEDGE_TRY(const auto packaging, store::FindUnendedPackagingOf(transaction, name));
    if (packaging) {
      return InvalidArgument("Edge packaging job " + *packaging + " still needs compilation job " +
                             name);
    }
    KEDGE_TRY_STATUS(store::DeleteTags(transaction, arn));
    KEDGE_TRY_STATUS(store::DeleteCompilationJob(transaction, name));
    return store::AddEvent(transaction, context.clock.NowMs(),
                           {.kind = store::EventKind::kJobDeleted,
                            .resource = arn,
                            .actor = call.identity.access_key_id,
                            .message = "the record of compilation job " + name + " was removed"});
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

}  // namespace

void AddCompilationJobRoutes(Router& router, const Context& context) {
  router.Add("CreateCompilationJob",
             [&context](const Call& call) { return CreateCompilationJob(context, call); });
  router.Add("DescribeCompilationJob",
             [&context](const Call& call) { return DescribeCompilationJob(context, call); });
  router.Add("ListCompilationJobs",
             [&context](const Call& call) { return ListCompilationJobs(context, call); });
  router.Add("DeleteCompilationJob",
             [&context](const Call& call) { return DeleteCompilationJob(context, call); });
  router.Add("StopCompilationJob",
             [&context](const Call& call) { return StopCompilationJob(context, call); });
}

}  // namespace kedge::server
