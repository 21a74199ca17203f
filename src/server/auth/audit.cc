// SPDX-License-Identifier: Apache-2.0
#include "server/auth/audit.h"

#include <algorithm>
#include <array>

#include "store/tables/audit.h"

namespace kedge::server {
namespace {

constexpr size_t kResourceBytesMax = 512;
constexpr std::array<std::string_view, 3> kNaming = {"Name", "Arn", "Id"};

bool Names(std::string_view member) {
  return std::any_of(kNaming.begin(), kNaming.end(),
                     [&](std::string_view ending) { return member.ends_with(ending); });
}

store::AuditRow ToRow(const protocol::AuditRecord& record) {
  return {.number = record.number,
          .time = record.time,
          .principal = record.principal,
          .role = record.role,
          .operation = record.operation,
          .resource = record.resource,
          .request_id = record.request_id,
          .source = record.source,
          .result = record.result,
          .previous = record.previous,
          .hash = record.hash};
}

}  // namespace

std::string AuditResource(const Operation& operation, const json::Value& body) {
  std::string resource;
  for (const Shape::Member& member : operation.input.members) {
    const std::string value = Names(member.name) ? body.StringOr(member.name, "") : "";
    if (value.empty()) continue;
    resource += (resource.empty() ? "" : " ") + member.name + "=" + value;
  }
  if (resource.size() > kResourceBytesMax) resource.resize(kResourceBytesMax);
  // A cut through a character, or bytes of a hostile body, would not survive an export.
  const auto readable = json::Parse(json::Write(resource));
  return readable && readable->AsString() != nullptr ? *readable->AsString() : std::string();
}

Result<protocol::AuditCheckpoint> SignCheckpoint(const trust::Signer& signer, int64_t number,
                                                 const std::string& hash, EpochMs now) {
  protocol::AuditCheckpoint checkpoint{
      .number = number, .hash = hash, .time = now, .key_id = signer.key_id()};
  KEDGE_TRY(const ByteBuffer signature, signer.Sign(AsBytes(protocol::CheckpointText(checkpoint))));
  checkpoint.signature = Base64Encode(signature);
  return checkpoint;
}

Status AppendAuditRecord(store::Transaction& transaction, const trust::Signer& signer,
                         protocol::AuditRecord record) {
  KEDGE_TRY(const auto head, store::AuditHead(transaction));
  record.number = head ? head->first + 1 : 1;
  record.previous = head ? head->second : std::string(protocol::kAuditStart);
  record.hash = protocol::HashOf(record);
  KEDGE_TRY_STATUS(store::InsertAuditRow(transaction, ToRow(record)));
  if (record.number % kCheckpointEvery != 0) return {};
  KEDGE_TRY(const auto checkpoint, SignCheckpoint(signer, record.number, record.hash, record.time));
  return store::InsertAuditCheckpoint(transaction, {.number = checkpoint.number,
                                                    .hash = checkpoint.hash,
                                                    .time = checkpoint.time,
                                                    .key_id = checkpoint.key_id,
                                                    .signature = checkpoint.signature});
}

Status AuditTrail::Append(store::Transaction& transaction, std::string_view result) const {
  protocol::AuditRecord record = record_;
  record.result = result;
  return AppendAuditRecord(transaction, signer_, std::move(record));
}

Status AuditTrail::WriteWith(store::Store& store, const store::Work& work) {
  if (recorded_) return store.Write(work);
  const auto both = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(work(transaction));
    return Append(transaction, kAuditSuccess);
  };
  KEDGE_TRY_STATUS(store.Write(both));
  recorded_ = true;
  return {};
}

}  // namespace kedge::server
