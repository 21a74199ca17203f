// Compiled objects by the digest of what made them.
//
// A file is the object after its own SHA-256, so that a torn or changed one is a miss. Several
// compilers may use one directory at once: files appear by rename, and what one removes is a miss
// for the other. A cache that does not work (no space, no permission) costs time, never the build.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/file.h"

namespace kedge::compiler {

class ObjectCache {
 public:
  // An empty directory: a cache that never hits.
  ObjectCache(Path directory, uint64_t bytes_max)
      : directory_(std::move(directory)), bytes_max_(bytes_max) {}

  // Writes the object of that key to `object`; false if there is none.
  bool Fetch(const std::string& key, const Path& object) const;
  // Keeps a copy of the file `object`.
  void Store(const std::string& key, const Path& object) const;
  // Removes the least recently used files until the rest is within the limit.
  void Trim() const;

 private:
  Path PathOf(const std::string& key) const;

  Path directory_;
  uint64_t bytes_max_;
};

// $KEDGE_CACHE_DIR, or kedge below $XDG_CACHE_HOME or $HOME/.cache; empty if none is set.
Path DefaultCacheDirectory();

}  // namespace kedge::compiler
