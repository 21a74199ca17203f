// Private keys that the whole installation shares: they stand sealed in the database, and each is
// made by the node that first needs it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "server/keys/keyring.h"
#include "store/store.h"
#include "store/tables/sealed_keys.h"

namespace kedge::server {

inline constexpr std::string_view kPackageSigningPurpose = "package signing";
inline constexpr std::string_view kDeviceAuthorityPurpose = "device authority";

struct InstalledKey {
  std::string key_pem;
  std::string certificate_pem;
};

// The newest key of a purpose. kNotFound if there is none, kFailedPrecondition if another master
// key sealed it.
Result<InstalledKey> LoadInstalledKey(store::Store& store, const Keyring& keyring,
                                      std::string_view purpose);

// Stores a key as the first of its purpose; if another node was faster, its key counts and ours is
// dropped.
Status InstallFirstKey(store::Store& store, const Keyring& keyring, std::string_view purpose,
                       const InstalledKey& key, EpochMs now);

// Seals a private key into its row, whose purpose and number must be set, and opens it again.
Status SealInstalledKey(const Keyring& keyring, const std::string& key_pem, store::SealedKey& row);
Result<std::string> OpenInstalledKey(const Keyring& keyring, const store::SealedKey& row);

}  // namespace kedge::server
