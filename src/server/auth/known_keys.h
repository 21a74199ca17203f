// Access keys as requests use them: looked up and unsealed once, then remembered, because every
// request needs one.
//
// Every change of a key's or a user's rights raises an epoch in the database (store/tables/
// access_keys.h). A change made through this node counts here at once; one made elsewhere counts
// within kEpochPoll of the first request after it: by then the node has asked for the epoch, and
// forgets everything if it is another. Nodes of the version before raise no epoch, so nothing is
// remembered for longer than kTrustedFor.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
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
  static constexpr std::chrono::milliseconds kEpochPoll{1'000};
  static constexpr std::chrono::minutes kTrustedFor{5};
  static constexpr size_t kEntriesMax = 131'072;  // above: all are read again

  // Borrows all.
  KnownKeys(store::Store& store, const Keyring& keyring, const Clock& clock)
      : store_(store), keyring_(keyring), clock_(clock) {}

  // Null for a key that is unknown, disabled, expired or of a disabled user. kUnavailable if the
  // store cannot be read, the keyring's errors if the secret does not open. Unknown keys are not
  // remembered.
  Result<std::shared_ptr<const KnownKey>> Find(const std::string& id);

  // Whether Find() would answer without the store.
  bool IsRemembered(const std::string& id) const;

  // After what may have been a change of keys or users through this node: the next request asks for
  // the epoch.
  void LookAgain() { wanted_.fetch_add(1); }

  // Writes, without waiting, that the key signed now, if its row says another day (a device's key)
  // or another ten minutes (all others).
  void NoteUse(const std::string& id, const KnownKey& key);

  size_t size() const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Entry {
    std::shared_ptr<const KnownKey> key;
    Time trusted_until;
  };
  // Uses that the next write takes.
  struct Unwritten {
    std::mutex mutex;
    std::vector<store::KeyUse> uses;
  };
  Result<std::shared_ptr<const KnownKey>> Load(const std::string& id) const;
  std::shared_ptr<const KnownKey> Remembered(const std::string& id, int64_t& epoch) const;
  Status PollEpoch();

  store::Store& store_;
  const Keyring& keyring_;
  const Clock& clock_;
  // Shared: the store may write after this object is gone.
  const std::shared_ptr<Unwritten> unwritten_ = std::make_shared<Unwritten>();
  std::atomic<uint64_t> wanted_{1};  // polls that must have begun after this was counted
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_map<std::string, EpochMs> uses_;  // written by this node
  int64_t epoch_ = -1;  // that the entries are of; what was read under another is not remembered
  uint64_t polled_for_ = 0;  // wanted_ when the last poll that succeeded began
  Time polled_{};            // when a poll was last begun
  uint64_t polls_begun_ = 0;
  uint64_t poll_heard_ = 0;  // the newest that was answered
};

// Seals what a former version stored as plain text. At start.
Status SealPlainSecrets(store::Store& store, const Keyring& keyring);

// The JSON list of a row as patterns; a malformed one is kDataLoss, never "all fleets".
Result<std::vector<std::string>> ReadFleets(const std::string& text);
std::string WriteFleets(const std::vector<std::string>& fleets);

}  // namespace kedge::server
