// SPDX-License-Identifier: Apache-2.0
#include "agent/monitor/watcher.h"

#include <algorithm>
#include <cstring>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/log.h"

namespace kedge::agent {

namespace {

constexpr int kNice = 10;

uint64_t RandomWord() {
  uint64_t word = 0;
  const ByteBuffer bytes = crypto::RandomBytes(sizeof word);
  std::memcpy(&word, bytes.data(), sizeof word);
  return word;
}

std::chrono::nanoseconds ThreadTime() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

template <class Span>
uint64_t BytesOf(std::span<const Span> tensors) {
  uint64_t bytes = 0;
  for (const Span& tensor : tensors) bytes += tensor.size();
  return bytes;
}

// Into buffers that may have been used before.
template <class Span>
void Copy(std::span<const Span> tensors, std::vector<ByteBuffer>& copies) {
  copies.resize(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    copies[i].assign(tensors[i].begin(), tensors[i].end());
  }
}

}  // namespace

Watcher::Watcher(Parts parts, WatchOptions options, CapturePolicy policy)
    : parts_(std::move(parts)),
      options_(options),
      policy_(policy),
      floor_(RandomWord()),
      chooser_(RandomWord()),
      boot_(RandomWord()) {
  ReadReport();
  thread_ = std::thread([this] { Run(); });
}

Watcher::~Watcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::shared_ptr<ModelWatch> Watcher::Find(const std::shared_ptr<ServedModel>& model) const {
  const std::shared_lock lock(watches_mutex_);
  const auto found = watches_.find(model);
  return found == watches_.end() ? nullptr : found->second;
}

std::shared_ptr<ModelWatch> Watcher::WatchOf(const std::shared_ptr<ServedModel>& model) {
  if (auto watch = Find(model)) return watch;
  auto watch = std::make_shared<ModelWatch>(model, options_);
  const std::unique_lock lock(watches_mutex_);
  if (watches_.size() >= kWatchesMax) return nullptr;
  Apply(*watch);
  return watches_.emplace(model, std::move(watch)).first->second;
}

Status Watcher::Check(const std::shared_ptr<ServedModel>& model) const {
  if (options_.rule == DriftRule::kNothing) return {};
  const auto watch = Find(model);
  const std::string why = watch == nullptr ? "" : watch->StoppedWhy();
  if (!why.empty()) return FailedPrecondition(why);
  return {};
}

void Watcher::Offer(const std::shared_ptr<ServedModel>& model, std::span<const Bytes> inputs,
                    std::span<const std::span<uint8_t>> outputs, std::chrono::nanoseconds run) {
  const auto watch = WatchOf(model);
  if (watch == nullptr) return;
  double floor = 0;
  {
    const std::shared_lock lock(watches_mutex_);
    floor = policy_.floor;
  }
  if (floor <= 0 && !watch->has_baseline()) return;
  const uint64_t bytes = BytesOf(inputs) + BytesOf(outputs);
  if (bytes > kLookBytesMax) return;
  const bool drawn = floor > 0 && floor_(floor);
  if (drawn) watch->Force();
  if (!drawn && !watch->Begin(run)) return;
  const auto before = std::chrono::steady_clock::now();
  Waiting waiting{.watch = watch, .bytes = bytes};
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= (drawn ? kFloorWaitingMax : kLooksWaitingMax) ||
        waiting_bytes_ + bytes > kWaitingBytesMax) {
      watch->CountMissed();
      return;
    }
    waiting_bytes_ += bytes;
    if (!spare_.empty()) {
      waiting.inference = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  waiting.inference.time = parts_.clock.NowMs();
  waiting.inference.floor = drawn;
  Copy(inputs, waiting.inference.inputs);
  Copy(outputs, waiting.inference.outputs);
  waiting.copying = std::chrono::steady_clock::now() - before;
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(waiting));  // at most one more than the limit for each caller
  }
  changed_.notify_all();
}

void Watcher::SetPolicy(const CapturePolicy& policy) {
  const std::unique_lock lock(watches_mutex_);
  policy_ = policy;
}

void Watcher::Apply(ModelWatch& watch) const {
  EpochMs until = 0;
  for (const protocol::CapturePolicy& policy : server_policies_) {
    if (policy.model_name == watch.identity().model_name &&
        policy.model_version == watch.identity().model_version) {
      until = std::max(until, policy.until);
    }
  }
  watch.SetDriftUntil(until);
}

