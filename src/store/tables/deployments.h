// Deployment plans, their stages and the devices of started stages, as rows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

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
  std::string reason;  // why the device is in the stage
  EpochMs started = 0;
};

// One package under one handle, as it was when the stage was started.
struct DefinitionRow {
  std::string model_handle;
  std::string uri;
  std::string sha1;
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
// Everything but plan, name, position, selection and policy.
Status UpdateStage(Transaction& transaction, const Stage& stage);
Result<int64_t> NextStartNumber(Transaction& transaction);

Status InsertDefinition(Transaction& transaction, const std::string& deployment_name,
                        const DefinitionRow& definition);
Result<std::vector<DefinitionRow>> Definitions(Transaction& transaction,
                                               const std::string& deployment_name);

Status InsertStageDevice(Transaction& transaction, const StageDevice& device);
// All devices of a stage, before it is started anew.
Status DeleteStageDevices(Transaction& transaction, const std::string& plan,
                          const std::string& stage);
Result<std::optional<StageDevice>> FindStageDevice(Transaction& transaction,
                                                   const std::string& plan,
                                                   const std::string& stage,
                                                   const std::string& device);
Status UpdateStageDevice(Transaction& transaction, const StageDevice& device);
// READYTODEPLOY and INPROGRESS of a stage become STOPPED.
Status StopStageDevices(Transaction& transaction, const std::string& plan, const std::string& stage,
                        const std::string& message);
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

// A started deployment of one device.
struct Assignment {
  StageDevice device;
  std::string deployment_name;
  std::string policy;
  int64_t start_number = 0;
};
// Newest start first.
Result<std::vector<Assignment>> Assignments(Transaction& transaction, const std::string& fleet,
                                            const std::string& device);

}  // namespace kedge::store
