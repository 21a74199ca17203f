// SPDX-License-Identifier: Apache-2.0
#include "store/tables/desired_models.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT m.device, m.model_handle, m.state, m.deployment_name, m.start_number, m.former_name, "
    "m.former_number FROM desired_models m";

// A row that is still as it was read.
Result<std::vector<DesiredRow>> ReadRows(const Result<Rows>& rows) {
  if (!rows) return rows.error();
  std::vector<DesiredRow> desired;
  desired.reserve(rows->size());
  for (const Row& row : *rows) {
    KEDGE_TRY(const fleet::DesiredState state, fleet::ParseDesiredState(row.Text(2)));
    fleet::DesiredModel model{.current = {.name = row.Text(3), .number = row.Integer(4)},
                              .state = state};
    if (!row.IsNull(5)) {
      model.former = fleet::Deployment{.name = row.Text(5), .number = row.Integer(6)};
    }
    desired.push_back(
        {.device = row.Text(0), .model_handle = row.Text(1), .model = std::move(model)});
  }
  return desired;
}

void Append(std::vector<Value>& row, const fleet::DesiredModel& model) {
  row.emplace_back(std::string(fleet::Name(model.state)));
  row.emplace_back(model.current.name);
  row.emplace_back(model.current.number);
  row.push_back(model.former ? Value(model.former->name) : Value());
  row.push_back(model.former ? Value(model.former->number) : Value());
}

// The key, and what was read: a row that is still as it was.
void AppendBefore(std::vector<Value>& row, const std::string& fleet, const DesiredChange& change) {
  const fleet::DesiredModel& model = *change.before;
  row.emplace_back(fleet);
  row.emplace_back(change.device);
  row.emplace_back(change.model_handle);
  row.emplace_back(model.current.name);
  row.emplace_back(std::string(fleet::Name(model.state)));
  row.emplace_back(model.former ? model.former->name : std::string());
}

Status RunEach(Transaction& transaction, std::string_view sql,
               const std::vector<std::vector<Value>>& rows) {
  if (rows.empty()) return {};
  KEDGE_TRY(const int64_t changed, transaction.ExecuteMany(sql, rows));
  if (changed == static_cast<int64_t>(rows.size())) return {};
  return Unavailable("what a device should have was changed meanwhile; try again");
}

}  // namespace

Result<std::vector<DesiredRow>> DesiredModels(Transaction& transaction, const std::string& fleet,
                                              const std::string& device) {
  return ReadRows(transaction.Query(
      std::string(kSelect) + " WHERE m.fleet = $1 AND m.device = $2 ORDER BY m.model_handle",
      {fleet, device}));
}

Result<std::vector<DesiredRow>> DesiredModelsBetween(Transaction& transaction,
                                                     const std::string& fleet,
                                                     const std::string& first,
                                                     const std::string& last) {
  return ReadRows(transaction.Query(std::string(kSelect) +
                                        " WHERE m.fleet = $1 AND m.device >= $2 AND m.device <= $3 "
                                        "ORDER BY m.device, m.model_handle",
                                    {fleet, first, last}));
}

Result<std::vector<DesiredRow>> DesiredModelsOfPending(Transaction& transaction, const Stage& stage,
                                                       const std::string& first,
                                                       const std::string& last) {
  return ReadRows(transaction.Query(
      std::string(kSelect) +
          " JOIN stage_devices d ON d.fleet = m.fleet AND d.device = m.device "
          "WHERE d.plan = $1 AND d.stage = $2 AND d.device >= $3 AND d.device <= $4 "
          "AND d.status IN ('READYTODEPLOY', 'INPROGRESS')",
      {stage.plan, stage.name, first, last}));
}

Status ChangeDesired(Transaction& transaction, const std::string& fleet,
                     std::span<const DesiredChange> changes) {
  std::vector<std::vector<Value>> inserted;
  std::vector<std::vector<Value>> updated;
  std::vector<std::vector<Value>> deleted;
  for (const DesiredChange& change : changes) {
    if (change.before == change.after) continue;
    std::vector<Value> row;
    if (!change.before) {
      row = {fleet, change.device, change.model_handle};
      Append(row, *change.after);
      inserted.push_back(std::move(row));
    } else if (!change.after) {
      AppendBefore(row, fleet, change);
      deleted.push_back(std::move(row));
    } else {
      Append(row, *change.after);
      AppendBefore(row, fleet, change);
      updated.push_back(std::move(row));
    }
  }
  KEDGE_TRY_STATUS(RunEach(transaction,
                           "INSERT INTO desired_models (fleet, device, model_handle, state, "
                           "deployment_name, start_number, former_name, former_number) "
                           "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
                           inserted));
  KEDGE_TRY_STATUS(RunEach(transaction,
                           "DELETE FROM desired_models WHERE fleet = $1 AND device = $2 AND "
                           "model_handle = $3 AND deployment_name = $4 AND state = $5 AND "
                           "COALESCE(former_name, '') = $6",
                           deleted));
  return RunEach(transaction,
                 "UPDATE desired_models SET state = $1, deployment_name = $2, start_number = $3, "
                 "former_name = $4, former_number = $5 WHERE fleet = $6 AND device = $7 AND "
                 "model_handle = $8 AND deployment_name = $9 AND state = $10 AND "
                 "COALESCE(former_name, '') = $11",
                 updated);
}

Result<Awaiting> FindAwaiting(Transaction& transaction, const std::string& fleet,
                              const std::string& device) {
  KEDGE_TRY(
      const Rows rows,
      transaction.Query("SELECT (SELECT COUNT(*) FROM devices WHERE fleet = $1 AND name = $2), "
                        "(SELECT COUNT(*) FROM (SELECT 1 FROM desired_models WHERE fleet = $1 AND "
                        "device = $2 LIMIT 1) AS desired), "
                        "(SELECT COUNT(*) FROM (SELECT 1 FROM command_devices WHERE fleet = $1 AND "
                        "device = $2 AND status IN ('QUEUED', 'SENT') LIMIT 1) AS waiting)",
                        {fleet, device}));
  const Row& row = rows.at(0);
  return Awaiting{.registered = row.Integer(0) > 0,
                  .packages = row.Integer(1) > 0,
                  .commands = row.Integer(2) > 0};
}

Result<std::vector<DesiredPackage>> DesiredPackages(Transaction& transaction,
                                                    const std::string& fleet,
                                                    const std::string& device) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(
                "SELECT m.model_handle, m.state, m.deployment_name, f.uri, f.sha1, f.policy "
                "FROM desired_models m JOIN definitions f ON "
                "f.deployment_name = m.deployment_name AND f.model_handle = m.model_handle "
                "WHERE m.fleet = $1 AND m.device = $2 "
                "ORDER BY m.start_number DESC, m.model_handle",
                {fleet, device}));
  std::vector<DesiredPackage> packages;
  for (const Row& row : rows) {
    KEDGE_TRY(const fleet::DesiredState state, fleet::ParseDesiredState(row.Text(1)));
    packages.push_back({.model_handle = row.Text(0),
                        .state = state,
                        .deployment_name = row.Text(2),
                        .uri = row.Text(3),
                        .sha1 = row.Text(4),
                        .policy = row.Text(5)});
  }
  return packages;
}

}  // namespace kedge::store
