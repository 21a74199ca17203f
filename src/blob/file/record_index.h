// The records of one bucket in the order of their keys, for listings.
//
// The disk is the truth, and other processes change it: before each use the 256 folders of records
// are asked for their time of change, and those that changed are read again, of these only the
// files that are new. A file system's clock is coarse, so a folder that changed within the last
// kSettleMs is looked at again even if its time is the same.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

#include "blob/file/object_record.h"

namespace kedge::blob {

// Thread-safe.
class RecordIndex {
 public:
  static constexpr int64_t kSettleMs = 2000;
  using Records = std::map<std::string, ObjectRecord, std::less<>>;

  // Borrows `disk`. `folder`: the bucket's records.
  RecordIndex(FileSystem& disk, Path folder) : disk_(disk), folder_(std::move(folder)) {}

  // Reads what has changed. kDataLoss if the folder cannot be read; a record that cannot is left
  // out and logged.
  Status Refresh();
  // False if a record could not be read: then no content may be thrown away.
  bool complete() const;
  BlobStore::Listing List(const BlobStore::ListOptions& options) const;
  // Calls `visit` for each record, in order.
  void ForEach(const std::function<void(const ObjectRecord&)>& visit) const;

 private:
  struct Known {
    int64_t changed_ns = 0;
    std::string key;  // empty: unreadable
  };
  struct Shard {
    int64_t changed_ns = -1;
    bool settled = false;
    std::unordered_map<std::string, Known> files;  // by name
  };
  Status RefreshShard(const std::string& name, Shard& shard);
  void Read(const Path& path, Known& known);
  void Forget(const Known& known);

  FileSystem& disk_;
  const Path folder_;
  std::mutex refreshing_;  // held over the reading: one at a time does it for all
  std::array<Shard, 256> shards_;
  mutable std::shared_mutex mutex_;  // of what follows
  Records records_;
  size_t unreadable_ = 0;
};

// The folder and file of a key's record below the bucket's records.
Path RecordFile(const std::string& key);

}  // namespace kedge::blob
