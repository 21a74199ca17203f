// SPDX-License-Identifier: Apache-2.0
#include "server/keys/installed_key.h"

namespace kedge::server {
namespace {

// A sealed key opens in its own row only.
std::string SealPurpose(std::string_view purpose, int64_t number) {
  return "installed key " + std::string(purpose) + " " + std::to_string(number);
}

}  // namespace

Result<InstalledKey> LoadInstalledKey(store::Store& store, const Keyring& keyring,
                                      std::string_view purpose) {
  std::vector<store::SealedKey> keys;
  KEDGE_TRY_STATUS(store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(keys, store::ListSealedKeys(transaction, std::string(purpose)));
    return {};
  }));
  if (keys.empty()) return NotFound("there is no key for " + std::string(purpose));
  const store::SealedKey& newest = keys.front();
  InstalledKey key{.certificate_pem = newest.certificate};
  KEDGE_TRY(key.key_pem, OpenInstalledKey(keyring, newest));
  return key;
}

Status InstallFirstKey(store::Store& store, const Keyring& keyring, std::string_view purpose,
                       const InstalledKey& key, EpochMs now) {
  store::SealedKey row{.purpose = std::string(purpose),
                       .number = 1,
                       .certificate = key.certificate_pem,
                       .created = now};
  KEDGE_TRY_STATUS(SealInstalledKey(keyring, key.key_pem, row));
  const Status inserted = store.Write(
      [&](store::Transaction& transaction) { return store::InsertSealedKey(transaction, row); });
  if (!inserted && inserted.error().code == Code::kAlreadyExists) return {};
  return inserted;
}

Status SealInstalledKey(const Keyring& keyring, const std::string& key_pem, store::SealedKey& row) {
  KEDGE_TRY(row.sealed, keyring.Seal(SealPurpose(row.purpose, row.number), key_pem));
  return {};
}

Result<std::string> OpenInstalledKey(const Keyring& keyring, const store::SealedKey& row) {
  return keyring.Open(SealPurpose(row.purpose, row.number), row.sealed);
}

}  // namespace kedge::server
