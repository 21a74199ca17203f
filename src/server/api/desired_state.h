// What a device should have: the rule of fleet/rollout.h over the rows of the store.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "protocol/edge_api.h"
#include "store/store.h"

namespace kedge::server {

// Newest deployment first; none twice. Empty for a device without deployments or an unknown one.
Result<std::vector<protocol::EdgeDeployment>> DesiredState(store::Transaction& transaction,
                                                           const std::string& fleet,
                                                           const std::string& device);

}  // namespace kedge::server
