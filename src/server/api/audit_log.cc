// Reading the audit log.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/paging.h"
#include "store/tables/audit.h"

namespace kedge::server {
namespace {

json::Value RecordJson(const store::AuditRow& row) {
  return json::Object{{"Number", row.number},
                      {"Time", row.time},
                      {"Principal", row.principal},
                      {"Role", row.role},
                      {"Operation", row.operation},
                      {"Resource", row.resource},
                      {"RequestId", row.request_id},
                      {"Source", row.source},
                      {"Result", row.result},
                      {"Previous", row.previous},
                      {"Hash", row.hash}};
}

json::Value CheckpointJson(int64_t number, const std::string& hash, EpochMs time,
                           const std::string& key_id, const std::string& signature) {
  return json::Object{{"Number", number},
                      {"Hash", hash},
                      {"Time", time},
                      {"KeyId", key_id},
                      {"Signature", signature}};
}

Result<json::Value> ListAuditRecords(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  const store::AuditFilter filter{.principal = input.TextOrNone("Principal"),
                                  .operation = input.TextOrNone("Operation"),
                                  .result = input.TextOrNone("Result"),
                                  .after = input.Time("TimeAfter"),
                                  .before = input.Time("TimeBefore")};
  store::PageOf<store::AuditRow> rows;
  std::vector<store::AuditCheckpointRow> checkpoints;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(rows, store::ListAuditRows(transaction, filter, page));
    if (rows.items.empty()) return {};
    const auto [first, last] = std::minmax(rows.items.front().number, rows.items.back().number);
    KEDGE_TRY(checkpoints, store::AuditCheckpoints(transaction, first, last));
    return {};
  }));
  json::Array records;
  for (const store::AuditRow& row : rows.items) records.push_back(RecordJson(row));
  json::Array signed_ones;
  for (const store::AuditCheckpointRow& row : checkpoints) {
    signed_ones.push_back(
        CheckpointJson(row.number, row.hash, row.time, row.key_id, row.signature));
  }
  json::Object answer{{"AuditRecords", std::move(records)},
                      {"AuditCheckpoints", std::move(signed_ones)}};
  SetNextToken(answer, call.operation, rows.next);
  return json::Value(std::move(answer));
}

Result<json::Value> GetAuditCheckpoint(const Context& context) {
  std::optional<std::pair<int64_t, std::string>> head;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(head, store::AuditHead(transaction));
    return {};
  }));
  if (!head) return json::Value(json::Object());
  KEDGE_TRY(const auto made,
            SignCheckpoint(context.signer, head->first, head->second, context.clock.NowMs()));
  return json::Value(
      json::Object{{"AuditCheckpoint", CheckpointJson(made.number, made.hash, made.time,
                                                      made.key_id, made.signature)}});
}

}  // namespace

void AddAuditRoutes(Router& router, const Context& context) {
  router.Add("ListAuditRecords",
             [&context](const Call& call) { return ListAuditRecords(context, call); });
  router.Add("GetAuditCheckpoint", [&context](const Call&) { return GetAuditCheckpoint(context); });
}

}  // namespace kedge::server
