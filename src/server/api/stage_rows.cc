// SPDX-License-Identifier: Apache-2.0
#include "server/api/stage_rows.h"

#include "server/api/input.h"

namespace kedge::server {

fleet::Counts CountsOf(const store::Stage& stage) {
  return {.pending = stage.pending, .deployed = stage.deployed, .failed = stage.failed};
}

Result<fleet::Stage> StateOf(const store::Stage& stage) {
  KEDGE_TRY(const fleet::StageStatus status, fleet::ParseStageStatus(stage.status));
  KEDGE_TRY(const fleet::Phase phase, fleet::ParsePhase(stage.phase));
  return fleet::Stage{.status = status,
                      .phase = phase,
                      .step = stage.step,
                      .after = stage.after_device,
                      .counts = CountsOf(stage)};
}

void SetState(store::Stage& stage, const fleet::Stage& state) {
  stage.status = fleet::Name(state.status);
  stage.phase = fleet::Name(state.phase);
  stage.step = state.step;
  stage.after_device = state.after;
  stage.pending = state.counts.pending;
  stage.deployed = state.counts.deployed;
  stage.failed = state.counts.failed;
}

fleet::Selection SelectionOf(const store::Stage& stage) {
  const json::Value value = FromText(stage.selection);
  const Input input(value);
  const std::string type = input.Text("DeviceSubsetType");
  fleet::Selection selection;
  selection.kind = type == "PERCENTAGE"     ? fleet::Selection::Kind::kPercentage
                   : type == "NAMECONTAINS" ? fleet::Selection::Kind::kNameContains
                                            : fleet::Selection::Kind::kSelection;
  selection.percentage = input.Integer("Percentage", 0);
  selection.names = input.Texts("DeviceNames");
  selection.contains = input.Text("DeviceNameContains");
  return selection;
}

bool RollsBack(const std::string& policy) { return policy != "DO_NOTHING"; }

Status SettleStage(store::Transaction& transaction, const std::string& plan,
                   const std::string& stage) {
  KEDGE_TRY(const auto row, store::FindStage(transaction, plan, stage));
  if (!row) return {};
  KEDGE_TRY(const fleet::Stage state, StateOf(*row));
  const fleet::Stage settled = fleet::AfterCounts(state, {});
  if (settled.status == state.status) return {};
  return store::SetStageStatus(transaction, plan, stage, std::string(fleet::Name(settled.status)));
}

Status AddCounts(store::Transaction& transaction, const std::string& plan, const std::string& stage,
                 const fleet::Counts& change) {
  if (change == fleet::Counts{}) return {};
  // The change comes first: it locks the row, so what is read afterwards stays.
  KEDGE_TRY_STATUS(store::ChangeCounts(
      transaction, plan, stage,
      {.pending = change.pending, .deployed = change.deployed, .failed = change.failed}));
  return SettleStage(transaction, plan, stage);
}

Status StopDevices(store::Transaction& transaction, const store::Stage& stage,
                   std::span<const std::string> devices, const std::string& message) {
  KEDGE_TRY(const int64_t stopped, store::StopStageDevices(transaction, stage, devices, message));
  return AddCounts(transaction, stage.plan, stage.name, {.pending = -stopped});
}

}  // namespace kedge::server
