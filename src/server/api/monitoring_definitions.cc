// Job definitions of the four kinds of monitoring. They differ in the names of their members only,
// so one set of handlers serves all. SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/monitoring.h"
#include "server/api/paging.h"
#include "server/api/wire.h"

namespace kedge::server {
namespace {

std::string TextOf(const std::string& kind) {
  if (kind == "DataQuality") return "data quality";
  if (kind == "ModelQuality") return "model quality";
  return kind == "ModelBias" ? "model bias" : "model explainability";
}

std::string ArnOf(const Context& context, const std::string& kind, const std::string& name) {
  std::string part = TextOf(kind);
  for (char& c : part) c = c == ' ' ? '-' : c;
  return context.arns.SageMaker(part + "-job-definition/" + name);
}

Error NoDefinition(const std::string& kind, const std::string& name) {
  return NotFound("No " + TextOf(kind) + " job definition with name: " + name);
}

store::Page NewestFirst(store::Page page, const Input& input) {
  page.ascending = input.Text("SortOrder") == "Ascending";
  return page;
}

Result<json::Value> Create(const Context& context, const Call& call, const std::string& kind) {
  const Input input = call.input();
  const std::string name = input.Text("JobDefinitionName");
  KEDGE_TRY_STATUS(CheckMonitoringRequest(call.body, kind));
  const store::MonitoringDefinition definition{.kind = kind,
                                               .name = name,
                                               .endpoint = EndpointOf(call.body, kind),
                                               .request = json::Write(call.body),
                                               .created = context.clock.NowMs()};
  const std::string arn = ArnOf(context, kind, name);
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto found, store::FindDefinition(transaction, kind, name));
    if (found) return AlreadyExists("Job definition with name " + name + " already exists");
    KEDGE_TRY_STATUS(CheckQuotaOfTable(transaction, "monitoring_definitions",
                                       context.quotas.monitoring_definitions, "job definitions"));
    if (!definition.endpoint.empty()) {
      KEDGE_TRY([[maybe_unused]] const auto fleet, NeedFleet(transaction, definition.endpoint));
    }
    KEDGE_TRY_STATUS(store::InsertDefinition(transaction, definition));
    return PutTags(transaction, input, arn);
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value(json::Object{{"JobDefinitionArn", arn}});
}

Result<json::Value> Describe(const Context& context, const Call& call, const std::string& kind) {
  const std::string name = call.input().Text("JobDefinitionName");
  std::optional<store::MonitoringDefinition> found;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(found, store::FindDefinition(transaction, kind, name));
    return {};
  }));
  if (!found) return NoDefinition(kind, name);
  json::Object answer{{"JobDefinitionArn", ArnOf(context, kind, name)},
                      {"CreationTime", Seconds(found->created)}};
  const json::Value request = FromText(found->request);
  for (const auto& [member, value] : *request.AsObject()) {
    if (member != "Tags") answer.Set(member, value);
  }
  return json::Value(std::move(answer));
}

Result<json::Value> List(const Context& context, const Call& call, const std::string& kind) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  store::TimeWindow window = ReadWindow(input);
  const store::DefinitionFilter filter{.kind = kind,
                                       .endpoint = input.TextOrNone("EndpointName"),
                                       .name_contains = input.TextOrNone("NameContains"),
                                       .window = window,
                                       .by_name = input.Text("SortBy") == "Name"};
  store::PageOf<store::MonitoringDefinition> found;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(found, store::ListDefinitions(transaction, filter, NewestFirst(page, input)));
    return {};
  }));
  json::Array summaries;
  for (const store::MonitoringDefinition& definition : found.items) {
    summaries.push_back(
        json::Object{{"MonitoringJobDefinitionName", definition.name},
                     {"MonitoringJobDefinitionArn", ArnOf(context, kind, definition.name)},
                     {"CreationTime", Seconds(definition.created)},
                     {"EndpointName", definition.endpoint}});
  }
  json::Object answer{{"JobDefinitionSummaries", std::move(summaries)}};
  SetNextToken(answer, call.operation, found.next);
  return json::Value(std::move(answer));
}

Result<json::Value> Delete(const Context& context, const Call& call, const std::string& kind) {
  const std::string name = call.input().Text("JobDefinitionName");
  KEDGE_TRY_STATUS(call.Write(context.store, [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const bool deleted, store::DeleteDefinition(transaction, kind, name));
    if (!deleted) return NoDefinition(kind, name);
    return store::DeleteTags(transaction, ArnOf(context, kind, name));
  }));
  return json::Value();
}

}  // namespace

const std::vector<std::string>& MonitoringKinds() {
  static const std::vector<std::string> kKinds = {"DataQuality", "ModelQuality", "ModelBias",
                                                  "ModelExplainability"};
  return kKinds;
}

Result<store::MonitoringDefinition> NeedDefinition(store::Transaction& transaction,
                                                   const std::string& kind,
                                                   const std::string& name) {
  KEDGE_TRY(auto found, store::FindDefinition(transaction, kind, name));
  // For who names it in another resource it is his request that is wrong.
  if (!found) return InvalidArgument(NoDefinition(kind, name).message);
  return std::move(*found);
}

bool IsMonitoringDefinition(store::Transaction& transaction, const Context& context,
                            const std::string& arn) {
  for (const std::string& kind : MonitoringKinds()) {
    const std::string prefix = ArnOf(context, kind, "");
    if (!arn.starts_with(prefix)) continue;
    const auto found = store::FindDefinition(transaction, kind, arn.substr(prefix.size()));
    return found && found->has_value();
  }
  return false;
}

std::string EndpointOf(const json::Value& request, const std::string& kind) {
  const json::Value* input = request.Find(kind + "JobInput");
  const json::Value* endpoint = input == nullptr ? nullptr : input->Find("EndpointInput");
  return endpoint == nullptr ? "" : endpoint->StringOr("EndpointName", "");
}

Status CheckMonitoringRequest(const json::Value& request, const std::string& kind) {
  const json::Value* input = request.Find(kind + "JobInput");
  const bool endpoint = input->Find("EndpointInput") != nullptr;
  const json::Value* batch = input->Find("BatchTransformInput");
  if (endpoint == (batch != nullptr)) {
    return InvalidArgument(kind +
                           "JobInput must have one of EndpointInput and BatchTransformInput");
  }
  if (batch != nullptr && batch->Find("DatasetFormat")->Find("Parquet") != nullptr) {
    return InvalidArgument("DatasetFormat Parquet is not read here; give Csv or Json");
  }
  const json::Value* outputs = request.Find(kind + "JobOutputConfig");
  for (const json::Value& output : *outputs->Find("MonitoringOutputs")->AsArray()) {
    const auto place =
        blob::ObjectName::Parse(output.Find("S3Output")->StringOr("S3Uri", "") + "/x");
    if (!place) return place.error();
  }
  return {};
}

void AddMonitoringDefinitionRoutes(Router& router, const Context& context) {
  for (const std::string& kind : MonitoringKinds()) {
    router.Add("Create" + kind + "JobDefinition",
               [&context, kind](const Call& call) { return Create(context, call, kind); });
    router.Add("Describe" + kind + "JobDefinition",
               [&context, kind](const Call& call) { return Describe(context, call, kind); });
    router.Add("List" + kind + "JobDefinitions",
               [&context, kind](const Call& call) { return List(context, call, kind); });
    router.Add("Delete" + kind + "JobDefinition",
               [&context, kind](const Call& call) { return Delete(context, call, kind); });
  }
}

}  // namespace kedge::server
