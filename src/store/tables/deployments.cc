// SPDX-License-Identifier: Apache-2.0
#include "store/tables/deployments.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelectPlan =
    "SELECT name, fleet, model_configs, chance, created_ms, modified_ms FROM deployment_plans";
constexpr std::string_view kSelectStage =
    "SELECT plan, name, position, selection, policy, status, message, started_ms, start_number, "
    "deployment_name, pending, deployed, failed FROM deployment_stages";

Plan ReadPlan(const Row& row) {
  return {.name = row.Text(0),
          .fleet = row.Text(1),
          .model_configs = row.Text(2),
          .chance = row.Text(3),
          .created = row.Integer(4),
          .modified = row.Integer(5)};
}

Stage ReadStage(const Row& row) {
  return {.plan = row.Text(0),
          .name = row.Text(1),
          .position = row.Integer(2),
          .selection = row.Text(3),
          .policy = row.Text(4),
          .status = row.Text(5),
          .message = row.Text(6),
          .started = row.IntegerOrNull(7),
          .start_number = row.IntegerOrNull(8),
          .deployment_name = row.TextOrNull(9),
          .pending = row.Integer(10),
          .deployed = row.Integer(11),
          .failed = row.Integer(12)};
}

// The first eight columns of a statement on stage_devices.
StageDevice ReadStageDevice(const Row& row) {
  return {.plan = row.Text(0),
          .stage = row.Text(1),
          .fleet = row.Text(2),
          .device = row.Text(3),
          .status = row.Text(4),
          .message = row.Text(5),
          .reason = row.Text(6),
          .started = row.Integer(7)};
}

Value SortValue(const Plan& plan, PlanOrder order) {
  switch (order) {
    case PlanOrder::kName:
      return plan.name;
    case PlanOrder::kFleet:
      return plan.fleet;
    case PlanOrder::kModified:
      return plan.modified;
    case PlanOrder::kCreated:
      break;
  }
  return plan.created;
}

const char* ColumnOf(PlanOrder order) {
  switch (order) {
    case PlanOrder::kName:
      return "name";
    case PlanOrder::kFleet:
      return "fleet";
    case PlanOrder::kModified:
      return "modified_ms";
    case PlanOrder::kCreated:
      break;
  }
  return "created_ms";
}

Status Done(const Result<int64_t>& rows) {
  if (!rows) return rows.error();
  return {};
}

std::optional<Stage> FirstStage(const Rows& rows) {
  if (rows.empty()) return std::nullopt;
  return ReadStage(rows[0]);
}

}  // namespace

Status InsertPlan(Transaction& transaction, const Plan& plan) {
  return Done(transaction.Execute(
      "INSERT INTO deployment_plans (name, fleet, model_configs, chance, created_ms, modified_ms) "
      "VALUES ($1, $2, $3, $4, $5, $6)",
      {plan.name, plan.fleet, plan.model_configs, plan.chance, plan.created, plan.modified}));
}

Result<std::optional<Plan>> FindPlan(Transaction& transaction, const std::string& name) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelectPlan) + " WHERE name = $1", {name}));
  if (rows.empty()) return std::optional<Plan>();
  return std::optional<Plan>(ReadPlan(rows[0]));
}

Status TouchPlan(Transaction& transaction, const std::string& name, EpochMs now) {
  return Done(transaction.Execute("UPDATE deployment_plans SET modified_ms = $1 WHERE name = $2",
                                  {now, name}));
}

Result<PageOf<Plan>> ListPlans(Transaction& transaction, const PlanFilter& filter,
                               const Page& page) {
  ListStatement statement(kSelectPlan);
  statement.WhereContains("name", filter.name_contains);
  statement.WhereOneOf("fleet", filter.visible_fleets);
  statement.WhereContains("fleet", filter.fleet_contains);
  statement.Where(filter.window);
  KEDGE_TRY(const Rows rows, statement.Run(transaction, ColumnOf(filter.order), "name", page));
  return MakePage<Plan>(rows, page, ReadPlan, [&](const Plan& plan) {
    return Cursor{SortValue(plan, filter.order), plan.name};
  });
}

Result<bool> FleetHasPlans(Transaction& transaction, const std::string& fleet) {
  KEDGE_TRY(
      const Rows rows,
      transaction.Query("SELECT name FROM deployment_plans WHERE fleet = $1 LIMIT 1", {fleet}));
  return !rows.empty();
}

Status InsertStage(Transaction& transaction, const Stage& stage) {
  return Done(transaction.Execute(
      "INSERT INTO deployment_stages (plan, name, position, selection, policy, status, message, "
      "pending, deployed, failed) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0)",
      {stage.plan, stage.name, stage.position, stage.selection, stage.policy, stage.status,
       stage.message}));
}

Result<std::optional<Stage>> FindStage(Transaction& transaction, const std::string& plan,
                                       const std::string& name) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelectStage) + " WHERE plan = $1 AND name = $2",
                              {plan, name}));
  return FirstStage(rows);
}

Result<std::optional<Stage>> FindStageOfDeployment(Transaction& transaction,
                                                   const std::string& deployment_name) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelectStage) + " WHERE deployment_name = $1",
                              {deployment_name}));
  return FirstStage(rows);
}

Result<std::vector<Stage>> ListStages(Transaction& transaction, const std::string& plan,
                                      int64_t from, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelectStage) +
                                  " WHERE plan = $1 AND position >= $2 ORDER BY position LIMIT $3",
                              {plan, from, rows_max}));
  std::vector<Stage> stages;
  for (const Row& row : rows) stages.push_back(ReadStage(row));
  return stages;
}

