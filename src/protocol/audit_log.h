// The audit log as it is exported and verified: docs/formats/audit-log.md.
//
// Each record holds the hash of the one before it, so a record cannot be changed, taken out, put in
// or moved without changing every hash after it. The end of the log is guarded by checkpoints: the
// number and hash of a record, signed with the server's key. Who keeps a checkpoint elsewhere sees
// when the log no longer reaches it, or reaches it with another hash.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/json/json.h"
#include "base/result.h"

namespace kedge::protocol {

struct AuditRecord {
  int64_t number = 0;  // 1, 2, 3 ...
  EpochMs time = 0;
  std::string principal;   // "user/ann", "key/KEDG...", "device/lab/camera-1"
  std::string role;        // "admin"
  std::string operation;   // "CreateDeviceFleet"
  std::string resource;    // "DeviceFleetName=lab"
  std::string request_id;  // x-amzn-RequestId of the answer
  std::string source;      // the caller's address, without port
  std::string result;      // "OK", or the code of the error
  std::string previous;    // hash of the record before; of record 1: kAuditStart
  std::string hash;        // of this one, 64 hexadecimal digits
};

struct AuditCheckpoint {
  int64_t number = 0;  // of the record that was the last one
  std::string hash;    // its hash
  EpochMs time = 0;
  std::string key_id;     // of the key that signed
  std::string signature;  // base64 of the DER signature over CheckpointText()
};

inline constexpr std::string_view kAuditStart =
    "0000000000000000000000000000000000000000000000000000000000000000";

// SHA-256 over the record's canonical JSON without "hash", hexadecimal.
std::string HashOf(const AuditRecord& record);
// What a checkpoint's signature is over.
std::string CheckpointText(const AuditCheckpoint& checkpoint);

json::Value ToJson(const AuditRecord& record);
json::Value ToJson(const AuditCheckpoint& checkpoint);
// kInvalidArgument for a missing, unknown or mistyped member.
Result<AuditRecord> ParseAuditRecord(const json::Value& value);
Result<AuditCheckpoint> ParseAuditCheckpoint(const json::Value& value);

// Verifies a log record by record. All errors are kDataLoss and name the record.
class AuditVerifier {
 public:
  // Verifies a checkpoint's signature.
  using VerifySignature = std::function<Status(const AuditCheckpoint&)>;
  // `signatures` may be null: checkpoints then count by their hash only. `remembered` is a
  // checkpoint kept elsewhere, whose signature the caller has verified.
  AuditVerifier(VerifySignature signatures, std::optional<AuditCheckpoint> remembered);

  Status Add(const AuditRecord& record);
  // Must follow the record that it names.
  Status Add(const AuditCheckpoint& checkpoint);
  // One line of an export: a record or a checkpoint.
  Status AddLine(std::string_view line);
  // After the last one: whether the log reaches the remembered checkpoint.
  Status Finish() const;

  int64_t first() const { return first_; }      // number of the first record, 0: none
  int64_t last() const { return last_; }        // of the last one
  int64_t covered() const { return covered_; }  // of the last one under a checkpoint, 0: none
  int64_t checkpoints() const { return checkpoints_; }

 private:
  VerifySignature signatures_;
  std::optional<AuditCheckpoint> remembered_;
  int64_t first_ = 0;
  int64_t last_ = 0;
  std::string last_hash_;
  int64_t covered_ = 0;
  int64_t checkpoints_ = 0;
};

}  // namespace kedge::protocol
