// Tags of fleets, devices, jobs, deployment plans and monitoring's resources, by ARN.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/monitoring.h"
#include "server/api/paging.h"

namespace kedge::server {
namespace {

constexpr int64_t kTagsOfPage = 50;

Error NoResource(const std::string& arn) { return InvalidArgument("No resource with ARN: " + arn); }

template <class T>
Status Exists(const Result<std::optional<T>>& found, const std::string& arn) {
  if (!found) return found.error();
  if (!found->has_value()) return NoResource(arn);
  return {};
}

// What follows the prefix, if the ARN begins with it.
std::optional<std::string> After(const std::string& arn, const std::string& prefix) {
  if (!arn.starts_with(prefix)) return std::nullopt;
  return arn.substr(prefix.size());
}

// ValidationException unless the ARN names something that exists and can have tags.
Status NeedResource(const Context& context, store::Transaction& transaction,
                    const std::string& arn) {
  const Arns& arns = context.arns;
  if (const auto name = After(arn, arns.Fleet(""))) {
    constexpr std::string_view kDevice = "/device/";
    const size_t device = name->find(kDevice);
    if (device == std::string::npos) return Exists(store::FindFleet(transaction, *name), arn);
    return Exists(store::FindDevice(transaction, name->substr(0, device),
                                    name->substr(device + kDevice.size())),
                  arn);
  }
  if (const auto name = After(arn, arns.CompilationJob(""))) {
    return Exists(store::FindCompilationJob(transaction, *name), arn);
  }
  if (const auto name = After(arn, arns.PackagingJob(""))) {
    return Exists(store::FindPackagingJob(transaction, *name), arn);
  }
  if (const auto name = After(arn, arns.Plan(""))) {
    return Exists(store::FindPlan(transaction, *name), arn);
  }
  if (IsMonitoringDefinition(transaction, context, arn) ||
      IsMonitoringSchedule(transaction, context, arn)) {
    return {};
  }
  return NoResource(arn);
}

json::Array TagsJson(const std::vector<store::Tag>& tags) {
  json::Array array;
  for (const store::Tag& tag : tags) {
    array.push_back(json::Object{{"Key", tag.key}, {"Value", tag.value}});
  }
  return array;
}

Result<json::Value> AddTags(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string arn = input.Text("ResourceArn");
  std::vector<store::Tag> tags;
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(NeedResource(context, transaction, arn));
    KEDGE_TRY_STATUS(PutTags(transaction, input, arn));
    KEDGE_TRY(tags, store::ListTags(transaction, arn, "", store::kTagsOfResourceMax + 1));
    return CheckQuota(0, static_cast<int64_t>(tags.size()), store::kTagsOfResourceMax,
                      "tags of one resource");
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value(json::Object{{"Tags", TagsJson(tags)}});
}

Result<json::Value> ListTags(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string arn = input.Text("ResourceArn");
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  const int64_t shown = input.Integer("MaxResults", kTagsOfPage);
  std::vector<store::Tag> tags;
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(NeedResource(context, transaction, arn));
    KEDGE_TRY(tags,
              store::ListTags(transaction, arn, page.after ? page.after->name : "", shown + 1));
    return {};
  };
  KEDGE_TRY_STATUS(context.store.Read(work));
  std::optional<store::Cursor> next;
  if (static_cast<int64_t>(tags.size()) > shown) {
    tags.pop_back();
    next = store::Cursor{tags.back().key, tags.back().key};
  }
  json::Object answer{{"Tags", TagsJson(tags)}};
  SetNextToken(answer, call.operation, next);
  return json::Value(std::move(answer));
}

Result<json::Value> DeleteTags(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string arn = input.Text("ResourceArn");
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(NeedResource(context, transaction, arn));
    for (const std::string& key : input.Texts("TagKeys")) {
      KEDGE_TRY_STATUS(store::DeleteTag(transaction, arn, key));
    }
    return {};
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value(json::Object());
}

}  // namespace

void AddTagRoutes(Router& router, const Context& context) {
  router.Add("AddTags", [&context](const Call& call) { return AddTags(context, call); });
  router.Add("ListTags", [&context](const Call& call) { return ListTags(context, call); });
  router.Add("DeleteTags", [&context](const Call& call) { return DeleteTags(context, call); });
}

}  // namespace kedge::server
