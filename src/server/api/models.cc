// The model registry: models, their versions, approval and lineage.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/paging.h"
#include "server/api/registry.h"
#include "server/api/wire.h"
#include "store/tables/events.h"

namespace kedge::server {
namespace {

constexpr int64_t kLineageStepsMax = 1000;

Result<store::Model> NeedModel(store::Transaction& transaction, const std::string& name) {
  KEDGE_TRY(auto model, store::FindModel(transaction, name));
  if (!model) return NotFound("No model with name: " + name);
  return std::move(*model);
}

Result<store::ModelVersion> NeedVersion(store::Transaction& transaction, const Input& input) {
  const std::string model = input.Text("ModelName");
  const std::string version = input.Text("ModelVersion");
  KEDGE_TRY([[maybe_unused]] const auto found, NeedModel(transaction, model));
  KEDGE_TRY(auto row, store::FindModelVersion(transaction, model, version));
  if (!row) return NotFound("No version " + version + " of model: " + model);
  return std::move(*row);
}

Status AddVersionEvent(const Context& context, store::Transaction& transaction, const Call& call,
                       store::EventKind kind, const std::string& message) {
  const Input input = call.input();
  return store::AddEvent(transaction, context.clock.NowMs(),
                         {.kind = kind,
                          .resource = input.Text("ModelName") + "/" + input.Text("ModelVersion"),
                          .actor = call.identity.Principal(),
                          .message = message});
}

// Metadata as it is stored: the list of the request, "[]" if absent.
std::string MetadataText(const Input& input) {
  const std::string text = input.JsonText("Metadata");
  return text.empty() ? "[]" : text;
}

json::Value MetadataJson(const std::string& text) {
  json::Value value = FromText(text);
  return value.AsArray() != nullptr ? value : json::Value(json::Array());
}

Result<json::Value> CreateModel(const Context& context, const Call& call) {
  const Input input = call.input();
  const EpochMs now = context.clock.NowMs();
  const store::Model model{.name = input.Text("ModelName"),
                           .description = input.TextOrNone("Description"),
                           .metadata = MetadataText(input),
                           .created = now,
                           .modified = now};
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto found, store::FindModel(transaction, model.name));
    if (found) return AlreadyExists("Model with name " + model.name + " already exists");
    KEDGE_TRY(const int64_t count, store::CountModels(transaction));
    KEDGE_TRY_STATUS(CheckQuota(count, 1, context.quotas.models, "models"));
    KEDGE_TRY_STATUS(store::InsertModel(transaction, model));
    return store::AddEvent(transaction, now,
                           {.kind = store::EventKind::kModelCreated,
                            .resource = model.name,
                            .actor = call.identity.Principal()});
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

json::Object Summary(const store::Model& model) {
  json::Object object{{"ModelName", model.name},
                      {"CreationTime", Seconds(model.created)},
                      {"LastModifiedTime", Seconds(model.modified)}};
  SetIf(object, "Description", model.description);
  return object;
}

Result<json::Value> DescribeModel(const Context& context, const Call& call) {
  store::Model model;
  int64_t count = 0;
  store::PageOf<store::ModelVersion> latest;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(model, NeedModel(transaction, call.input().Text("ModelName")));
    KEDGE_TRY(count, store::CountModelVersions(transaction, model.name));
    KEDGE_TRY(latest, store::ListModelVersions(transaction, {.model = model.name},
                                               {.ascending = false, .rows_max = 1}));
    return {};
  }));
  json::Object answer = Summary(model);
  answer.Set("Metadata", MetadataJson(model.metadata));
  answer.Set("VersionCount", count);
  if (!latest.items.empty()) answer.Set("LatestVersion", latest.items[0].version);
  return json::Value(std::move(answer));
}

Result<json::Value> ListModels(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  const std::string sort_by = input.Text("SortBy");
  const store::ModelFilter filter{.name_contains = input.TextOrNone("NameContains"),
                                  .window = ReadWindow(input),
                                  .order = sort_by == "NAME" ? store::ModelOrder::kName
                                           : sort_by == "LAST_MODIFIED_TIME"
                                               ? store::ModelOrder::kModified
                                               : store::ModelOrder::kCreated};
  store::PageOf<store::Model> models;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(models, store::ListModels(transaction, filter, page));
    return {};
  }));
  json::Array summaries;
  for (const store::Model& model : models.items) summaries.push_back(Summary(model));
  json::Object answer{{"Models", std::move(summaries)}};
  SetNextToken(answer, call.operation, models.next);
  return json::Value(std::move(answer));
}