void Watcher::SetServerPolicies(std::vector<protocol::CapturePolicy> policies) {
  const std::unique_lock lock(watches_mutex_);
  server_policies_ = std::move(policies);
  for (const auto& [model, watch] : watches_) Apply(*watch);
}

void Watcher::Run() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNice);
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= next.bytes;
    looking_ = true;
    lock.unlock();
    CapturePolicy policy;
    {
      const std::shared_lock watches(watches_mutex_);
      policy = policy_;
    }
    {
      const std::lock_guard look(look_mutex_);
      next.watch->Prepare(next.inference.time);
      const auto before = ThreadTime();
      next.watch->Look(next.inference, policy, chooser_, parts_.day, parts_.captures);
      next.watch->LookHasCost(next.copying + (ThreadTime() - before));
    }
    lock.lock();
    if (spare_.size() < kLooksWaitingMax) spare_.push_back(std::move(next.inference));
    looking_ = false;
    changed_.notify_all();
  }
}

void Watcher::Drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty() && !looking_; });
}

void Watcher::ReadReport() {
  if (parts_.report_file.empty() || !parts_.disk.Exists(parts_.report_file)) return;
  const auto text = parts_.disk.Read(parts_.report_file, protocol::kStatisticsBytesMax);
  if (text && stats::DecodeReportText(AsText(*text))) {
    unacknowledged_ = AsText(*text);
    return;
  }
  LogWarning("statistics that waited for the server are damaged and lost",
             {{"file", parts_.report_file.string()}});
  static_cast<void>(parts_.disk.Remove(parts_.report_file));
}

std::string Watcher::Statistics() {
  const std::lock_guard lock(look_mutex_);
  if (!unacknowledged_.empty()) return unacknowledged_;
  unacknowledged_ = MakeReport();
  if (unacknowledged_.empty() || parts_.report_file.empty()) return unacknowledged_;
  const Status kept =
      parts_.disk.WriteAtomically(parts_.report_file, AsBytes(unacknowledged_), 0600);
  if (!kept) {
    LogWarning("statistics are in memory only: a kill loses them", {{"why", kept.error().message}});
  }
  return unacknowledged_;
}

void Watcher::Acknowledge() {
  const std::lock_guard lock(look_mutex_);
  unacknowledged_.clear();
  if (parts_.report_file.empty()) return;
  // One that stays is sent again after a restart, and the server knows it.
  if (const Status removed = parts_.disk.Remove(parts_.report_file); !removed) {
    LogWarning("acknowledged statistics stay on the disk", {{"why", removed.error().message}});
  }
}

void Watcher::KeepReport() {
  Drain();
  static_cast<void>(Statistics());
}

void Watcher::TakeReports() {
  const EpochMs now = parts_.clock.NowMs();
  const size_t waiting = ready_.size();
  const std::unique_lock lock(watches_mutex_);
  std::erase_if(watches_, [&](const auto& entry) {
    ModelWatch& watch = *entry.second;
    const auto end = ready_.begin() + static_cast<std::ptrdiff_t>(waiting);
    const bool waits = std::any_of(ready_.begin(), end, [&](const auto& report) {
      return report.model_name == watch.identity().model_name &&
             report.model_version == watch.identity().model_version;
    });
    if (waits) return false;
    if (auto report = watch.TakeReport(now, kReportSamplesMin)) {
      ready_.push_back(std::move(*report));
    }
    return watch.gone();
  });
}

std::string Watcher::MakeReport() {
  TakeReports();
  stats::StatisticsReport report{.boot = boot_, .sequence = sequence_ + 1};
  std::string text;
  // As many as fit; the others wait, in front of what comes.
  while (!ready_.empty() && report.models.size() < stats::kReportModelsMax) {
    report.models.push_back(ready_.front());
    auto encoded = stats::EncodeReportText(report);
    const bool fits = encoded && encoded->size() <= protocol::kStatisticsBytesMax;
    if (!fits && report.models.size() > 1) break;
    ready_.pop_front();
    if (fits) {
      text = std::move(*encoded);
      continue;
    }
    LogWarning(
        "statistics of one model do not fit into a heartbeat and are lost",
        {{"model", report.models.back().model_name},
         {"why", encoded ? std::to_string(encoded->size()) + " bytes" : encoded.error().message}});
    report.models.pop_back();
  }
  if (!text.empty()) ++sequence_;
  return text;
}

WatchCounters Watcher::CountersOf(const std::shared_ptr<ServedModel>& model) const {
  const auto watch = Find(model);
  return watch == nullptr ? WatchCounters{} : watch->counters();
}

}  // namespace kedge::agent
