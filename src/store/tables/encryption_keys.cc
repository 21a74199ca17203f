// SPDX-License-Identifier: Apache-2.0
#include "store/tables/encryption_keys.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT id, description, state, newest_version, encryption_keys.created_ms, rotated_ms, "
    "delete_after_ms, alias FROM encryption_keys LEFT JOIN encryption_key_aliases ON key_id = id";

EncryptionKey ReadKey(const Row& row) {
  return {.id = row.Text(0),
          .description = row.Text(1),
          .state = row.Text(2),
          .newest_version = row.Integer(3),
          .created = row.Integer(4),
          .rotated = row.IntegerOrNull(5),
          .delete_after = row.IntegerOrNull(6),
          .alias = row.TextOrNull(7)};
}

Result<std::optional<EncryptionKey>> FindBy(Transaction& transaction, const char* column,
                                            const std::string& text) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(std::string(kSelect) + " WHERE " + column + " = $1", {text}));
  if (rows.empty()) return std::optional<EncryptionKey>();
  return std::optional<EncryptionKey>(ReadKey(rows[0]));
}

Status InsertVersion(Transaction& transaction, const std::string& id, int64_t version,
                     const std::string& sealed, EpochMs now) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute("INSERT INTO encryption_key_versions (key_id, version, sealed, "
                                "created_ms) VALUES ($1, $2, $3, $4)",
                                {id, version, sealed, now}));
  return {};
}

}  // namespace

Status InsertEncryptionKey(Transaction& transaction, const EncryptionKey& key,
                           const std::string& sealed) {
  KEDGE_TRY(const Rows count, transaction.Query("SELECT COUNT(*) FROM encryption_keys"));
  if (count[0].Integer(0) >= kEncryptionKeysMax) {
    return OutOfRange("there are " + std::to_string(kEncryptionKeysMax) +
                      " keys, which is the most");
  }
  KEDGE_TRY(
      [[maybe_unused]] const int64_t rows,
      transaction.Execute("INSERT INTO encryption_keys (id, description, state, "
                          "newest_version, created_ms) VALUES ($1, $2, $3, $4, $5)",
                          {key.id, key.description, key.state, key.newest_version, key.created}));
  KEDGE_TRY_STATUS(InsertVersion(transaction, key.id, key.newest_version, sealed, key.created));
  if (!key.alias) return {};
  KEDGE_TRY([[maybe_unused]] const int64_t aliases,
            transaction.Execute("INSERT INTO encryption_key_aliases (alias, key_id, created_ms) "
                                "VALUES ($1, $2, $3)",
                                {*key.alias, key.id, key.created}));
  return {};
}

Result<std::optional<EncryptionKey>> FindEncryptionKey(Transaction& transaction,
                                                       const std::string& id) {
  return FindBy(transaction, "id", id);
}

Result<std::optional<EncryptionKey>> FindEncryptionKeyByAlias(Transaction& transaction,
                                                              const std::string& alias) {
  return FindBy(transaction, "alias", alias);
}

Result<PageOf<EncryptionKey>> ListEncryptionKeys(Transaction& transaction, const Page& page) {
  ListStatement statement(kSelect);
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "id", "id", page));
  return MakePage<EncryptionKey>(rows, page, ReadKey,
                                 [](const EncryptionKey& key) { return Cursor{key.id, key.id}; });
}

Status SetEncryptionKeyState(Transaction& transaction, const std::string& id,
                             std::string_view state, std::optional<EpochMs> delete_after) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "UPDATE encryption_keys SET state = $1, delete_after_ms = $2 WHERE id = $3",
                {std::string(state), Optional(delete_after), id}));
  return {};
}

Status AddEncryptionKeyVersion(Transaction& transaction, const EncryptionKey& key,
                               const std::string& sealed, EpochMs now) {
  const int64_t version = key.newest_version + 1;
  if (version > kEncryptionKeyVersionsMax) {
    return OutOfRange("key " + key.id + " has " + std::to_string(kEncryptionKeyVersionsMax) +
                      " versions, which is the most");
  }
  KEDGE_TRY_STATUS(InsertVersion(transaction, key.id, version, sealed, now));
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute(
                "UPDATE encryption_keys SET newest_version = $1, rotated_ms = $2 WHERE id = $3",
                {version, now, key.id}));
  return {};
}

Result<std::optional<std::string>> FindEncryptionKeyVersion(Transaction& transaction,
                                                            const std::string& id,
                                                            int64_t version) {
  KEDGE_TRY(const Rows rows,
            transaction.Query(
                "SELECT sealed FROM encryption_key_versions WHERE key_id = $1 AND version = $2",
                {id, version}));
  if (rows.empty()) return std::optional<std::string>();
  return std::optional<std::string>(rows[0].Text(0));
}

Status DeleteEncryptionKeysDue(Transaction& transaction, EpochMs now) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute("DELETE FROM encryption_keys WHERE state = 'PendingDeletion' AND "
                                "delete_after_ms <= $1",
                                {now}));
  return {};
}

}  // namespace kedge::store
