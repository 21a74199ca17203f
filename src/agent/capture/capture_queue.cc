// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/capture_queue.h"

#include <algorithm>

#include "base/crypto/crypto.h"
#include "base/log.h"
#include "tensor/shape.h"

namespace kedge::agent {

namespace {

constexpr size_t kCaptureIdBytesMax = 128;

Status CheckCaptureId(const std::string& id) {
  const bool good = !id.empty() && id.size() <= kCaptureIdBytesMax &&
                    std::all_of(id.begin(), id.end(), [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                             (c >= 'A' && c <= 'Z') || c == '-';
                    });
  if (good) return {};
  return InvalidArgument("capture id is not 1 to 128 letters, digits and hyphens");
}

Status CheckTensors(const std::vector<CapturedTensor>& tensors) {
  for (const CapturedTensor& tensor : tensors) {
    const Shape shape(std::vector<int64_t>(tensor.shape.begin(), tensor.shape.end()));
    if (Status status = CheckShape(shape); !status)
      return Wrap(status.error(), "tensor '" + tensor.name + "'");
    const uint64_t needed = static_cast<uint64_t>(shape.elements()) * WireTypeSize(tensor.type);
    if (tensor.bytes.size() != needed)
      return InvalidArgument("tensor '" + tensor.name + "' has " +
                             std::to_string(tensor.bytes.size()) + " bytes, its shape " +
                             ToString(shape) + " needs " + std::to_string(needed));
  }
  return {};
}

}  // namespace

CaptureQueue::CaptureQueue(FileSystem& disk, const Clock& clock, CaptureOptions options)
    : disk_(disk), clock_(clock), options_(std::move(options)) {
  writer_ = std::thread([this] { WriteLoop(); });
}

CaptureQueue::~CaptureQueue() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  writer_.join();
}

Status CaptureQueue::Put(CaptureRecord record) {
  if (options_.disk_path.empty())
    return FailedPrecondition("captures have no destination on the disk in the configuration");
  KEDGE_TRY_STATUS(CheckCaptureId(record.capture_id));
  KEDGE_TRY_STATUS(CheckTensors(record.input_tensors));
  KEDGE_TRY_STATUS(CheckTensors(record.output_tensors));
  const EpochMs now = clock_.NowMs();
  if (record.inference_time == 0) record.inference_time = now;
  if (record.inference_time > now + kFutureToleranceMs)
    return OutOfRange("inference timestamp " + FormatIso8601(record.inference_time) +
                      " is in the future, now is " + FormatIso8601(now));
  const uint64_t bytes = record.Bytes();
  {
    std::lock_guard lock(mutex_);
    if (statuses_.contains(record.capture_id))
      return AlreadyExists("capture id '" + record.capture_id + "' was used before");
    if (waiting_.size() >= options_.buffer_size)
      return ResourceExhausted("the capture buffer is full with " +
                               std::to_string(waiting_.size()) + " records");
    if (waiting_bytes_ + bytes > kCaptureBufferBytesMax)
      return ResourceExhausted("the capture buffer holds " + std::to_string(waiting_bytes_) +
                               " bytes, " + std::to_string(bytes) + " more do not fit");
    Remember(record.capture_id);
    if (waiting_.empty()) oldest_since_ = clock_.Steady();
    waiting_.push_back(std::move(record));
    waiting_bytes_ += bytes;
  }
  changed_.notify_all();
  return {};
}

void CaptureQueue::Remember(const std::string& capture_id) {
  statuses_[capture_id] = CaptureStatus::kInProgress;
  status_order_.push_back(capture_id);
  while (status_order_.size() > kCaptureStatusesMax + options_.buffer_size) {
    statuses_.erase(status_order_.front());
    status_order_.pop_front();
  }
}

void CaptureQueue::NoteSample(const CaptureRecord& record) {
  EpochMs& latest = latest_samples_[record.model_handle];
  latest = std::max(latest, record.inference_time);
  if (latest_samples_.size() <= kLatestSamplesMax) return;
  latest_samples_.erase(std::min_element(
      latest_samples_.begin(), latest_samples_.end(),
      [](const auto& left, const auto& right) { return left.second < right.second; }));
}

