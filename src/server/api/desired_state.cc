// SPDX-License-Identifier: Apache-2.0
#include "server/api/desired_state.h"

#include "server/api/stage_rows.h"
#include "store/tables/desired_models.h"

namespace kedge::server {

Result<DesiredDeployments> DesiredState(store::Transaction& transaction, const std::string& fleet,
                                        const std::string& device) {
  KEDGE_TRY(const auto packages, store::DesiredPackages(transaction, fleet, device));
  DesiredDeployments desired;
  std::vector<protocol::EdgeDeployment>& deployments = desired.deployments;
  for (const store::DesiredPackage& package : packages) {
    // Packages of one deployment come one after the other.
    if (deployments.empty() || deployments.back().deployment_name != package.deployment_name) {
      if (deployments.size() == protocol::kDeploymentsMax) break;
      deployments.push_back({.deployment_name = package.deployment_name,
                             .failure_policy = RollsBack(package.policy)
                                                   ? protocol::FailurePolicy::kRollback
                                                   : protocol::FailurePolicy::kNothing});
    }
    desired.any_new = desired.any_new || package.state == fleet::DesiredState::kOffered;
    deployments.back().definitions.push_back({.model_handle = package.model_handle,
                                              .s3_url = package.uri,
                                              .checksum_sha1 = package.sha1});
  }
  return desired;
}

}  // namespace kedge::server
