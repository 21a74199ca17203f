// SPDX-License-Identifier: Apache-2.0
#include "server/api/lookup.h"

namespace kedge::server {
namespace {

template <class T>
Result<T> Need(Result<std::optional<T>> found, const std::string& what, const std::string& name) {
  if (!found) return found.error();
  if (!found->has_value()) return NotFound("No " + what + " with name: " + name);
  return std::move(**found);
}

}  // namespace

Result<store::Fleet> NeedFleet(store::Transaction& transaction, const std::string& name) {
  KEDGE_TRY(auto fleet, store::FindFleet(transaction, name));
  if (!fleet) return InvalidArgument("No devicefleet with name: " + name);
  return std::move(*fleet);
}

Result<store::Device> NeedDevice(store::Transaction& transaction, const std::string& fleet,
                                 const std::string& name) {
  KEDGE_TRY(auto device, store::FindDevice(transaction, fleet, name));
  if (device) return std::move(*device);
  KEDGE_TRY(const auto found, store::FindFleet(transaction, fleet));
  if (!found) return InvalidArgument("No device fleet with name: " + fleet);
  return InvalidArgument("No device with name: " + name);
}

Result<store::CompilationJob> NeedCompilationJob(store::Transaction& transaction,
                                                 const std::string& name) {
  return Need(store::FindCompilationJob(transaction, name), "compilation job", name);
}

Result<store::PackagingJob> NeedPackagingJob(store::Transaction& transaction,
                                             const std::string& name) {
  return Need(store::FindPackagingJob(transaction, name), "edge packaging job", name);
}

Result<store::Plan> NeedPlan(store::Transaction& transaction, const std::string& name) {
  return Need(store::FindPlan(transaction, name), "edge deployment plan", name);
}

Result<store::Stage> NeedStage(store::Transaction& transaction, const std::string& plan,
                               const std::string& name) {
  return Need(store::FindStage(transaction, plan, name), "stage of plan " + plan, name);
}

Status PutTags(store::Transaction& transaction, const Input& input, const std::string& arn) {
  for (const json::Value& tag : input.List("Tags")) {
    KEDGE_TRY_STATUS(
        store::PutTag(transaction, arn, tag.StringOr("Key", ""), tag.StringOr("Value", "")));
  }
  return {};
}

}  // namespace kedge::server
