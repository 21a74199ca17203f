// Private keys of the installation, sealed (server/keys/keyring.h), so that all nodes share them.
// A purpose has versions by number: the highest one is in use, the others are kept for what they
// signed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/store.h"

namespace kedge::store {

struct SealedKey {
  std::string purpose;  // "package signing", "device ca"
  int64_t number = 1;
  std::string sealed;       // the PKCS#8 PEM text, sealed
  std::string certificate;  // PEM
  EpochMs created = 0;
};

// kAlreadyExists: another node was faster.
Status InsertSealedKey(Transaction& transaction, const SealedKey& key);
// All of a purpose, the newest first.
Result<std::vector<SealedKey>> ListSealedKeys(Transaction& transaction, const std::string& purpose);

// All of a purpose.
Status DeleteSealedKeys(Transaction& transaction, const std::string& purpose);

}  // namespace kedge::store