Result<json::Value> DeleteModel(const Context& context, const Call& call) {
  const std::string name = call.input().Text("ModelName");
  KEDGE_TRY_STATUS(call.Write(context.store, [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto model, NeedModel(transaction, name));
    KEDGE_TRY(const int64_t count, store::CountModelVersions(transaction, name));
    if (count > 0) {
      return FailedPrecondition("Model " + name + " has " + std::to_string(count) + " versions");
    }
    KEDGE_TRY([[maybe_unused]] const bool deleted, store::DeleteModel(transaction, name));
    return {};
  }));
  return json::Value();
}

Result<json::Value> CreateModelVersion(const Context& context, const Call& call) {
  const Input input = call.input();
  const EpochMs now = context.clock.NowMs();
  store::ModelVersion version{.model = input.Text("ModelName"),
                              .version = input.Text("ModelVersion"),
                              .description = input.TextOrNone("Description"),
                              .metadata = MetadataText(input),
                              .source_uri = input.Text("SourceUri"),
                              .created = now,
                              .modified = now};
  if (!version.source_uri.empty()) {
    KEDGE_TRY(const auto name, blob::ObjectName::Parse(version.source_uri));
    const auto object = context.blobs.Head(name);
    if (!object) return InvalidArgument("SourceUri: " + object.error().message);
    version.source_sha256 = object->sha256;
  }
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto model, NeedModel(transaction, version.model));
    KEDGE_TRY(const auto found,
              store::FindModelVersion(transaction, version.model, version.version));
    if (found) {
      return AlreadyExists("Version " + version.version + " of model " + version.model +
                           " already exists");
    }
    KEDGE_TRY(const int64_t count, store::CountModelVersions(transaction, version.model));
    KEDGE_TRY_STATUS(CheckQuota(count, 1, context.quotas.model_versions, "versions of one model"));
    KEDGE_TRY_STATUS(store::InsertModelVersion(transaction, version));
    return AddVersionEvent(context, transaction, call, store::EventKind::kModelVersionCreated, "");
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

json::Object Summary(const store::ModelVersion& version) {
  json::Object object{{"ModelName", version.model},
                      {"ModelVersion", version.version},
                      {"ApprovalStatus", version.approval},
                      {"CreationTime", Seconds(version.created)},
                      {"LastModifiedTime", Seconds(version.modified)}};
  SetIf(object, "Description", version.description);
  return object;
}

// A step with what its job or plan is now; what is left of a job whose record was deleted is its
// name.
Result<json::Value> Step(const Context& context, store::Transaction& transaction,
                         const store::ModelLink& link) {
  json::Object step{{"Kind", std::string(store::Name(link.kind))},
                    {"Name", link.name},
                    {"Time", Seconds(link.created)}};
  if (!link.target.empty()) step.Set("Target", link.target);
  switch (link.kind) {
    case store::ModelLink::Kind::kCompilationJob: {
      step.Set("Arn", context.arns.CompilationJob(link.name));
      KEDGE_TRY(const auto job, store::FindCompilationJob(transaction, link.name));
      if (!job) break;
      step.Set("Status", job->status);
      if (!job->artifact_uri.empty()) step.Set("Artifact", job->artifact_uri);
      if (!job->artifact_sha256.empty()) step.Set("Digest", "sha256:" + job->artifact_sha256);
      break;
    }
    case store::ModelLink::Kind::kPackagingJob: {
      step.Set("Arn", context.arns.PackagingJob(link.name));
      KEDGE_TRY(const auto job, store::FindPackagingJob(transaction, link.name));
      if (!job) break;
      step.Set("Status", job->status);
      if (!job->artifact_uri.empty()) step.Set("Artifact", job->artifact_uri);
      if (!job->artifact_sha1.empty()) step.Set("Digest", "sha1:" + job->artifact_sha1);
      break;
    }
    case store::ModelLink::Kind::kDeploymentPlan:
      step.Set("Arn", context.arns.Plan(link.name));
      break;
  }
  return json::Value(std::move(step));
}

