// SPDX-License-Identifier: Apache-2.0
#include "server/auth/authorise.h"

#include <array>

#include "store/tables/deployments.h"

namespace kedge::server {
namespace {

constexpr std::array<std::string_view, 2> kFleetMembers = {"DeviceFleetName", "FleetName"};
constexpr std::array<std::string_view, 2> kPlanMembers = {"EdgeDeploymentPlanName", "PlanName"};
constexpr std::string_view kArnMember = "ResourceArn";

// What stands after `kind` in "arn:...:kind/name/more"; empty: another kind of resource.
std::string NameInArn(std::string_view arn, std::string_view kind) {
  const std::string marker = ":" + std::string(kind) + "/";
  const size_t at = arn.find(marker);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = arn.substr(at + marker.size());
  return std::string(rest.substr(0, rest.find('/')));
}

// The fleet of a plan; nothing if there is no such plan, which the handler tells.
Result<std::optional<std::string>> FleetOfPlan(store::Store& store, const std::string& plan) {
  std::optional<std::string> fleet;
  KEDGE_TRY_STATUS(store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto found, store::FindPlan(transaction, plan));
    if (found) fleet = found->fleet;
    return {};
  }));
  return fleet;
}

struct Touched {
  std::vector<std::string> fleets;
  bool names_something = false;  // a fleet, or what would belong to one if it existed
};

Result<Touched> TouchedFleets(store::Store& store, const json::Value& body) {
  Touched touched;
  const auto add_plan = [&](const std::string& plan) -> Status {
    touched.names_something = true;
    KEDGE_TRY(const auto fleet, FleetOfPlan(store, plan));
    if (fleet) touched.fleets.push_back(*fleet);
    return {};
  };
  for (const std::string_view member : kFleetMembers) {
    const std::string name = body.StringOr(member, "");
    if (!name.empty()) touched.fleets.push_back(name);
  }
  for (const std::string_view member : kPlanMembers) {
    const std::string name = body.StringOr(member, "");
    if (!name.empty()) KEDGE_TRY_STATUS(add_plan(name));
  }
  const std::string arn = body.StringOr(kArnMember, "");
  if (const std::string fleet = NameInArn(arn, "device-fleet"); !fleet.empty()) {
    touched.fleets.push_back(fleet);
  }
  if (const std::string plan = NameInArn(arn, "edge-deployment"); !plan.empty()) {
    KEDGE_TRY_STATUS(add_plan(plan));
  }
  touched.names_something = touched.names_something || !touched.fleets.empty();
  return touched;
}

Error Denied(const Identity& identity, const std::string& what) {
  const std::string who =
      identity.IsDevice()
          ? "device '" + identity.device + "' of fleet '" + identity.fleet + "'"
          : identity.Principal() + " with role " + std::string(RoleName(identity.role));
  return PermissionDenied(who + " is not authorized to " + what);
}

Status CheckDevice(const Identity& identity, const json::Value& body) {
  if (body.StringOr("DeviceName", "") != identity.device ||
      body.StringOr("DeviceFleetName", "") != identity.fleet) {
    return Denied(identity, "act for another device");
  }
  return {};
}

// Somebody who acts in a device's place changes its state as an operator does.
Role LeastRole(const Operation& operation) {
  return operation.access == Role::kDevice ? Role::kOperator : operation.access;
}

}  // namespace

Status AuthoriseRole(const Identity& identity, const Operation& operation) {
  const bool may = identity.IsDevice() ? operation.access == Role::kDevice
                                       : identity.role >= LeastRole(operation);
  return may ? Status() : Denied(identity, "perform " + operation.name);
}

Status Authorise(store::Store& store, const Identity& identity, const Operation& operation,
                 const json::Value& body) {
  KEDGE_TRY_STATUS(AuthoriseRole(identity, operation));
  if (identity.IsDevice()) return CheckDevice(identity, body);
  if (!identity.IsRestricted() || operation.fleets != Operation::Fleets::kNamed) return {};
  KEDGE_TRY(const Touched touched, TouchedFleets(store, body));
  for (const std::string& fleet : touched.fleets) {
    if (!identity.MayUseFleet(fleet)) {
      return Denied(identity, "perform " + operation.name + " on fleet '" + fleet + "'");
    }
  }
  if (touched.names_something) return {};
  return Denied(identity, "perform " + operation.name + ", which concerns all fleets");
}

}  // namespace kedge::server
