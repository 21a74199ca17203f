// SPDX-License-Identifier: Apache-2.0
#include "store/tables/commands.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT c.id, c.kind, c.parameters, c.fleet, c.actor, c.created_ms, c.expires_ms, d.device, "
    "d.status, d.message, d.output, d.changed_ms FROM device_commands c JOIN command_devices d ON "
    "d.command = c.id";

DeviceCommand ReadCommand(const Row& row) {
  return {.id = row.Text(0),
          .kind = row.Text(1),
          .parameters = row.Text(2),
          .fleet = row.Text(3),
          .actor = row.Text(4),
          .created = row.Integer(5),
          .expires = row.Integer(6)};
}

CommandDevice ReadCommandDevice(const Row& row) {
  return {.command = ReadCommand(row),
          .device = row.Text(7),
          .status = row.Text(8),
          .message = row.Text(9),
          .output = row.Text(10),
          .changed = row.Integer(11)};
}

}  // namespace

Status InsertCommand(Transaction& transaction, const DeviceCommand& command) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute("INSERT INTO device_commands (id, kind, parameters, fleet, actor, "
                                "created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                                {command.id, command.kind, command.parameters, command.fleet,
                                 command.actor, command.created, command.expires}));
  return {};
}

Status InsertCommandDevices(Transaction& transaction, const DeviceCommand& command,
                            const std::vector<std::string>& devices) {
  std::vector<std::vector<Value>> rows;
  for (const std::string& device : devices) {
    rows.push_back({command.id, command.fleet, device, std::string(kCommandQueued), std::string(),
                    std::string(), command.created});
  }
  KEDGE_TRY([[maybe_unused]] const int64_t inserted,
            transaction.ExecuteMany("INSERT INTO command_devices (command, fleet, device, status, "
                                    "message, output, changed_ms) VALUES ($1, $2, $3, $4, $5, $6, "
                                    "$7)",
                                    rows));
  return {};
}

Result<PageOf<CommandDevice>> ListCommands(Transaction& transaction, const CommandFilter& filter,
                                           const Page& page) {
  ListStatement statement(kSelect);
  statement.Where("c.id =", filter.id);
  statement.Where("d.fleet =", filter.fleet);
  statement.Where("d.device =", filter.device);
  statement.Where("d.status =", filter.status);
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "c.id", "d.device", page));
  return MakePage<CommandDevice>(rows, page, ReadCommandDevice, [](const CommandDevice& one) {
    return Cursor{one.command.id, one.device};
  });
}

Result<std::optional<DeviceCommand>> FindCommand(Transaction& transaction, const std::string& id) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT id, kind, parameters, fleet, actor, created_ms, expires_ms "
                              "FROM device_commands WHERE id = $1",
                              {id}));
  if (rows.empty()) return std::optional<DeviceCommand>();
  return std::optional<DeviceCommand>(ReadCommand(rows[0]));
}

Result<std::vector<CommandDevice>> WaitingCommands(Transaction& transaction,
                                                   const std::string& fleet,
                                                   const std::string& device, EpochMs now,
                                                   int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelect) +
                                  " WHERE d.fleet = $1 AND d.device = $2 AND d.status IN "
                                  "('QUEUED', 'SENT') AND c.expires_ms > $3 ORDER BY c.id LIMIT $4",
                              {fleet, device, now, rows_max}));
  std::vector<CommandDevice> commands;
  for (const Row& row : rows) commands.push_back(ReadCommandDevice(row));
  return commands;
}

Result<bool> MarkCommandSent(Transaction& transaction, const std::string& id,
                             const std::string& device, EpochMs now) {
  KEDGE_TRY(const int64_t rows,
            transaction.Execute("UPDATE command_devices SET status = 'SENT', changed_ms = $1 WHERE "
                                "command = $2 AND device = $3 AND status = 'QUEUED'",
                                {now, id, device}));
  return rows > 0;
}

Result<bool> EndCommand(Transaction& transaction, const CommandEnd& end) {
  KEDGE_TRY(const int64_t rows,
            transaction.Execute(
                "UPDATE command_devices SET status = $1, message = $2, output = $3, changed_ms = "
                "$4 WHERE command = $5 AND fleet = $6 AND device = $7 AND status IN ('QUEUED', "
                "'SENT')",
                {end.status, end.message, end.output, end.time, end.id, end.fleet, end.device}));
  return rows > 0;
}

Result<int64_t> CancelCommand(Transaction& transaction, const std::string& id, EpochMs now) {
  return transaction.Execute(
      "UPDATE command_devices SET status = 'CANCELLED', changed_ms = $1 WHERE command = $2 AND "
      "status IN ('QUEUED', 'SENT')",
      {now, id});
}

Result<int64_t> ExpireCommands(Transaction& transaction, EpochMs now, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT d.command, d.device FROM command_devices d JOIN "
                              "device_commands c ON c.id = d.command WHERE d.status IN ('QUEUED', "
                              "'SENT') AND c.expires_ms <= $1 LIMIT $2",
                              {now, rows_max}));
  std::vector<std::vector<Value>> updates;
  for (const Row& row : rows) updates.push_back({now, row.Text(0), row.Text(1)});
  return transaction.ExecuteMany(
      "UPDATE command_devices SET status = 'EXPIRED', changed_ms = $1 WHERE command = $2 AND "
      "device = $3 AND status IN ('QUEUED', 'SENT')",
      updates);
}

Result<int64_t> DeleteCommands(Transaction& transaction, EpochMs before, int64_t rows_max) {
  return transaction.Execute(
      "DELETE FROM device_commands WHERE id IN (SELECT id FROM device_commands WHERE created_ms < "
      "$1 LIMIT $2)",
      {before, rows_max});
}

Result<int64_t> CountWaitingCommands(Transaction& transaction, const std::string& fleet,
                                     EpochMs now) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(
                "SELECT COUNT(*) FROM device_commands c WHERE c.fleet = $1 AND c.expires_ms > $2 "
                "AND EXISTS (SELECT 1 FROM command_devices d WHERE d.command = c.id AND d.status "
                "IN ('QUEUED', 'SENT'))",
                {fleet, now}));
  return rows.at(0).Integer(0);
}

}  // namespace kedge::store
