// Access keys as requests use them: looked up, unsealed, and remembered for a moment, because every
// request needs one and most come from few.
//
// Nodes share nothing but the database. A change made through this node counts here at once; one
// made elsewhere counts when the remembered entry ends, so a revoked key works for kTrustedFor
// longer at most.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/clock.h"
#include "server/auth/identity.h"
#include "server/keys/keyring.h"
#include "store/store.h"
#include "store/tables/access_keys.h"

namespace kedge::server {

struct KnownKey {
  Identity identity;
  std::string secret;
  std::optional<EpochMs> expires;
  EpochMs used = 0;  // as the row said; 0: never
};

// Seals the secret of a new key, which is given as plain text. The caller stores the key.
Status SealSecret(const Keyring& keyring, store::AccessKey& key);

// Thread-safe.
class KnownKeys {
 public:
  static constexpr std::chrono::milliseconds kTrustedFor{2'000};
  static constexpr size_t kEntriesMax = 16'384;  // above: all are forgotten and read again

  // Borrows all.
  KnownKeys(store::Store& store, const Keyring& keyring, const Clock& clock)
      : store_(store), keyring_(keyring), clock_(clock) {}

  // Null for a key that is unknown, disabled, expired or of a disabled user. kUnavailable if the
  // store cannot be read, the keyring's errors if the secret does not open. Unknown keys are not
  // remembered.
  Result<std::shared_ptr<const KnownKey>> Find(const std::string& id);

  // Whether Find() would answer without the store.
  bool IsRemembered(const std::string& id) const;

  // After any change of keys or users through this node.
  void ForgetAll();

  // Writes, without waiting, that the key signed now, if its row says another day (a device's key)
  // or another ten minutes (all others).
  void NoteUse(const std::string& id, const KnownKey& key);

  size_t size() const;

 private:
  struct Entry {
    std::shared_ptr<const KnownKey> key;
    std::chrono::steady_clock::time_point trusted_until;
  };
  Result<std::shared_ptr<const KnownKey>> Load(const std::string& id) const;
  std::shared_ptr<const KnownKey> Remembered(const std::string& id, uint64_t& generation) const;

  store::Store& store_;
  const Keyring& keyring_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_map<std::string, EpochMs> uses_;  // written by this node
  uint64_t generation_ = 0;  // of ForgetAll(): what was read before it must not be remembered after
};

// Seals what a former version stored as plain text. At start.
Status SealPlainSecrets(store::Store& store, const Keyring& keyring);

// The JSON list of a row as patterns; a malformed one is kDataLoss, never "all fleets".
Result<std::vector<std::string>> ReadFleets(const std::string& text);
std::string WriteFleets(const std::vector<std::string>& fleets);

}  // namespace kedge::server
