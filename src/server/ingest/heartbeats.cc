// SPDX-License-Identifier: Apache-2.0
#include "server/ingest/heartbeats.h"

#include <algorithm>

#include "base/crypto/crypto.h"

namespace kedge::server {
namespace {

constexpr int64_t kCounterShards = 16;  // rows of one counter at most; a report reads them all

template <class T>
void MoveFront(std::vector<T>& from, size_t n, std::vector<T>& to) {
  const auto end = from.begin() + static_cast<std::ptrdiff_t>(n);
  to.assign(std::make_move_iterator(from.begin()), std::make_move_iterator(end));
  from.erase(from.begin(), end);
}

// An error that is not of one heartbeat but of the store or the moment.
bool IsOfTheStore(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kResourceExhausted ||
         error.code == Code::kAborted || error.code == Code::kDeadlineExceeded;
}

}  // namespace

int64_t NewCounterShard() { return crypto::RandomBytes(1)[0] % kCounterShards; }

Heartbeats::Heartbeats(store::Store& store, const Clock& clock, int64_t shard, size_t queued_max)
    : store_(store), clock_(clock), shard_(shard), queued_max_(queued_max), thread_([this] {
        AnswerAll();
      }) {}

Heartbeats::~Heartbeats() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !writing_ && gathering_.records.empty(); });
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Heartbeats::Submit(HeartbeatRecord record, int64_t period_ms, Done done) {
  {
    std::unique_lock lock(mutex_);
    if (gathering_.records.size() < queued_max_) {
      series_.Apply(record);
      if (record.report_refused) ++counts_.reports_refused;
      gathering_.records.push_back(std::move(record));
      gathering_.waiting.push_back({period_ms, std::move(done)});
      if (!writing_) WriteNext(lock);
      return;
    }
    ++counts_.refused;
  }
  done(ResourceExhausted("more than " + std::to_string(queued_max_) +
                         " heartbeats are waiting to be stored"));
}

int64_t Heartbeats::NextContact(const store::DeviceKey& key, int64_t period_ms) const {
  const int64_t period = period_ms > 0 ? period_ms : kPeriodDefaultMs;
  return NextContactMs(key, clock_.NowMs(), period * stretch_.factor());
}

HeartbeatCounts Heartbeats::counts() const {
  const std::lock_guard lock(mutex_);
  HeartbeatCounts counts = counts_;
  counts.waiting = gathering_.records.size();
  counts.stretch = stretch_.factor();
  return counts;
}

// Hands the next batch to the store, if there is one. The lock is held; it is let go of for the
// store.
void Heartbeats::WriteNext(std::unique_lock<std::mutex>& lock) {
  std::shared_ptr<Batch> batch;
  if (!again_.empty()) {
    batch = std::move(again_.front());
    again_.pop_front();
  } else if (!gathering_.records.empty()) {
    batch = std::make_shared<Batch>();
    const size_t n = std::min(gathering_.records.size(), kHeartbeatBatchMax);
    MoveFront(gathering_.records, n, batch->records);
    MoveFront(gathering_.waiting, n, batch->waiting);
  }
  writing_ = batch != nullptr;
  if (!writing_) return changed_.notify_all();
  lock.unlock();
  Write(std::move(batch));
}

// Shared: the work and its end are held by the store, each in its own function.
void Heartbeats::Write(std::shared_ptr<Batch> batch) {
  ++batch->attempts;
  store_.WriteLater(
      [this, batch](store::Transaction& transaction) {
        return ApplyBatch(transaction, batch->records, shard_, batch->outcomes);
      },
      [this, batch](Status status) { Written(batch, std::move(status)); });
}

void Heartbeats::Written(const std::shared_ptr<Batch>& batch, Status status) {
  if (!status && status.error().code == Code::kAborted && batch->attempts < kBatchAttemptsMax) {
    return Write(batch);
  }
  std::unique_lock lock(mutex_);
  if (!status && !IsOfTheStore(status.error()) && batch->records.size() > 1) {
    SplitInTwo(batch);
  } else {
    if (status) ++counts_.batches;
    batch->status = std::move(status);
    answering_.push_back(batch);
    changed_.notify_all();
    stretch_.AfterBatch(gathering_.records.size(), queued_max_);
  }
  WriteNext(lock);
}

// One heartbeat that cannot be stored must not take the others with it.
void Heartbeats::SplitInTwo(const std::shared_ptr<Batch>& batch) {
  auto front = std::make_shared<Batch>();
  const size_t half = batch->records.size() / 2;
  MoveFront(batch->records, half, front->records);
  MoveFront(batch->waiting, half, front->waiting);
  batch->attempts = 0;
  again_.push_front(batch);
  again_.push_front(std::move(front));
}

void Heartbeats::AnswerAll() {
  for (;;) {
    std::shared_ptr<Batch> batch;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !answering_.empty(); });
      if (answering_.empty()) return;
      batch = std::move(answering_.front());
      answering_.pop_front();
    }
    Answer(*batch);
  }
}

void Heartbeats::Answer(Batch& batch) {
  uint64_t stored = 0;
  for (size_t i = 0; i < batch.records.size(); ++i) {
    const store::DeviceKey& key = batch.records[i].state.key;
    const Waiting& waiting = batch.waiting[i];
    if (!batch.status) {
      waiting.done(batch.status.error());
    } else if (batch.outcomes[i] == Outcome::kUnknownDevice) {
      waiting.done(InvalidArgument("No device with name: " + key.device));
    } else {
      ++stored;
      waiting.done(NextContact(key, waiting.period_ms));
    }
  }
  const std::lock_guard lock(mutex_);
  counts_.stored += stored;
  counts_.failed += batch.records.size() - stored;
}

}  // namespace kedge::server
