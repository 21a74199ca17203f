// SPDX-License-Identifier: Apache-2.0
#include "server/api/registry.h"

#include "server/api/input.h"
#include "server/jobs/target.h"
#include "store/tables/events.h"

namespace kedge::server {
namespace {

using Kind = store::ModelLink::Kind;

std::string SourceOf(const store::CompilationJob& job) {
  const json::Value request = FromText(job.request);
  const json::Value* input = request.Find("InputConfig");
  return input == nullptr ? std::string() : input->StringOr("S3Uri", "");
}

std::string TargetOf(const store::CompilationJob& job) {
  const json::Value request = FromText(job.request);
  const json::Value* output = request.Find("OutputConfig");
  if (output == nullptr) return "";
  const auto target = ResolveTarget(*output);
  return target ? target->label : "";
}

Status EnsureModel(const Context& context, store::Transaction& transaction,
                   const std::string& name) {
  KEDGE_TRY(const auto model, store::FindModel(transaction, name));
  if (model) return {};
  KEDGE_TRY(const int64_t count, store::CountModels(transaction));
  KEDGE_TRY_STATUS(CheckQuota(count, 1, context.quotas.models, "models"));
  const EpochMs now = context.clock.NowMs();
  return store::InsertModel(transaction, {.name = name, .created = now, .modified = now});
}

Status EnsureVersion(const Context& context, store::Transaction& transaction, const Call& call,
                     const store::ModelVersion& version) {
  KEDGE_TRY(auto found, store::FindModelVersion(transaction, version.model, version.version));
  if (found) {
    if (!found->source_uri.empty()) return {};
    found->source_uri = version.source_uri;
    found->source_sha256 = version.source_sha256;
    return store::UpdateModelVersion(transaction, *found);
  }
  KEDGE_TRY(const int64_t count, store::CountModelVersions(transaction, version.model));
  KEDGE_TRY_STATUS(CheckQuota(count, 1, context.quotas.model_versions, "versions of one model"));
  KEDGE_TRY_STATUS(store::InsertModelVersion(transaction, version));
  return store::AddEvent(transaction, version.created,
                         {.kind = store::EventKind::kModelVersionCreated,
                          .resource = version.model + "/" + version.version,
                          .actor = call.identity.Principal()});
}

}  // namespace

std::string SourceDigest(const Context& context, const store::CompilationJob& job) {
  const auto name = blob::ObjectName::Parse(SourceOf(job));
  if (!name) return "";
  const auto info = context.blobs.Head(*name);
  return info && info->modified <= job.started.value_or(job.created) ? info->sha256 : "";
}

Status RegisterPackaging(const Context& context, store::Transaction& transaction, const Call& call,
                         const store::CompilationJob& compiled, const store::PackagingJob& job,
                         const std::string& source_sha256) {
  KEDGE_TRY_STATUS(EnsureModel(context, transaction, job.model_name));
  KEDGE_TRY_STATUS(EnsureVersion(context, transaction, call,
                                 {.model = job.model_name,
                                  .version = job.model_version,
                                  .source_uri = SourceOf(compiled),
                                  .source_sha256 = source_sha256,
                                  .created = job.created,
                                  .modified = job.created}));
  KEDGE_TRY_STATUS(store::PutModelLink(transaction, {.model = job.model_name,
                                                     .version = job.model_version,
                                                     .kind = Kind::kCompilationJob,
                                                     .name = compiled.name,
                                                     .target = TargetOf(compiled),
                                                     .created = compiled.created}));
  return store::PutModelLink(transaction, {.model = job.model_name,
                                           .version = job.model_version,
                                           .kind = Kind::kPackagingJob,
                                           .name = job.name,
                                           .created = job.created});
}

Status RegisterPlan(store::Transaction& transaction, const std::string& plan,
                    const std::vector<std::string>& packaging_jobs, EpochMs now) {
  for (const std::string& job : packaging_jobs) {
    KEDGE_TRY(const auto versions, store::VersionsLinkedTo(transaction, Kind::kPackagingJob, job));
    for (const store::ModelVersion& version : versions) {
      if (version.approval == store::kApprovalRejected) {
        return FailedPrecondition("Version " + version.version + " of model " + version.model +
                                  " is REJECTED");
      }
      KEDGE_TRY_STATUS(store::PutModelLink(transaction, {.model = version.model,
                                                         .version = version.version,
                                                         .kind = Kind::kDeploymentPlan,
                                                         .name = plan,
                                                         .created = now}));
    }
  }
  return {};
}

}  // namespace kedge::server
