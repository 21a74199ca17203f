// Reads every object again, slowly, and compares it with the SHA-256 that its record has: disks
// lose bytes in silence, and a copy is easier to find while it is still somewhere.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "blob/blob_store.h"

namespace kedge::server {

struct ScrubReport {
  static constexpr size_t kDamagedMax = 1000;  // more are counted only
  uint64_t objects = 0;
  uint64_t bytes = 0;
  uint64_t damaged_objects = 0;
  std::vector<std::string> damaged;  // "s3://bucket/key"
  bool complete = false;
};

// Called after each piece that was read, with its bytes: waits as long as it likes. False: stop.
using ScrubPace = std::function<bool(uint64_t bytes)>;

// One walk over all objects of all buckets. Each damaged object is logged. Objects that come or go
// meanwhile may be left out. Errors of the listings only.
Result<ScrubReport> Scrub(blob::BlobStore& store, const ScrubPace& pace);

// Scrubs in a thread of its own, from shortly after the start on.
class Scrubber {
 public:
  struct Options {
    uint64_t bytes_per_second = 8u << 20;
    std::chrono::seconds before_first{600};
    std::chrono::seconds between{7 * 24 * 3600};
  };
  // Borrows the store.
  Scrubber(blob::BlobStore& store, Options options);
  ~Scrubber();
  Scrubber(const Scrubber&) = delete;
  Scrubber& operator=(const Scrubber&) = delete;

 private:
  void Run();
  bool Wait(std::chrono::nanoseconds time);  // false: stopping

  blob::BlobStore& store_;
  const Options options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kedge::server
