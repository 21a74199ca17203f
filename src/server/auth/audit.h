// Writing the audit log: one record for every call that changes something, and for every such call
// that was refused. docs/formats/audit-log.md says what is in it.
//
// A record of a success is written in the transaction of the change (Call::Write), so there is none
// without the other. The number and the chain's hash are taken inside the transaction; the store
// lets one transaction write at a time, on however many nodes, so the chain never forks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "base/clock.h"
#include "base/json/json.h"
#include "protocol/audit_log.h"
#include "server/auth/identity.h"
#include "server/schema/catalogue.h"
#include "store/store.h"
#include "trust/signing.h"

namespace kedge::server {

constexpr int64_t kCheckpointEvery = 256;  // records
constexpr std::string_view kAuditSuccess = "OK";

// What the request's names say it is about: "DeviceFleetName=lab DeviceName=d1", at most 512 bytes.
// The texts of the description's members whose names end in Name, Arn or Id: no secret, no body.
std::string AuditResource(const Operation& operation, const json::Value& body);

// Appends the record; number, previous and hash are set here. Every kCheckpointEvery records a
// checkpoint is signed and stored besides.
Status AppendAuditRecord(store::Transaction& transaction, const trust::Signer& signer,
                         protocol::AuditRecord record);

// A checkpoint of a record, signed now.
Result<protocol::AuditCheckpoint> SignCheckpoint(const trust::Signer& signer, int64_t number,
                                                 const std::string& hash, EpochMs now);

// The record of one call on its way. Thread-safe.
class AuditTrail {
 public:
  // Borrows the signer. `record` is complete but for the result and the chain.
  AuditTrail(const trust::Signer& signer, protocol::AuditRecord record)
      : signer_(signer), record_(std::move(record)) {}

  // Appends the record to the caller's transaction.
  Status Append(store::Transaction& transaction, std::string_view result) const;
  // store.Write(work), with the record of success in the same transaction.
  Status WriteWith(store::Store& store, const store::Work& work);
  // Whether a record of success was committed.
  bool recorded() const { return recorded_; }

 private:
  const trust::Signer& signer_;
  const protocol::AuditRecord record_;
  std::atomic<bool> recorded_ = false;
};

}  // namespace kedge::server
