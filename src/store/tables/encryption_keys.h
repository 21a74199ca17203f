// The keys of the local key service, as rows. Key material is stored sealed
// (server/keys/keyring.h); this file knows nothing of what is in it. SPDX-License-Identifier:
// Apache-2.0
#pragma once

#include "store/tables/list_statement.h"

namespace kedge::store {

constexpr std::string_view kKeyEnabled = "Enabled";
constexpr std::string_view kKeyDisabled = "Disabled";
constexpr std::string_view kKeyPendingDeletion = "PendingDeletion";

constexpr int64_t kEncryptionKeysMax = 1000;         // above: kOutOfRange
constexpr int64_t kEncryptionKeyVersionsMax = 1000;  // of one key

struct EncryptionKey {
  std::string id;
  std::string description;
  std::string state{kKeyEnabled};
  int64_t newest_version = 1;
  EpochMs created = 0;
  std::optional<EpochMs> rotated;
  std::optional<EpochMs> delete_after;  // PendingDeletion only
  std::optional<std::string> alias;     // without "alias/"
};

// The key with its first version and its alias, if it has one. kAlreadyExists (id or alias);
// kOutOfRange.
Status InsertEncryptionKey(Transaction& transaction, const EncryptionKey& key,
                           const std::string& sealed);
// By id.
Result<std::optional<EncryptionKey>> FindEncryptionKey(Transaction& transaction,
                                                       const std::string& id);
Result<std::optional<EncryptionKey>> FindEncryptionKeyByAlias(Transaction& transaction,
                                                              const std::string& alias);
// Sorted by id.
Result<PageOf<EncryptionKey>> ListEncryptionKeys(Transaction& transaction, const Page& page);
Status SetEncryptionKeyState(Transaction& transaction, const std::string& id,
                             std::string_view state, std::optional<EpochMs> delete_after);
// A new version that encrypts from now on; older ones still decrypt. kOutOfRange.
Status AddEncryptionKeyVersion(Transaction& transaction, const EncryptionKey& key,
                               const std::string& sealed, EpochMs now);
// The sealed material of a version, or nothing.
Result<std::optional<std::string>> FindEncryptionKeyVersion(Transaction& transaction,
                                                            const std::string& id, int64_t version);
// Keys whose time has come, with all their versions and aliases.
Status DeleteEncryptionKeysDue(Transaction& transaction, EpochMs now);

}  // namespace kedge::store
