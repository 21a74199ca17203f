// The Greengrass v2 component of a packaging job with PresetDeploymentType GreengrassV2Component: a
// recipe (format 2020-01-25, JSON) beside the package, whose installation unpacks the package into
// the component's work folder, which applications give to LoadModel as url.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/json/json.h"
#include "base/result.h"
#include "store/tables/jobs.h"

namespace kedge::server {

struct Component {
  std::string name;     // "SagemakerEdgeManager" and the packaging job's name, if not given
  std::string version;  // major.minor.patch; 1.0.0 if not given
  std::string description;
  std::string os;            // Greengrass's word, "linux"; empty: as the model was compiled
  std::string architecture;  // "amd64", "aarch64", "x86"; empty: as the model was compiled
};

// Reads PresetDeploymentConfig, a JSON object, "" for all defaults. kInvalidArgument naming the
// member.
Result<Component> ReadComponent(const std::string& config, const std::string& packaging_job);

// Takes the platform from the compiler's target where it is not given. kInvalidArgument if the
// model was compiled for another.
Status ResolvePlatform(Component& component, const std::string& target);

struct ComponentArtifact {
  std::string uri;        // of the package
  std::string file_name;  // the last part of it
  std::string sha256;     // hexadecimal
};
json::Value MakeRecipe(const Component& component, const ComponentArtifact& artifact);

// The version becomes this packaging job's. kAlreadyExists if it is another's.
Status ClaimComponentVersion(store::Transaction& transaction, const Component& component,
                             const std::string& packaging_job, EpochMs now);

}  // namespace kedge::server
