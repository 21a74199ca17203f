// The fleet at a glance: GetOverview, GetFleetHealth, ListDeviceStates.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "server/api/context.h"

namespace kedge::server {

void AddOverviewRoutes(Router& router, const Context& context);

}  // namespace kedge::server
