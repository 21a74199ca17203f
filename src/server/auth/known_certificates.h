// Certificates of devices as requests use them: looked up once, then remembered, so that a
// heartbeat costs neither a signature nor a query.
//
// A revocation through any node counts here within kRevocationPoll of the first request after it:
// by then the node has asked the database for revocations beyond the epoch that it knows. If the
// database cannot be asked for kTrustedFor, nobody is let in.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "store/store.h"

namespace kedge::server {

struct KnownCertificate {
  std::string serial;
  std::string fleet;
  std::string device;
  std::string fingerprint;
  EpochMs expires = 0;
  bool revoked = false;
};

// Thread-safe.
class KnownCertificates {
 public:
  static constexpr std::chrono::milliseconds kRevocationPoll{1'000};
  static constexpr std::chrono::milliseconds kTrustedFor{10'000};
  // One certificate at two addresses in turns within this time is in use by two.
  static constexpr std::chrono::minutes kSharedWindow{10};
  static constexpr std::chrono::hours kSeenStep{1};  // how often a use is written
  static constexpr size_t kEntriesMax = 262'144;     // above: all are read again

  // Borrows both.
  KnownCertificates(store::Store& store, const Clock& clock) : store_(store), clock_(clock) {}

  // Null for a serial that no node issued. kUnavailable if the store cannot be read.
  Result<std::shared_ptr<const KnownCertificate>> Find(const std::string& serial);

  // The certificate was used from this address ("10.0.0.1", no port). Writes, without waiting, when
  // it was last seen, and an event if it is at two addresses at once.
  void NoteUse(const KnownCertificate& certificate, const std::string& address);

  size_t size() const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Entry {
    std::shared_ptr<const KnownCertificate> certificate;
    std::string address;  // of the newest use
    Time used{};
    std::string former_address;  // before it was used at `address`
    Time former_used{};
    Time written{};  // when a use was last written
    Time told{};     // when it was last said to be shared
  };
  Status PollRevocations();
  bool IsShared(Entry& entry, const std::string& address, Time now) const;

  store::Store& store_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
  int64_t epoch_ = -1;
  Time polled_{};     // when a poll was last begun
  Time succeeded_{};  // the beginning of the last one that succeeded
};

}  // namespace kedge::server
