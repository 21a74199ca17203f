// The way of heartbeats into the store: gathered while the former commit runs, written by one
// transaction, answered after it. No timer: a lone heartbeat is written at once, and under load a
// batch is what arrived meanwhile.
//
// Bounded: above queued_max heartbeats wait, further ones are refused at once, and the API answers
// 503 with Retry-After. Memory is at most queued_max plus two batches of what the protocol's limits
// let one heartbeat be.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "server/ingest/heartbeat_batch.h"
#include "server/ingest/next_contact.h"
#include "store/store.h"

namespace kedge::server {

constexpr size_t kHeartbeatsQueuedMax = 16'384;
constexpr size_t kHeartbeatBatchMax = 1'024;
// A batch that another node got in the way of is written again, this often.
constexpr int kBatchAttemptsMax = 8;

// For the counters of this process: any number will do, different ones do not wait for each other.
int64_t NewCounterShard();

struct HeartbeatCounts {
  uint64_t stored = 0;           // acknowledged
  uint64_t refused = 0;          // the queue was full
  uint64_t failed = 0;           // unknown device, or the store's error
  uint64_t batches = 0;          // committed
  uint64_t reports_refused = 0;  // statistics that were no report; their heartbeats count as stored
  size_t waiting = 0;            // in the queue now
  int64_t stretch = 1;           // see LoadStretch
};

// Thread-safe.
class Heartbeats {
 public:
  // Called once, from a thread of this class or inside Submit: milliseconds until the device is to
  // come again; kInvalidArgument for an unknown device; kResourceExhausted if the queue is full;
  // the store's error.
  using Done = std::function<void(Result<int64_t>)>;

  // Borrows both. `shard`: this node's, see store/tables/fleet_counts.h.
  Heartbeats(store::Store& store, const Clock& clock, int64_t shard,
             size_t queued_max = kHeartbeatsQueuedMax);
  // Waits for what is queued.
  ~Heartbeats();
  Heartbeats(const Heartbeats&) = delete;
  Heartbeats& operator=(const Heartbeats&) = delete;

  // `period_ms`: how often the device would come by itself; 0 if it did not say.
  void Submit(HeartbeatRecord record, int64_t period_ms, Done done);
  // When a device that asked for its deployments is to ask again.
  int64_t NextContact(const store::DeviceKey& key, int64_t period_ms) const;
  HeartbeatCounts counts() const;

 private:
  struct Waiting {
    int64_t period_ms;
    Done done;
  };
  struct Batch {
    std::vector<HeartbeatRecord> records;
    std::vector<Waiting> waiting;  // at the places of their records
    std::vector<Outcome> outcomes;
    int attempts = 0;
    Status status;
  };

  void WriteNext(std::unique_lock<std::mutex>& lock);
  void Write(std::shared_ptr<Batch> batch);
  void Written(const std::shared_ptr<Batch>& batch, Status status);
  void SplitInTwo(const std::shared_ptr<Batch>& batch);
  void AnswerAll();
  void Answer(Batch& batch);

  store::Store& store_;
  const Clock& clock_;
  const int64_t shard_;
  const size_t queued_max_;
  LoadStretch stretch_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  SeriesLimit series_;
  Batch gathering_;
  std::deque<std::shared_ptr<Batch>> again_;      // halves of failed batches, before gathering_
  std::deque<std::shared_ptr<Batch>> answering_;  // written, not yet answered
  bool writing_ = false;
  bool stopping_ = false;
  HeartbeatCounts counts_;
  std::thread thread_;  // answers, so that the store's writer does not
};

}  // namespace kedge::server
