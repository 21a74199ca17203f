// The thread that keeps the capture folder within its size and brings it to the object store.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "agent/capture/day_budget.h"
#include "agent/capture/spool.h"
#include "agent/link/backoff.h"
#include "agent/link/doorbell.h"

namespace kedge::agent {

struct UploaderCounters {
  uint64_t batches = 0, bytes = 0;  // uploaded
  uint64_t dropped = 0;             // files removed because the spool was full
};

class Uploader {
 public:
  struct Parts {
    FileSystem& disk;
    const Clock& clock;
    EdgeClient* client;                     // null: the spool is only kept within its size
    std::function<std::string()> location;  // "s3://bucket/prefix/fleet/"; empty: not known yet
    DayBudget* budget;                      // of bytes sent; null: none
    SpoolOptions spool;                     // without its location
    std::chrono::milliseconds period;       // between two looks at the folder
  };
  // Borrows disk, clock, client and budget.
  explicit Uploader(Parts parts);
  ~Uploader();
  Uploader(const Uploader&) = delete;
  Uploader& operator=(const Uploader&) = delete;

  UploaderCounters counters() const;

 private:
  void Run();
  // Trims, uploads all that is there, sweeps; an error leaves the rest for the next time.
  Status Once();
  Status Trim();
  Status Put(const std::string& url, const ObjectBody& body);

  Parts parts_;
  Doorbell bell_;
  Backoff backoff_;
  UploadProgress progress_;
  std::string told_;  // the last error that was logged
  std::atomic<uint64_t> batches_{0}, bytes_{0}, dropped_{0};
  std::thread thread_;
};

}  // namespace kedge::agent
