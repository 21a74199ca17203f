// SPDX-License-Identifier: Apache-2.0
#include "protocol/audit_log.h"

#include <array>

#include "base/crypto/crypto.h"

namespace kedge::protocol {
namespace {

struct TextMember {
  std::string_view name;
  std::string AuditRecord::* member;
};
constexpr std::array<TextMember, 9> kTexts = {{
    {"principal", &AuditRecord::principal},
    {"role", &AuditRecord::role},
    {"operation", &AuditRecord::operation},
    {"resource", &AuditRecord::resource},
    {"request_id", &AuditRecord::request_id},
    {"source", &AuditRecord::source},
    {"result", &AuditRecord::result},
    {"previous", &AuditRecord::previous},
    {"hash", &AuditRecord::hash},
}};
constexpr std::string_view kCheckpointMember = "checkpoint";

json::Object Without(const AuditRecord& record, std::string_view left_out) {
  json::Object object{{"number", record.number}, {"time_ms", record.time}};
  for (const TextMember& text : kTexts) {
    if (text.name != left_out) object.Set(text.name, record.*text.member);
  }
  return object;
}

Result<int64_t> Number(const json::Value& value, std::string_view name) {
  const json::Value* member = value.Find(name);
  if (member == nullptr || member->AsInt() == nullptr) {
    return InvalidArgument("member '" + std::string(name) + "' is not an integer");
  }
  return *member->AsInt();
}

Result<std::string> Text(const json::Value& value, std::string_view name) {
  const json::Value* member = value.Find(name);
  if (member == nullptr || member->AsString() == nullptr) {
    return InvalidArgument("member '" + std::string(name) + "' is not a text");
  }
  return *member->AsString();
}

Status ExpectMembers(const json::Value& value, size_t count) {
  if (value.AsObject() == nullptr) return InvalidArgument("is not an object");
  if (value.AsObject()->size() != count) {
    return InvalidArgument("has " + std::to_string(value.AsObject()->size()) + " members, not " +
                           std::to_string(count));
  }
  return {};
}

Error Broken(int64_t number, const std::string& why) {
  return DataLoss("record " + std::to_string(number) + ": " + why);
}

}  // namespace

std::string HashOf(const AuditRecord& record) {
  return crypto::Sha256Hex(AsBytes(json::WriteCanonical(Without(record, "hash"))));
}

std::string CheckpointText(const AuditCheckpoint& checkpoint) {
  return "kedge audit checkpoint 1\n" + std::to_string(checkpoint.number) + "\n" + checkpoint.hash +
         "\n" + std::to_string(checkpoint.time) + "\n";
}

json::Value ToJson(const AuditRecord& record) { return Without(record, ""); }

json::Value ToJson(const AuditCheckpoint& checkpoint) {
  return json::Object{{std::string(kCheckpointMember), checkpoint.number},
                      {"hash", checkpoint.hash},
                      {"time_ms", checkpoint.time},
                      {"key_id", checkpoint.key_id},
                      {"signature", checkpoint.signature}};
}

Result<AuditRecord> ParseAuditRecord(const json::Value& value) {
  KEDGE_TRY_STATUS(ExpectMembers(value, 2 + kTexts.size()));
  AuditRecord record;
  KEDGE_TRY(record.number, Number(value, "number"));
  KEDGE_TRY(record.time, Number(value, "time_ms"));
  for (const TextMember& text : kTexts) {
    KEDGE_TRY(record.*text.member, Text(value, text.name));
  }
  return record;
}

Result<AuditCheckpoint> ParseAuditCheckpoint(const json::Value& value) {
  KEDGE_TRY_STATUS(ExpectMembers(value, 5));
  AuditCheckpoint checkpoint;
  KEDGE_TRY(checkpoint.number, Number(value, kCheckpointMember));
  KEDGE_TRY(checkpoint.hash, Text(value, "hash"));
  KEDGE_TRY(checkpoint.time, Number(value, "time_ms"));
  KEDGE_TRY(checkpoint.key_id, Text(value, "key_id"));
  KEDGE_TRY(checkpoint.signature, Text(value, "signature"));
  return checkpoint;
}

AuditVerifier::AuditVerifier(VerifySignature signatures, std::optional<AuditCheckpoint> remembered)
    : signatures_(std::move(signatures)), remembered_(std::move(remembered)) {}

Status AuditVerifier::Add(const AuditRecord& record) {
  if (first_ == 0) {
    if (record.number < 1) return Broken(record.number, "numbers begin with 1");
    if (record.number == 1 && record.previous != kAuditStart) {
      return Broken(1, "something was before the first record");
    }
    first_ = record.number;
  } else if (record.number != last_ + 1) {
    return Broken(record.number, "follows record " + std::to_string(last_));
  } else if (record.previous != last_hash_) {
    return Broken(record.number, "does not continue the record before it");
  }
  if (HashOf(record) != record.hash) return Broken(record.number, "was changed");
  if (remembered_ && remembered_->number == record.number && remembered_->hash != record.hash) {
    return Broken(record.number, "differs from the remembered checkpoint");
  }
  last_ = record.number;
  last_hash_ = record.hash;
  return {};
}

Status AuditVerifier::Add(const AuditCheckpoint& checkpoint) {
  if (checkpoint.number != last_ || checkpoint.hash != last_hash_) {
    return DataLoss("the checkpoint of record " + std::to_string(checkpoint.number) +
                    " does not follow that record");
  }
  if (signatures_) {
    if (const auto status = signatures_(checkpoint); !status) {
      return DataLoss("the checkpoint of record " + std::to_string(checkpoint.number) + ": " +
                      status.error().message);
    }
  }
  covered_ = checkpoint.number;
  ++checkpoints_;
  return {};
}

Status AuditVerifier::AddLine(std::string_view line) {
  const auto broken = [&](const Error& error) {
    return DataLoss("after record " + std::to_string(last_) + ": " + error.message);
  };
  const auto value = json::Parse(line);
  if (!value) return broken(value.error());
  if (value->Find(kCheckpointMember) != nullptr) {
    const auto checkpoint = ParseAuditCheckpoint(*value);
    return checkpoint ? Add(*checkpoint) : Status(broken(checkpoint.error()));
  }
  const auto record = ParseAuditRecord(*value);
  return record ? Add(*record) : Status(broken(record.error()));
}

Status AuditVerifier::Finish() const {
  if (!remembered_) return {};
  if (last_ < remembered_->number) {
    return DataLoss("the log ends at record " + std::to_string(last_) + ", but record " +
                    std::to_string(remembered_->number) + " was there");
  }
  if (first_ > remembered_->number) {
    return DataLoss("the log begins at record " + std::to_string(first_) +
                    ", after the remembered record " + std::to_string(remembered_->number));
  }
  return {};
}

}  // namespace kedge::protocol
