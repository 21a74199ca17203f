// What a device should have, as the device hears it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "protocol/edge_api.h"
#include "store/store.h"

namespace kedge::server {

struct DesiredDeployments {
  std::vector<protocol::EdgeDeployment> deployments;  // newest first
  bool any_new = false;                               // one that the device has not asked for yet
};

// One indexed read. Empty for a device without deployments or an unknown one.
Result<DesiredDeployments> DesiredState(store::Transaction& transaction, const std::string& fleet,
                                        const std::string& device);

}  // namespace kedge::server
