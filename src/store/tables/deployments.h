// Deployment plans, their stages and the devices of started stages, as rows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "store/tables/list_statement.h"

namespace kedge::store {

struct Plan {
  std::string name;
  std::string fleet;
  std::string model_configs;  // JSON as given
  std::string chance;         // what PERCENTAGE stages are drawn with; random, made once
  EpochMs created = 0;
  EpochMs modified = 0;
};

enum class PlanOrder { kName, kFleet, kCreated, kModified };

struct PlanFilter {
  std::vector<std::string> visible_fleets;  // names, or prefixes with '*'; empty: all
  std::optional<std::string> name_contains;
  std::optional<std::string> fleet_contains;
  TimeWindow window;
  PlanOrder order = PlanOrder::kCreated;
};

struct Stage {
  std::string plan;
  std::string name;
  int64_t position = 0;   // 0, 1, 2 ... in the plan
  std::string selection;  // DeviceSelectionConfig, JSON
  std::string policy;     // FailureHandlingPolicy
  std::string status;     // StageStatus
  std::string message;
  std::optional<EpochMs> started;
  std::optional<int64_t> start_number;         // grows with every start of any stage
  std::optional<std::string> deployment_name;  // new with every start
  std::string phase = "NONE";                  // fleet::Phase, what the next advance does
  int64_t step = 0;                            // grows with every start, stop and advance
  std::string after_device;                    // the last device that the phase has handled
  std::string draw_limit;                      // see fleet/selection.h
  int64_t pending = 0;
  int64_t deployed = 0;
  int64_t failed = 0;
};

struct StageDevice {
  std::string plan;
  std::string stage;
  std::string fleet;
  std::string device;
  std::string status;  // DeviceDeploymentStatus
  std::string message;
  std::string reason;                       // why the device is in the stage
  std::optional<std::string> control_peer;  // a device outside the stage, to compare with
  EpochMs started = 0;
};

// One package under one handle, as it was when the stage was started.
struct DefinitionRow {
  std::string model_handle;
  std::string uri;
  std::string sha1;
  std::string policy;  // FailureHandlingPolicy
};

// kAlreadyExists; kFailedPrecondition if there is no such fleet.
Status InsertPlan(Transaction& transaction, const Plan& plan);
Result<std::optional<Plan>> FindPlan(Transaction& transaction, const std::string& name);
Status TouchPlan(Transaction& transaction, const std::string& name, EpochMs now);
Result<PageOf<Plan>> ListPlans(Transaction& transaction, const PlanFilter& filter,
                               const Page& page);
Result<bool> FleetHasPlans(Transaction& transaction, const std::string& fleet);

// kAlreadyExists.
Status InsertStage(Transaction& transaction, const Stage& stage);
Result<std::optional<Stage>> FindStage(Transaction& transaction, const std::string& plan,
                                       const std::string& name);
Result<std::optional<Stage>> FindStageOfDeployment(Transaction& transaction,
                                                   const std::string& deployment_name);
// In the order of the plan, from position `from`, at most `rows_max`.
Result<std::vector<Stage>> ListStages(Transaction& transaction, const std::string& plan,
                                      int64_t from, int64_t rows_max);
// A start: everything but plan, name, position, selection and policy, with the counts as they are
// in `stage`. False if the row's step is not `step` any more.
Result<bool> StartStageRow(Transaction& transaction, const Stage& stage, int64_t step);

// Differences of a stage's counts. Counts are changed by differences only, so that two nodes can.
struct CountChange {
  int64_t pending = 0;
  int64_t deployed = 0;
  int64_t failed = 0;
};
// Stores status, phase, step, after_device and draw_limit of `stage`, and the change of its counts.
// False if the row's step is not `step` any more, or its deployment another one.
Result<bool> AdvanceStageRow(Transaction& transaction, const Stage& stage, int64_t step,
                             const CountChange& change);
Status ChangeCounts(Transaction& transaction, const std::string& plan, const std::string& stage,
                    const CountChange& change);
Status SetStageStatus(Transaction& transaction, const std::string& plan, const std::string& stage,
                      const std::string& status);
// Stages with a phase other than NONE, oldest start first.
Result<std::vector<Stage>> MovingStages(Transaction& transaction, int64_t rows_max);
// Larger than any given before.
Result<int64_t> NextStartNumber(Transaction& transaction);

// What an advance of a stage did, for the record: rows are only added.
struct StageAdvance {
  std::string deployment_name;
  int64_t step = 0;   // after it
  int64_t token = 0;  // of the lease it was made under; 0: by the request that started or stopped
  std::string node;
  int64_t devices = 0;
  EpochMs time = 0;
};
Status InsertStageAdvance(Transaction& transaction, const StageAdvance& advance);

// The stage and what is left of its devices; the plan and what is left of its stages.
Status DeleteStage(Transaction& transaction, const std::string& plan, const std::string& stage);
Status DeletePlan(Transaction& transaction, const std::string& plan);

Status InsertDefinition(Transaction& transaction, const std::string& deployment_name,
                        const DefinitionRow& definition);
Result<std::vector<DefinitionRow>> Definitions(Transaction& transaction,
                                               const std::string& deployment_name);
// Definitions and recorded advances of deployments that no stage and no device refers to.
Status DeleteUnusedDeployments(Transaction& transaction);

Status InsertStageDevices(Transaction& transaction, std::span<const StageDevice> devices);
// At most `rows_max` devices of a stage; how many there were.
Result<int64_t> DeleteStageDevices(Transaction& transaction, const std::string& plan,
                                   const std::string& stage, int64_t rows_max);
Result<std::optional<StageDevice>> FindStageDevice(Transaction& transaction,
                                                   const std::string& plan,
                                                   const std::string& stage,
                                                   const std::string& device);
// Names of devices that are READYTODEPLOY or INPROGRESS, in order, after a name.
Result<std::vector<std::string>> PendingStageDevices(Transaction& transaction, const Stage& stage,
                                                     const std::string& after, int64_t rows_max);
// Sets status and message. False if the row's status is not `from` any more.
Result<bool> MoveStageDevice(Transaction& transaction, const StageDevice& device,
                             const std::string& from);
// READYTODEPLOY and INPROGRESS become STOPPED; how many did.
Result<int64_t> StopStageDevices(Transaction& transaction, const Stage& stage,
                                 std::span<const std::string> devices, const std::string& message);
// Names of a fleet's devices in order, after a name.
Result<std::vector<std::string>> FleetDevices(Transaction& transaction, const std::string& fleet,
                                              const std::string& after, int64_t rows_max);
// True if a device of the fleet has this text in its name.
Result<bool> AnyDeviceNamed(Transaction& transaction, const std::string& fleet,
                            const std::string& contains);

struct StageDeviceFilter {
  std::string plan;
  std::string stage;
  bool exclude_deployed_elsewhere = false;  // in another stage of the plan
};
// Ordered by device. `elsewhere[i]` is the other stage of the plan in which the i-th device is
// DEPLOYED, if there is one.
struct StageDevicePage {
  PageOf<StageDevice> page;
  std::vector<std::optional<std::string>> elsewhere;
};
Result<StageDevicePage> ListStageDevices(Transaction& transaction, const StageDeviceFilter& filter,
                                         const Page& page);

}  // namespace kedge::store
