// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"

namespace kedge::server {

std::string Arns::SageMaker(const std::string& resource) const {
  return "arn:aws:sagemaker:" + region + ":" + account + ":" + resource;
}
std::string Arns::Fleet(const std::string& fleet) const {
  return SageMaker("device-fleet/" + fleet);
}
std::string Arns::Device(const std::string& fleet, const std::string& device) const {
  return Fleet(fleet) + "/device/" + device;
}
std::string Arns::RoleAlias(const std::string& fleet) const {
  return "arn:aws:iot:" + region + ":" + account + ":rolealias/SageMakerEdge-" + fleet;
}
std::string Arns::CompilationJob(const std::string& name) const {
  return SageMaker("compilation-job/" + name);
}
std::string Arns::PackagingJob(const std::string& name) const {
  return SageMaker("edge-packaging-job/" + name);
}
std::string Arns::Plan(const std::string& name) const {
  return SageMaker("edge-deployment/" + name);
}

void Router::Add(const std::string& operation, Handler handler) {
  AddLater(operation, [handler = std::move(handler)](const Call& call, const Reply& reply) {
    reply(handler(call));
  });
}

void Router::AddLater(const std::string& operation, LaterHandler handler) {
  KEDGE_CHECK(handlers_.emplace(operation, std::move(handler)).second);
}

const LaterHandler* Router::Find(const std::string& operation) const {
  const auto found = handlers_.find(operation);
  return found == handlers_.end() ? nullptr : &found->second;
}

}  // namespace kedge::server
