// The audit log, as rows. They are only ever added.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/list_statement.h"

namespace kedge::store {

// The members of protocol::AuditRecord, which says what they mean.
struct AuditRow {
  int64_t number = 0;
  EpochMs time = 0;
  std::string principal;
  std::string role;
  std::string operation;
  std::string resource;
  std::string request_id;
  std::string source;
  std::string result;
  std::string previous;
  std::string hash;
};

struct AuditCheckpointRow {
  int64_t number = 0;
  std::string hash;
  EpochMs time = 0;
  std::string key_id;
  std::string signature;
};

struct AuditFilter {
  std::optional<std::string> principal;
  std::optional<std::string> operation;
  std::optional<std::string> result;
  std::optional<EpochMs> after;
  std::optional<EpochMs> before;
};

// Number and hash of the newest record; nothing before the first.
Result<std::optional<std::pair<int64_t, std::string>>> AuditHead(Transaction& transaction);
// kAlreadyExists if the number is taken.
Status InsertAuditRow(Transaction& transaction, const AuditRow& row);
Result<PageOf<AuditRow>> ListAuditRows(Transaction& transaction, const AuditFilter& filter,
                                       const Page& page);

// A checkpoint that is there already stays.
Status InsertAuditCheckpoint(Transaction& transaction, const AuditCheckpointRow& checkpoint);
// Those of records first..last, in their order.
Result<std::vector<AuditCheckpointRow>> AuditCheckpoints(Transaction& transaction, int64_t first,
                                                         int64_t last);

}  // namespace kedge::store
