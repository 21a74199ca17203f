// The states of fleet/stage.h as rows of the store.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fleet/selection.h"
#include "fleet/stage.h"
#include "store/tables/deployments.h"

namespace kedge::server {

// Of one transaction on a stage; a larger stage is worked off by the leased loop.
constexpr int64_t kAdvanceDevicesMax = 500;

fleet::Counts CountsOf(const store::Stage& stage);
Result<fleet::Stage> StateOf(const store::Stage& stage);
// Status, phase, step, after_device and counts of `stage` become those of `state`.
void SetState(store::Stage& stage, const fleet::Stage& state);

fleet::Selection SelectionOf(const store::Stage& stage);
bool RollsBack(const std::string& policy);

// Ends the stage if its last device has reported.
Status SettleStage(store::Transaction& transaction, const std::string& plan,
                   const std::string& stage);
// Adds to the counts of a stage and settles it.
Status AddCounts(store::Transaction& transaction, const std::string& plan, const std::string& stage,
                 const fleet::Counts& change);
// A deployment that stops being pending on these devices of its stage: they become STOPPED.
Status StopDevices(store::Transaction& transaction, const store::Stage& stage,
                   std::span<const std::string> devices, const std::string& message);

}  // namespace kedge::server