Status UpdateStage(Transaction& transaction, const Stage& stage) {
  return Done(transaction.Execute(
      "UPDATE deployment_stages SET status = $1, message = $2, started_ms = $3, start_number = $4, "
      "deployment_name = $5, pending = $6, deployed = $7, failed = $8 "
      "WHERE plan = $9 AND name = $10",
      {stage.status, stage.message, Optional(stage.started), Optional(stage.start_number),
       Optional(stage.deployment_name), stage.pending, stage.deployed, stage.failed, stage.plan,
       stage.name}));
}

Result<int64_t> NextStartNumber(Transaction& transaction) {
  KEDGE_TRY(const Rows rows, transaction.Query("UPDATE epochs SET number = number + 1 "
                                               "WHERE name = 'deployment_start' RETURNING number"));
  return rows.at(0).Integer(0);
}

Status InsertDefinition(Transaction& transaction, const std::string& deployment_name,
                        const DefinitionRow& definition) {
  return Done(transaction.Execute(
      "INSERT INTO definitions (deployment_name, model_handle, uri, sha1) VALUES ($1, $2, $3, $4)",
      {deployment_name, definition.model_handle, definition.uri, definition.sha1}));
}

Result<std::vector<DefinitionRow>> Definitions(Transaction& transaction,
                                               const std::string& deployment_name) {
  KEDGE_TRY(const Rows rows, transaction.Query("SELECT model_handle, uri, sha1 FROM definitions "
                                               "WHERE deployment_name = $1 ORDER BY model_handle",
                                               {deployment_name}));
  std::vector<DefinitionRow> definitions;
  for (const Row& row : rows) definitions.push_back({row.Text(0), row.Text(1), row.Text(2)});
  return definitions;
}

Status InsertStageDevice(Transaction& transaction, const StageDevice& device) {
  return Done(transaction.Execute(
      "INSERT INTO stage_devices (plan, stage, fleet, device, status, message, reason, started_ms) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
      {device.plan, device.stage, device.fleet, device.device, device.status, device.message,
       device.reason, device.started}));
}

Status DeleteStageDevices(Transaction& transaction, const std::string& plan,
                          const std::string& stage) {
  return Done(transaction.Execute("DELETE FROM stage_devices WHERE plan = $1 AND stage = $2",
                                  {plan, stage}));
}

Result<std::optional<StageDevice>> FindStageDevice(Transaction& transaction,
                                                   const std::string& plan,
                                                   const std::string& stage,
                                                   const std::string& device) {
  KEDGE_TRY(
      const Rows rows,
      transaction.Query("SELECT plan, stage, fleet, device, status, message, reason, started_ms "
                        "FROM stage_devices WHERE plan = $1 AND stage = $2 AND device = $3",
                        {plan, stage, device}));
  if (rows.empty()) return std::optional<StageDevice>();
  return std::optional<StageDevice>(ReadStageDevice(rows[0]));
}

Status UpdateStageDevice(Transaction& transaction, const StageDevice& device) {
  return Done(transaction.Execute(
      "UPDATE stage_devices SET status = $1, message = $2 "
      "WHERE plan = $3 AND stage = $4 AND device = $5",
      {device.status, device.message, device.plan, device.stage, device.device}));
}

Status StopStageDevices(Transaction& transaction, const std::string& plan, const std::string& stage,
                        const std::string& message) {
  return Done(transaction.Execute(
      "UPDATE stage_devices SET status = 'STOPPED', message = $1 "
      "WHERE plan = $2 AND stage = $3 AND status IN ('READYTODEPLOY', 'INPROGRESS')",
      {message, plan, stage}));
}

Result<StageDevicePage> ListStageDevices(Transaction& transaction, const StageDeviceFilter& filter,
                                         const Page& page) {
  // The same device in another stage of the plan; the text stands twice because WHERE cannot name a
  // column of SELECT on both engines.
  const std::string elsewhere =
      "(SELECT MIN(o.stage) FROM stage_devices o WHERE o.plan = d.plan AND o.device = d.device AND "
      "o.stage <> d.stage AND o.status = 'DEPLOYED')";
  ListStatement statement(
      "SELECT d.plan, d.stage, d.fleet, d.device, d.status, d.message, d.reason, d.started_ms, " +
      elsewhere + " FROM stage_devices d");
  statement.Where("d.plan =", std::optional<std::string>(filter.plan));
  statement.Where("d.stage =", std::optional<std::string>(filter.stage));
  if (filter.exclude_deployed_elsewhere) {
    statement.Where(elsewhere + " IS NULL AND 1 =", std::optional<int64_t>(1));
  }
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "d.device", "d.device", page));
  StageDevicePage result;
  result.page = MakePage<StageDevice>(rows, page, ReadStageDevice, [](const StageDevice& device) {
    return Cursor{device.device, device.device};
  });
  for (size_t i = 0; i < result.page.items.size(); ++i) {
    result.elsewhere.push_back(rows[i].TextOrNull(8));
  }
  return result;
}

Result<std::vector<Assignment>> Assignments(Transaction& transaction, const std::string& fleet,
                                            const std::string& device) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(
                "SELECT d.plan, d.stage, d.fleet, d.device, d.status, d.message, d.reason, "
                "d.started_ms, s.deployment_name, s.policy, s.start_number FROM stage_devices d "
                "JOIN deployment_stages s ON s.plan = d.plan AND s.name = d.stage "
                "WHERE d.fleet = $1 AND d.device = $2 ORDER BY s.start_number DESC",
                {fleet, device}));
  std::vector<Assignment> assignments;
  for (const Row& row : rows) {
    assignments.push_back({.device = ReadStageDevice(row),
                           .deployment_name = row.Text(8),
                           .policy = row.Text(9),
                           .start_number = row.Integer(10)});
  }
  return assignments;
}

}  // namespace kedge::store
