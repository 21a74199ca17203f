// CaptureData: records wait in a buffer of fixed size and are written to the disk in batches by a
// thread of their own, so that an application never waits for the disk.
//
// A batch is written when `batch_size` records wait or the oldest has waited for the push period.
// Of each batch, the files of large tensors are written first and the .jsonl that refers to them
// last, each one durably and atomically: a line never refers to a file that is not whole.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include "agent/capture/record.h"

namespace kedge::agent {

constexpr uint64_t kCaptureBufferBytesMax = 64 << 20;  // of all records that wait; more are refused
constexpr size_t kCaptureStatusesMax = 10'000;         // ids remembered; the oldest are forgotten
constexpr size_t kLatestSamplesMax =
    64;  // handles, as models can be loaded; the oldest is forgotten
constexpr EpochMs kFutureToleranceMs = 1'000;

// The numbers of enum CaptureDataStatus in api/agent.proto.
enum class CaptureStatus : uint8_t { kFailure = 0, kSuccess = 1, kInProgress = 2 };

struct CaptureOptions {
  Path disk_path;             // empty: every capture is kFailedPrecondition
  std::string folder_prefix;  // below disk_path
  std::string fleet;
  std::string device;
  size_t buffer_size = 30;  // records
  size_t batch_size = 10;   // records
  std::chrono::milliseconds push_period{4'000};
  uint64_t embed_bytes_max = 3072;
};

// Thread-safe. Writes what waits before it is gone.
class CaptureQueue {
 public:
  // Borrows disk and clock.
  CaptureQueue(FileSystem& disk, const Clock& clock, CaptureOptions options);
  ~CaptureQueue();
  CaptureQueue(const CaptureQueue&) = delete;
  CaptureQueue& operator=(const CaptureQueue&) = delete;

  // Queues a record; an inference_time of 0 becomes now. Errors: kInvalidArgument (capture_id is
  // not 1 to 128 characters of [a-zA-Z0-9-], or a tensor's bytes are not those of its shape),
  // kAlreadyExists (capture_id was used), kOutOfRange (inference_time is in the future),
  // kResourceExhausted (buffer full), kFailedPrecondition (no destination).
  Status Put(CaptureRecord record);
  // kNotFound for an id that was never used or is forgotten.
  Result<CaptureStatus> StatusOf(const std::string& capture_id) const;
  // Writes everything that waits now and returns when it is done.
  void Flush();
  // Inference time of the model's newest record that was written; 0: none, or forgotten.
  EpochMs LatestSample(const std::string& model_handle) const;

 private:
  void WriteLoop();
  // Writes records of one folder; the lock is not held.
  Status WriteFolder(const Path& folder, const std::vector<const CaptureRecord*>& records);
  void WriteBatch(const std::vector<CaptureRecord>& batch);
  void Remember(const std::string& capture_id);
  void NoteSample(const CaptureRecord& record);

  FileSystem& disk_;
  const Clock& clock_;
  const CaptureOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<CaptureRecord> waiting_;
  std::chrono::steady_clock::time_point oldest_since_;  // when the first of waiting_ came
  uint64_t waiting_bytes_ = 0;
  bool flushing_ = false;
  bool writing_ = false;
  bool stopping_ = false;
  std::unordered_map<std::string, CaptureStatus> statuses_;
  std::deque<std::string> status_order_;  // oldest first
  std::map<std::string, EpochMs> latest_samples_;
  std::thread writer_;
};

}  // namespace kedge::agent
