// SPDX-License-Identifier: Apache-2.0
#include "store/tables/sealed_keys.h"

namespace kedge::store {

Status InsertSealedKey(Transaction& transaction, const SealedKey& key) {
  KEDGE_TRY(
      [[maybe_unused]] const int64_t rows,
      transaction.Execute("INSERT INTO sealed_keys (purpose, number, sealed, certificate, "
                          "created_ms) VALUES ($1, $2, $3, $4, $5)",
                          {key.purpose, key.number, key.sealed, key.certificate, key.created}));
  return {};
}

Result<std::vector<SealedKey>> ListSealedKeys(Transaction& transaction,
                                              const std::string& purpose) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT purpose, number, sealed, certificate, created_ms FROM "
                              "sealed_keys WHERE purpose = $1 ORDER BY number DESC",
                              {purpose}));
  std::vector<SealedKey> keys;
  for (const Row& row : rows) {
    keys.push_back({.purpose = row.Text(0),
                    .number = row.Integer(1),
                    .sealed = row.Text(2),
                    .certificate = row.Text(3),
                    .created = row.Integer(4)});
  }
  return keys;
}

Status DeleteSealedKeys(Transaction& transaction, const std::string& purpose) {
  KEDGE_TRY([[maybe_unused]] const int64_t rows,
            transaction.Execute("DELETE FROM sealed_keys WHERE purpose = $1", {purpose}));
  return {};
}

}  // namespace kedge::store
