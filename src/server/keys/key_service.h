// The local key service: keys that encrypt objects at rest, named as AWS names KMS keys. An object
// is encrypted with a data key of its own; the data key is stored beside the object, wrapped by a
// version of a key of this service, whose material is in the database, sealed with the master key.
// So whoever has the object store, the database, or both, reads nothing; and disabling a key closes
// every object under it.
//
// A key is named by its id (a UUID), by "alias/NAME", or by an ARN that ends in "key/ID" or
// "alias/NAME" ("arn:aws:kms:us-east-1:000000000000:key/..."); region and account are not compared.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/clock.h"
#include "base/crypto/aead.h"
#include "server/keys/keyring.h"
#include "store/store.h"
#include "store/tables/encryption_keys.h"

namespace kedge::server {

struct DataKey {
  crypto::AeadKey key{};
  std::string key_id;   // of the key that wraps it
  int64_t version = 0;  // of that key
  ByteBuffer wrapped;   // what is stored
};

// The key that a name means. kNotFound; kInvalidArgument if the name is none.
Result<store::EncryptionKey> FindKey(store::Transaction& transaction, const std::string& name,
                                     EpochMs now);

// Thread-safe.
class KeyService {
 public:
  // All borrowed.
  KeyService(store::Store& store, const Keyring& keyring, const Clock& clock)
      : store_(store), keyring_(keyring), clock_(clock) {}

  // New key material, sealed, for a version of a key.
  Result<std::string> NewMaterial(const std::string& key_id, int64_t version) const;

  // A data key under the newest version of the named key. kPermissionDenied if the key does not
  // exist, is disabled or is about to be deleted.
  Result<DataKey> NewDataKey(const std::string& name) const;
  // The data key that was wrapped. kPermissionDenied as above, kDataLoss if it was changed.
  Result<crypto::AeadKey> Unwrap(const std::string& key_id, int64_t version, Bytes wrapped) const;

 private:
  Result<crypto::AeadKey> Material(const std::string& key_id, int64_t version,
                                   const std::string& sealed) const;

  store::Store& store_;
  const Keyring& keyring_;
  const Clock& clock_;
};

}  // namespace kedge::server