Result<CaptureStatus> CaptureQueue::StatusOf(const std::string& capture_id) const {
  std::lock_guard lock(mutex_);
  const auto found = statuses_.find(capture_id);
  if (found == statuses_.end())
    return NotFound("capture id '" + capture_id.substr(0, kCaptureIdBytesMax) + "' is unknown");
  return found->second;
}

EpochMs CaptureQueue::LatestSample(const std::string& model_handle) const {
  std::lock_guard lock(mutex_);
  const auto found = latest_samples_.find(model_handle);
  return found == latest_samples_.end() ? 0 : found->second;
}

void CaptureQueue::Flush() {
  std::unique_lock lock(mutex_);
  flushing_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return waiting_.empty() && !writing_; });
  flushing_ = false;
}

void CaptureQueue::WriteLoop() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto due = [&] {
      return stopping_ || (flushing_ && !waiting_.empty()) ||
             waiting_.size() >= options_.batch_size ||
             (!waiting_.empty() && clock_.Steady() - oldest_since_ >= options_.push_period);
    };
    // Woken by every record; asleep without end only while nothing waits.
    while (!due()) {
      if (waiting_.empty()) {
        changed_.wait(lock);
      } else {
        changed_.wait_for(lock, oldest_since_ + options_.push_period - clock_.Steady());
      }
    }
    if (waiting_.empty()) return;  // stopping_, and all is written
    std::vector<CaptureRecord> batch;
    while (!waiting_.empty() && batch.size() < options_.batch_size) {
      waiting_bytes_ -= waiting_.front().Bytes();
      batch.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    oldest_since_ = clock_.Steady();
    writing_ = true;
    lock.unlock();
    WriteBatch(batch);
    lock.lock();
    writing_ = false;
    changed_.notify_all();
  }
}

void CaptureQueue::WriteBatch(const std::vector<CaptureRecord>& batch) {
  std::map<Path, std::vector<const CaptureRecord*>> folders;
  for (const CaptureRecord& record : batch) folders[CaptureFolder(record)].push_back(&record);
  for (const auto& [folder, records] : folders) {
    const Path path = options_.disk_path / options_.folder_prefix / options_.fleet / folder;
    Status status = WriteFolder(path, records);
    // An old hour's empty folder may have been swept (spool.h) while this went into it.
    if (!status && status.error().code == Code::kNotFound) status = WriteFolder(path, records);
    if (!status)
      LogError("captures could not be written",
               {{"records", std::to_string(records.size())}, {"why", status.error().message}});
    std::lock_guard lock(mutex_);
    for (const CaptureRecord* record : records) {
      const auto known = statuses_.find(record->capture_id);
      if (known != statuses_.end())
        known->second = status ? CaptureStatus::kSuccess : CaptureStatus::kFailure;
      if (status) NoteSample(*record);
    }
  }
}

Status CaptureQueue::WriteFolder(const Path& folder,
                                 const std::vector<const CaptureRecord*>& records) {
  const CaptureLineOptions line_options{options_.fleet, options_.device, folder,
                                        options_.embed_bytes_max};
  std::string lines;
  std::vector<CaptureFile> files;
  for (const CaptureRecord* record : records)
    lines += json::Write(MakeCaptureLine(*record, line_options, &files)) + "\n";
  KEDGE_TRY_STATUS(disk_.MakeDirectories(folder, 0755));
  for (const CaptureFile& file : files) {
    KEDGE_TRY_STATUS(disk_.MakeDirectories(file.path.parent_path(), 0755));
    KEDGE_TRY_STATUS(disk_.WriteAtomically(file.path, AsBytes(file.bytes), 0644));
  }
  const std::string name = HexEncode(crypto::RandomBytes(16)) + ".jsonl";
  return disk_.WriteAtomically(folder / name, AsBytes(lines), 0644);
}

}  // namespace kedge::agent
