// SPDX-License-Identifier: Apache-2.0
#include "server/api/desired_state.h"

#include <algorithm>

#include "fleet/rollout.h"
#include "store/tables/deployments.h"

namespace kedge::server {
namespace {

struct Candidate {
  store::Assignment assignment;
  std::vector<store::DefinitionRow> definitions;
};

protocol::EdgeDeployment ToDeployment(const Candidate& candidate,
                                      const std::vector<std::string>& handles) {
  protocol::EdgeDeployment deployment;
  deployment.deployment_name = candidate.assignment.deployment_name;
  deployment.failure_policy = candidate.assignment.policy == "DO_NOTHING"
                                  ? protocol::FailurePolicy::kNothing
                                  : protocol::FailurePolicy::kRollback;
  for (const store::DefinitionRow& row : candidate.definitions) {
    if (std::find(handles.begin(), handles.end(), row.model_handle) == handles.end()) continue;
    deployment.definitions.push_back(
        {.model_handle = row.model_handle, .s3_url = row.uri, .checksum_sha1 = row.sha1});
  }
  return deployment;
}

}  // namespace

Result<std::vector<protocol::EdgeDeployment>> DesiredState(store::Transaction& transaction,
                                                           const std::string& fleet,
                                                           const std::string& device) {
  KEDGE_TRY(const auto assignments, store::Assignments(transaction, fleet, device));
  std::vector<Candidate> candidates;
  std::vector<fleet::Assigned> assigned;
  for (const store::Assignment& assignment : assignments) {
    KEDGE_TRY(auto definitions, store::Definitions(transaction, assignment.deployment_name));
    KEDGE_TRY(const fleet::DeviceStatus status, fleet::ParseDeviceStatus(assignment.device.status));
    fleet::Assigned one{.status = status, .rolls_back = assignment.policy != "DO_NOTHING"};
    for (const auto& definition : definitions) one.handles.push_back(definition.model_handle);
    assigned.push_back(std::move(one));
    candidates.push_back({assignment, std::move(definitions)});
  }
  const auto handles = fleet::DesiredHandles(assigned);
  std::vector<protocol::EdgeDeployment> desired;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (handles[i].empty() || desired.size() == protocol::kDeploymentsMax) continue;
    desired.push_back(ToDeployment(candidates[i], handles[i]));
  }
  return desired;
}

}  // namespace kedge::server
