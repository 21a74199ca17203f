// The keys that this device trusts, as they change: the configured certificates and the chain of
// documents that the server gave (trust/roots_update.h), kept in one file of the data folder.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "base/file.h"
#include "trust/roots_update.h"

namespace kedge::agent {

// Thread-safe.
class RootsKeeper {
 public:
  // `configured`: folder or file of PEM certificates that nobody may write. `file` holds the chain;
  // empty: it is not kept, and a new start begins with the configured certificates.
  RootsKeeper(FileSystem& disk, Path configured, Path file)
      : disk_(disk), configured_(std::move(configured)), file_(std::move(file)) {}

  // Reads both. A chain that is damaged is put aside (*.damaged) and the configured certificates
  // count until the server sends it again. Errors: those of TrustedRoots::Load.
  Status Open();

  // What is trusted now; lives as long as this object, and changes under Offer().
  const trust::TrustedRoots& roots() const { return roots_; }
  int64_t version() const;

  // Documents from the server, the whole chain or its end. If they lead on from what is trusted,
  // they are stored and count from now on; others change nothing. Errors: malformed documents, the
  // disk's.
  Status Offer(const std::vector<std::string>& documents);

 private:
  Result<std::vector<std::string>> ReadChain();

  FileSystem& disk_;
  const Path configured_;
  const Path file_;
  trust::TrustedRoots roots_;
  mutable std::mutex mutex_;  // of the rest
  std::vector<std::string> chain_;
  int64_t version_ = 0;
};

}  // namespace kedge::agent
