// SPDX-License-Identifier: Apache-2.0
#include "store/tables/audit.h"

namespace kedge::store {
namespace {

AuditRow ReadAuditRow(const Row& row) {
  return {.number = row.Integer(0),
          .time = row.Integer(1),
          .principal = row.Text(2),
          .role = row.Text(3),
          .operation = row.Text(4),
          .resource = row.Text(5),
          .request_id = row.Text(6),
          .source = row.Text(7),
          .result = row.Text(8),
          .previous = row.Text(9),
          .hash = row.Text(10)};
}

}  // namespace

Result<std::optional<std::pair<int64_t, std::string>>> AuditHead(Transaction& transaction) {
  using Head = std::optional<std::pair<int64_t, std::string>>;
  KEDGE_TRY(
      const Rows rows,
      transaction.Query("SELECT number, hash FROM audit_records ORDER BY number DESC LIMIT 1"));
  if (rows.empty()) return Head();
  return Head(std::pair(rows[0].Integer(0), rows[0].Text(1)));
}

Status InsertAuditRow(Transaction& transaction, const AuditRow& row) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "INSERT INTO audit_records (number, time_ms, principal, role, operation, "
                "resource, request_id, source, result, previous, hash) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                {row.number, row.time, row.principal, row.role, row.operation, row.resource,
                 row.request_id, row.source, row.result, row.previous, row.hash}));
  return {};
}

Result<PageOf<AuditRow>> ListAuditRows(Transaction& transaction, const AuditFilter& filter,
                                       const Page& page) {
  ListStatement statement(
      "SELECT number, time_ms, principal, role, operation, resource, request_id, source, result, "
      "previous, hash FROM audit_records");
  statement.Where("principal =", filter.principal);
  statement.Where("operation =", filter.operation);
  statement.Where("result =", filter.result);
  statement.Where("time_ms >", filter.after);
  statement.Where("time_ms <", filter.before);
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "number", "hash", page));
  return MakePage<AuditRow>(rows, page, ReadAuditRow,
                            [](const AuditRow& row) { return Cursor{row.number, row.hash}; });
}

Status InsertAuditCheckpoint(Transaction& transaction, const AuditCheckpointRow& checkpoint) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "INSERT INTO audit_checkpoints (number, hash, time_ms, key_id, signature) VALUES "
                "($1, $2, $3, $4, $5) ON CONFLICT (number) DO NOTHING",
                {checkpoint.number, checkpoint.hash, checkpoint.time, checkpoint.key_id,
                 checkpoint.signature}));
  return {};
}

Result<std::vector<AuditCheckpointRow>> AuditCheckpoints(Transaction& transaction, int64_t first,
                                                         int64_t last) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT number, hash, time_ms, key_id, signature FROM "
                              "audit_checkpoints WHERE number >= $1 AND number <= $2 "
                              "ORDER BY number",
                              {first, last}));
  std::vector<AuditCheckpointRow> checkpoints;
  for (const Row& row : rows) {
    checkpoints.push_back({.number = row.Integer(0),
                           .hash = row.Text(1),
                           .time = row.Integer(2),
                           .key_id = row.Text(3),
                           .signature = row.Text(4)});
  }
  return checkpoints;
}

}  // namespace kedge::store
