// SPDX-License-Identifier: Apache-2.0
#include "store/tables/deployments.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelectPlan =
    "SELECT name, fleet, model_configs, chance, created_ms, modified_ms FROM deployment_plans";
constexpr std::string_view kSelectStage =
    "SELECT plan, name, position, selection, policy, status, message, started_ms, start_number, "
    "deployment_name, phase, step, after_device, draw_limit, pending, deployed, failed "
    "FROM deployment_stages";

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
          .phase = row.Text(10),
          .step = row.Integer(11),
          .after_device = row.Text(12),
          .draw_limit = row.Text(13),
          .pending = row.Integer(14),
          .deployed = row.Integer(15),
          .failed = row.Integer(16)};
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

Result<bool> StartStageRow(Transaction& transaction, const Stage& stage, int64_t step) {
  KEDGE_TRY(const int64_t changed,
            transaction.Execute(
                "UPDATE deployment_stages SET status = $1, message = $2, started_ms = $3, "
                "start_number = $4, deployment_name = $5, phase = $6, step = $7, "
                "after_device = $8, draw_limit = $9, pending = $10, deployed = $11, failed = $12 "
                "WHERE plan = $13 AND name = $14 AND step = $15",
                {stage.status, stage.message, Optional(stage.started), Optional(stage.start_number),
                 Optional(stage.deployment_name), stage.phase, stage.step, stage.after_device,
                 stage.draw_limit, stage.pending, stage.deployed, stage.failed, stage.plan,
                 stage.name, step}));
  return changed == 1;
}

Result<bool> AdvanceStageRow(Transaction& transaction, const Stage& stage, int64_t step,
                             const CountChange& change) {
  KEDGE_TRY(
      const int64_t changed,
      transaction.Execute("UPDATE deployment_stages SET status = $1, phase = $2, step = $3, "
                          "after_device = $4, draw_limit = $5, pending = pending + $6, "
                          "deployed = deployed + $7, failed = failed + $8 "
                          "WHERE plan = $9 AND name = $10 AND deployment_name = $11 AND step = $12",
                          {stage.status, stage.phase, stage.step, stage.after_device,
                           stage.draw_limit, change.pending, change.deployed, change.failed,
                           stage.plan, stage.name, Optional(stage.deployment_name), step}));
  return changed == 1;
}

Status ChangeCounts(Transaction& transaction, const std::string& plan, const std::string& stage,
                    const CountChange& change) {
  return Done(transaction.Execute(
      "UPDATE deployment_stages SET pending = pending + $1, deployed = deployed + $2, "
      "failed = failed + $3 WHERE plan = $4 AND name = $5",
      {change.pending, change.deployed, change.failed, plan, stage}));
}

Status SetStageStatus(Transaction& transaction, const std::string& plan, const std::string& stage,
                      const std::string& status) {
  return Done(
      transaction.Execute("UPDATE deployment_stages SET status = $1 WHERE plan = $2 AND name = $3",
                          {status, plan, stage}));
}

Result<std::vector<Stage>> MovingStages(Transaction& transaction, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(
                std::string(kSelectStage) + " WHERE phase <> 'NONE' ORDER BY start_number LIMIT $1",
                {rows_max}));
  std::vector<Stage> stages;
  for (const Row& row : rows) stages.push_back(ReadStage(row));
  return stages;
}

Result<int64_t> NextStartNumber(Transaction& transaction) {
  KEDGE_TRY(const Rows rows, transaction.Query("UPDATE epochs SET number = number + 1 "
                                               "WHERE name = 'deployment_start' RETURNING number"));
  return rows.at(0).Integer(0);
}

Status InsertStageAdvance(Transaction& transaction, const StageAdvance& advance) {
  return Done(transaction.Execute(
      "INSERT INTO stage_advances (deployment_name, step, token, node, devices, at_ms) "
      "VALUES ($1, $2, $3, $4, $5, $6)",
      {advance.deployment_name, advance.step, advance.token, advance.node, advance.devices,
       advance.time}));
}

Status DeleteStage(Transaction& transaction, const std::string& plan, const std::string& stage) {
  return Done(transaction.Execute("DELETE FROM deployment_stages WHERE plan = $1 AND name = $2",
                                  {plan, stage}));
}

Status DeletePlan(Transaction& transaction, const std::string& plan) {
  return Done(transaction.Execute("DELETE FROM deployment_plans WHERE name = $1", {plan}));
}

Status InsertDefinition(Transaction& transaction, const std::string& deployment_name,
                        const DefinitionRow& definition) {
  return Done(transaction.Execute(
      "INSERT INTO definitions (deployment_name, model_handle, uri, sha1, policy) "
      "VALUES ($1, $2, $3, $4, $5)",
      {deployment_name, definition.model_handle, definition.uri, definition.sha1,
       definition.policy}));
}

Result<std::vector<DefinitionRow>> Definitions(Transaction& transaction,
                                               const std::string& deployment_name) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT model_handle, uri, sha1, policy FROM definitions "
                              "WHERE deployment_name = $1 ORDER BY model_handle",
                              {deployment_name}));
  std::vector<DefinitionRow> definitions;
  for (const Row& row : rows) {
    definitions.push_back({.model_handle = row.Text(0),
                           .uri = row.Text(1),
                           .sha1 = row.Text(2),
                           .policy = row.Text(3)});
  }
  return definitions;
}

Status DeleteUnusedDeployments(Transaction& transaction) {
  const Status status = Done(transaction.Execute(
      "DELETE FROM definitions WHERE NOT EXISTS "
      "(SELECT 1 FROM deployment_stages s WHERE s.deployment_name = definitions.deployment_name) "
      "AND NOT EXISTS "
      "(SELECT 1 FROM desired_models m WHERE m.deployment_name = definitions.deployment_name) "
      "AND NOT EXISTS "
      "(SELECT 1 FROM desired_models m WHERE m.former_name = definitions.deployment_name)",
      {}));
  KEDGE_TRY_STATUS(status);
  return Done(transaction.Execute(
      "DELETE FROM stage_advances WHERE NOT EXISTS (SELECT 1 FROM deployment_stages s "
      "WHERE s.deployment_name = stage_advances.deployment_name)",
      {}));
}

}  // namespace kedge::store
