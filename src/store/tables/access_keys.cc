// SPDX-License-Identifier: Apache-2.0
#include "store/tables/access_keys.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT id, secret, role, fleet, device, created_ms, sealed, user_name, fleets, description, "
    "enabled, expires_ms, used_ms FROM access_keys";

AccessKey ReadAccessKey(const Row& row) {
  return {.id = row.Text(0),
          .secret = row.Text(1),
          .role = row.Text(2),
          .fleet = row.TextOrNull(3),
          .device = row.TextOrNull(4),
          .created = row.Integer(5),
          .is_sealed = row.Integer(6) != 0,
          .user = row.TextOrNull(7),
          .fleets = row.Text(8),
          .description = row.TextOrNull(9),
          .enabled = row.Integer(10) != 0,
          .expires = row.IntegerOrNull(11),
          .used = row.IntegerOrNull(12)};
}

// Whether there was such a row; if so, nodes that remember it must look again.
Result<bool> Changed(Transaction& transaction, const Result<int64_t>& rows) {
  if (!rows) return rows.error();
  if (*rows > 0) KEDGE_TRY_STATUS(RaiseRightsEpoch(transaction));
  return *rows > 0;
}

}  // namespace

Status RaiseRightsEpoch(Transaction& transaction) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute("INSERT INTO epochs (name, number) VALUES ($1, 1) "
                                "ON CONFLICT (name) DO UPDATE SET number = epochs.number + 1",
                                {std::string(kRightsEpoch)}));
  return {};
}

Result<int64_t> RightsEpoch(Transaction& transaction) {
  KEDGE_TRY(const Rows rows, transaction.Query("SELECT number FROM epochs WHERE name = $1",
                                               {std::string(kRightsEpoch)}));
  return rows.empty() ? int64_t{0} : rows[0].Integer(0);
}

Status InsertAccessKey(Transaction& transaction, const AccessKey& key) {
  KEDGE_TRY(
      [[maybe_unused]] const int64_t rows,
      transaction.Execute(
          "INSERT INTO access_keys (id, secret, role, fleet, device, created_ms, sealed, "
          "user_name, fleets, description, enabled, expires_ms, used_ms) "
          "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
          {key.id, key.secret, key.role, Optional(key.fleet), Optional(key.device), key.created,
           int64_t{key.is_sealed}, Optional(key.user), key.fleets, Optional(key.description),
           int64_t{key.enabled}, Optional(key.expires), Optional(key.used)}));
  return {};
}

Result<std::optional<AccessKey>> FindAccessKey(Transaction& transaction, const std::string& id) {
  KEDGE_TRY(const Rows rows, transaction.Query(std::string(kSelect) + " WHERE id = $1", {id}));
  if (rows.empty()) return std::optional<AccessKey>();
  return std::optional<AccessKey>(ReadAccessKey(rows[0]));
}

Result<bool> UpdateAccessKey(Transaction& transaction, const AccessKey& key) {
  return Changed(
      transaction,
      transaction.Execute(
          "UPDATE access_keys SET secret = $1, role = $2, sealed = $3, fleets = $4, "
          "description = $5, enabled = $6, expires_ms = $7, used_ms = $8 WHERE id = $9",
          {key.secret, key.role, int64_t{key.is_sealed}, key.fleets, Optional(key.description),
           int64_t{key.enabled}, Optional(key.expires), Optional(key.used), key.id}));
}

Status TouchAccessKeys(Transaction& transaction, const std::vector<KeyUse>& uses) {
  std::vector<std::vector<Value>> rows;
  rows.reserve(uses.size());
  for (const KeyUse& use : uses) rows.push_back({use.time, use.id});
  if (rows.empty()) return {};
  KEDGE_TRY([[maybe_unused]] const int64_t changed,
            transaction.ExecuteMany("UPDATE access_keys SET used_ms = $1 WHERE id = $2", rows));
  return {};
}

Result<bool> DeleteAccessKey(Transaction& transaction, const std::string& id) {
  return Changed(transaction, transaction.Execute("DELETE FROM access_keys WHERE id = $1", {id}));
}

Result<bool> HasAccessKeys(Transaction& transaction, const std::string& fleet,
                           const std::string& device) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT id FROM access_keys WHERE fleet = $1 AND device = $2 LIMIT 1",
                              {fleet, device}));
  return !rows.empty();
}

Status DeleteAccessKeys(Transaction& transaction, const std::string& fleet,
                        const std::string& device) {
  KEDGE_TRY([[maybe_unused]] const bool found,
            Changed(transaction,
                    transaction.Execute("DELETE FROM access_keys WHERE fleet = $1 AND device = $2",
                                        {fleet, device})));
  return {};
}

Result<PageOf<AccessKey>> ListAccessKeys(Transaction& transaction, const AccessKeyFilter& filter,
                                         const Page& page) {
  ListStatement statement(kSelect);
  statement.Where("role <>", std::optional<std::string>(kRoleDevice));
  statement.Where("user_name =", filter.user);
  statement.Where("role =", filter.role);
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "created_ms", "id", page));
  return MakePage<AccessKey>(rows, page, ReadAccessKey,
                             [](const AccessKey& key) { return Cursor{key.created, key.id}; });
}

Result<int64_t> CountAccessKeysOfUser(Transaction& transaction, const std::string& user) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT COUNT(*) FROM access_keys WHERE user_name = $1", {user}));
  return rows.at(0).Integer(0);
}

Result<std::vector<AccessKey>> UnsealedAccessKeys(Transaction& transaction, int64_t rows_max) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelect) + " WHERE sealed = 0 LIMIT $1", {rows_max}));
  std::vector<AccessKey> keys;
  for (const Row& row : rows) keys.push_back(ReadAccessKey(row));
  return keys;
}

}  // namespace kedge::store
