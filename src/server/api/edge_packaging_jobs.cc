// Packaging jobs: rows that the job runner works on.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/job_list.h"
#include "server/api/lookup.h"
#include "server/api/paging.h"
#include "server/api/registry.h"
#include "server/api/wire.h"
#include "server/jobs/component.h"
#include "server/jobs/model_input.h"

namespace kedge::server {
namespace {

Status CheckOrder(const Input& input) {
  const json::Value* output = input.Find("OutputConfig");
  const std::string config = output->StringOr("PresetDeploymentConfig", "");
  if (output->Find("PresetDeploymentType") != nullptr) {
    KEDGE_TRY([[maybe_unused]] const Component component,
              ReadComponent(config, input.Text("EdgePackagingJobName")));
  } else if (!config.empty()) {
    return InvalidArgument("PresetDeploymentConfig is given without PresetDeploymentType");
  }
  const auto object = ObjectBelow(output->StringOr("S3OutputLocation", ""), "model.tar.gz");
  if (!object) return object.error();
  return {};
}

// "" for a job that does not exist: the write that follows says so.
Result<std::string> FindSourceDigest(const Context& context, const std::string& compilation_job) {
  std::optional<store::CompilationJob> job;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(job, store::FindCompilationJob(transaction, compilation_job));
    return {};
  }));
  return job ? SourceDigest(context, *job) : std::string();
}

Result<json::Value> CreateEdgePackagingJob(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY_STATUS(CheckOrder(input));
  const EpochMs now = context.clock.NowMs();
  const store::PackagingJob job{.name = input.Text("EdgePackagingJobName"),
                                .compilation_job = input.Text("CompilationJobName"),
                                .model_name = input.Text("ModelName"),
                                .model_version = input.Text("ModelVersion"),
                                .request = json::Write(call.body),
                                .created = now,
                                .modified = now,
                                .queue = input.Text("ModelName")};
  KEDGE_TRY(const std::string source_sha256, FindSourceDigest(context, job.compilation_job));
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto found, store::FindPackagingJob(transaction, job.name));
    if (found) return AlreadyExists("Edge packaging job with name " + job.name + " already exists");
    KEDGE_TRY(const auto compiled, NeedCompilationJob(transaction, job.compilation_job));
    if (compiled.status != store::kJobCompleted) {
      return InvalidArgument("Compilation job " + compiled.name + " is " + compiled.status +
                             ", must be COMPLETED");
    }
    KEDGE_TRY_STATUS(CheckQuotaOfTable(transaction, "packaging_jobs", context.quotas.packaging_jobs,
                                       "packaging jobs"));
    KEDGE_TRY_STATUS(store::InsertPackagingJob(transaction, job));
    KEDGE_TRY_STATUS(RegisterPackaging(context, transaction, call, compiled, job, source_sha256));
    return PutTags(transaction, input, context.arns.PackagingJob(job.name));
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  context.packaging_jobs.JobQueued();
  return json::Value();
}

json::Object Summary(const Context& context, const store::PackagingJob& job) {
  return {{"EdgePackagingJobArn", context.arns.PackagingJob(job.name)},
          {"EdgePackagingJobName", job.name},
          {"EdgePackagingJobStatus", job.status},
          {"CompilationJobName", job.compilation_job},
          {"ModelName", job.model_name},
          {"ModelVersion", job.model_version},
          {"CreationTime", Seconds(job.created)},
          {"LastModifiedTime", Seconds(job.modified)}};
}

Result<json::Value> DescribeEdgePackagingJob(const Context& context, const Call& call) {
  store::PackagingJob job;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(job, NeedPackagingJob(transaction, call.input().Text("EdgePackagingJobName")));
    return {};
  }));
  json::Object answer = Summary(context, job);
  const json::Value request = FromText(job.request);
  for (const char* member : {"RoleArn", "OutputConfig", "ResourceKey"}) {
    if (const json::Value* value = request.Find(member)) answer.Set(member, *value);
  }
  if (!job.status_message.empty()) answer.Set("EdgePackagingJobStatusMessage", job.status_message);
  if (!job.artifact_uri.empty()) answer.Set("ModelArtifact", job.artifact_uri);
  if (!job.signature.empty()) answer.Set("ModelSignature", job.signature);
  if (!job.preset.empty()) answer.Set("PresetDeploymentOutput", FromText(job.preset));
  return json::Value(std::move(answer));
}

Result<json::Value> ListEdgePackagingJobs(const Context& context, const Call& call) {
  KEDGE_TRY(const store::Page page, ReadPage(call.input(), call.operation));
  store::PageOf<store::PackagingJob> jobs;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(jobs, store::ListPackagingJobs(transaction, ReadJobFilter(call.input()), page));
    return {};
  }));
  json::Array summaries;
  for (const auto& job : jobs.items) summaries.push_back(Summary(context, job));
  json::Object answer{{"EdgePackagingJobSummaries", std::move(summaries)}};
  SetNextToken(answer, call.operation, jobs.next);
  return json::Value(std::move(answer));
}

Result<json::Value> StopEdgePackagingJob(const Context& context, const Call& call) {
  const std::string name = call.input().Text("EdgePackagingJobName");
  KEDGE_TRY_STATUS(call.Write(context.store, [&](store::Transaction& transaction) {
    return StopNamedJob(transaction, store::JobKind::kPackaging, name, context.clock.NowMs());
  }));
  context.packaging_jobs.StopRunning(name);
  return json::Value();
}

}  // namespace

void AddPackagingJobRoutes(Router& router, const Context& context) {
  router.Add("CreateEdgePackagingJob",
             [&context](const Call& call) { return CreateEdgePackagingJob(context, call); });
  router.Add("DescribeEdgePackagingJob",
             [&context](const Call& call) { return DescribeEdgePackagingJob(context, call); });
  router.Add("ListEdgePackagingJobs",
             [&context](const Call& call) { return ListEdgePackagingJobs(context, call); });
  router.Add("StopEdgePackagingJob",
             [&context](const Call& call) { return StopEdgePackagingJob(context, call); });
}

}  // namespace kedge::server