Result<json::Value> DescribeModelVersion(const Context& context, const Call& call) {
  store::ModelVersion version;
  json::Array steps;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(version, NeedVersion(transaction, call.input()));
    KEDGE_TRY(const auto links,
              store::ModelLinks(transaction, version.model, version.version, kLineageStepsMax));
    for (const store::ModelLink& link : links) {
      KEDGE_TRY(json::Value step, Step(context, transaction, link));
      steps.push_back(std::move(step));
    }
    return {};
  }));
  json::Object lineage{{"Steps", std::move(steps)}};
  if (!version.source_uri.empty()) lineage.Set("SourceUri", version.source_uri);
  if (!version.source_sha256.empty()) lineage.Set("SourceSha256", version.source_sha256);
  json::Object answer = Summary(version);
  answer.Set("Metadata", MetadataJson(version.metadata));
  answer.Set("Lineage", std::move(lineage));
  return json::Value(std::move(answer));
}

Result<json::Value> ListModelVersions(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  const store::ModelVersionFilter filter{.model = input.TextOrNone("ModelName"),
                                         .approval = input.TextOrNone("ApprovalStatus"),
                                         .window = ReadWindow(input)};
  store::PageOf<store::ModelVersion> versions;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(versions, store::ListModelVersions(transaction, filter, page));
    return {};
  }));
  json::Array summaries;
  for (const store::ModelVersion& version : versions.items) summaries.push_back(Summary(version));
  json::Object answer{{"ModelVersions", std::move(summaries)}};
  SetNextToken(answer, call.operation, versions.next);
  return json::Value(std::move(answer));
}

Result<json::Value> UpdateModelVersion(const Context& context, const Call& call) {
  const Input input = call.input();
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(store::ModelVersion version, NeedVersion(transaction, input));
    const std::string before = version.approval;
    if (const auto text = input.TextOrNone("ApprovalStatus")) version.approval = *text;
    if (const auto text = input.TextOrNone("Description")) version.description = text;
    if (input.Find("Metadata") != nullptr) version.metadata = MetadataText(input);
    version.modified = context.clock.NowMs();
    KEDGE_TRY_STATUS(store::UpdateModelVersion(transaction, version));
    const std::string message =
        version.approval == before ? "" : before + " -> " + version.approval;
    return AddVersionEvent(context, transaction, call, store::EventKind::kModelVersionUpdated,
                           message);
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

Result<json::Value> DeleteModelVersion(const Context& context, const Call& call) {
  const Input input = call.input();
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const store::ModelVersion version, NeedVersion(transaction, input));
    KEDGE_TRY(const auto links,
              store::ModelLinks(transaction, version.model, version.version, kLineageStepsMax));
    for (const store::ModelLink& link : links) {
      if (link.kind != store::ModelLink::Kind::kDeploymentPlan) continue;
      return FailedPrecondition("Version " + version.version + " of model " + version.model +
                                " is in deployment plan " + link.name);
    }
    KEDGE_TRY([[maybe_unused]] const bool deleted,
              store::DeleteModelVersion(transaction, version.model, version.version));
    return AddVersionEvent(context, transaction, call, store::EventKind::kModelVersionDeleted, "");
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value();
}

}  // namespace

void AddModelRoutes(Router& router, const Context& context) {
  using Function = Result<json::Value> (*)(const Context&, const Call&);
  constexpr std::pair<const char*, Function> kRoutes[] = {
      {"CreateModel", CreateModel},
      {"DescribeModel", DescribeModel},
      {"ListModels", ListModels},
      {"DeleteModel", DeleteModel},
      {"CreateModelVersion", CreateModelVersion},
      {"DescribeModelVersion", DescribeModelVersion},
      {"ListModelVersions", ListModelVersions},
      {"UpdateModelVersion", UpdateModelVersion},
      {"DeleteModelVersion", DeleteModelVersion},
  };
  for (const auto& route : kRoutes) {
    router.Add(route.first, [&context, handle = route.second](const Call& call) {
      return handle(context, call);
    });
  }
}

}  // namespace kedge::server
