// SPDX-License-Identifier: Apache-2.0
#include "agent/update/outcome.h"

#include <algorithm>

namespace kedge::agent {

using protocol::Definition;
using protocol::DeploymentModel;
using protocol::DeploymentResult;
using protocol::ModelState;

DeploymentModel ReportOf(const Definition& definition, const Candidate& candidate,
                         const std::string& failure) {
  DeploymentModel report;
  report.model_handle = definition.model_handle;
  if (protocol::IsReportedModelName(candidate.version.model_name))
    report.model_name = candidate.version.model_name;
  report.model_version = candidate.version.model_version;
  report.desired_state = definition.state;
  const bool deploys = definition.state == ModelState::kDeploy;
  report.succeeded = failure.empty();
  report.state = deploys == report.succeeded ? ModelState::kDeploy : ModelState::kUndeploy;
  report.status_reason = failure;
  return report;
}

std::string FirstFailure(const ActiveUpdate& update) {
  for (size_t i = 0; i < update.candidates.size(); ++i)
    if (!update.candidates[i].failure.empty())
      return "model '" + update.deployment.definitions[i].model_handle +
             "': " + update.candidates[i].failure;
  return "";
}

DeploymentResult ResultOf(const ActiveUpdate& update, std::string_view status, EpochMs now) {
  DeploymentResult result;
  result.deployment_name = update.deployment.deployment_name;
  result.deployment_status = status;
  result.deployment_status_message = FirstFailure(update);
  result.start_time = update.started;
  result.end_time = now;
  const bool rolled_back = status == protocol::kDeploymentFailed;
  for (size_t i = 0; i < update.candidates.size(); ++i) {
    std::string failure = update.candidates[i].failure;
    if (failure.empty() && rolled_back)
      failure = "rolled back because of " + result.deployment_status_message;
    result.models.push_back(
        ReportOf(update.deployment.definitions[i], update.candidates[i], failure));
  }
  return result;
}

std::vector<std::string> Fingerprints(const protocol::EdgeDeployment& deployment) {
  std::vector<std::string> fingerprints;
  for (const Definition& definition : deployment.definitions)
    fingerprints.push_back(Fingerprint(deployment.deployment_name, definition));
  return fingerprints;
}

const protocol::EdgeDeployment* FirstUnfinished(const std::vector<protocol::EdgeDeployment>& listed,
                                                const std::vector<std::string>& finished) {
  for (const protocol::EdgeDeployment& deployment : listed)
    for (const std::string& fingerprint : Fingerprints(deployment))
      if (std::find(finished.begin(), finished.end(), fingerprint) == finished.end())
        return &deployment;
  return nullptr;
}

void QueueResult(DeviceState& state, DeploymentResult result) {
  state.unreported.push_back(std::move(result));
  if (state.unreported.size() > kUnreportedMax) state.unreported.erase(state.unreported.begin());
}

void EndUpdate(DeviceState& state, DeploymentResult result) {
  for (std::string& fingerprint : Fingerprints(state.update->deployment))
    if (state.finished.size() < kFinishedMax) state.finished.push_back(std::move(fingerprint));
  state.update.reset();
  QueueResult(state, std::move(result));
}

}  // namespace kedge::agent
