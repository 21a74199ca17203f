// SPDX-License-Identifier: Apache-2.0
#include "ring/worker_process.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <sys/socket.h>
#include <unistd.h>

#include "ring/handshake.h"
#include "ring/keeper.h"
#include "ring/ring.h"
#include "ring/worker_descriptors.h"

namespace kedge::ring {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr milliseconds kEndTimeout{
    1000};  // a killed process is gone by then, unless the kernel hangs

std::vector<uint64_t> BytesOf(const std::vector<IoInfo>& tensors) {
  std::vector<uint64_t> bytes;
  for (const IoInfo& tensor : tensors) bytes.push_back(tensor.bytes);
  return bytes;
}

class RingWorker final : public WorkerProcess {
 public:
  explicit RingWorker(const WorkerOptions& options) : options_(options) {}

  Status Launch();

  const std::vector<IoInfo>& inputs() const override { return hello_.inputs; }
  const std::vector<IoInfo>& outputs() const override { return hello_.outputs; }
  const std::string& target() const override { return hello_.target; }
  const std::string& weights_hash() const override { return hello_.weights_hash; }
  const SandboxLevel& sandbox() const override { return sandbox_; }
  pid_t pid() const override { return keeper_.pid(); }
  bool alive() override { return keeper_.alive(); }
  std::string exit_text() override { return keeper_.ExitText(); }
  bool killed_by_host() override { return killed_by_host_.load(); }

  Status Run(std::span<const Bytes> inputs, std::span<const std::span<uint8_t>> outputs) override;
  Result<std::vector<BenchRun>> Bench(std::span<const Bytes> inputs, uint32_t warmup,
                                      uint32_t runs) override;

 private:
  // A slot of the ring, given back at the end.
  class SlotLease {
   public:
    SlotLease(RingWorker& worker, uint32_t slot) : worker_(&worker), slot_(slot) {}
    SlotLease(SlotLease&& other) noexcept
        : worker_(std::exchange(other.worker_, nullptr)), slot_(other.slot_) {}
    SlotLease& operator=(SlotLease&&) = delete;
    ~SlotLease() {
      if (worker_ != nullptr) worker_->ReturnSlot(slot_);
    }
    uint32_t slot() const { return slot_; }

   private:
    RingWorker* worker_;
    uint32_t slot_;
  };

  Status StartProgram(int control);
  Error LoadFailure(Error error);
  Error Died();
  void KillForFault();
  Status CheckInputs(std::span<const Bytes> inputs) const;
  Result<SlotLease> TakeSlot();
  void ReturnSlot(uint32_t slot);
  void CopyIn(uint32_t slot, std::span<const Bytes> inputs);
  Status Call(uint32_t slot, RequestKind kind, uint32_t runs);
  void OnEnd();
  bool Ended();

  const WorkerOptions options_;
  Hello hello_;
  SandboxLevel sandbox_;
  std::optional<HostRing> ring_;  // set before ring_ready_, under mutex_

  std::mutex mutex_;  // guards what follows
  std::condition_variable slot_free_;
  std::vector<uint32_t> free_slots_;
  uint32_t waiters_ = 0;
  bool ended_ = false;

  std::atomic<bool> killed_by_host_{false};
  std::atomic<uint64_t> next_sequence_{1};
  std::atomic<int64_t> last_reply_ns_{0};  // of the steady clock

  Keeper keeper_;  // last: its thread uses the members above until it has ended
};

Status RingWorker::StartProgram(int control) {
  KEDGE_TRY(const FileDescriptor nothing, OpenFile("/dev/null", O_RDWR));
  SubprocessOptions start{
      .arguments = {options_.program.string(), "--threads", std::to_string(options_.threads),
                    "--memory-bytes", std::to_string(options_.memory_bytes_max), "--arena-bytes",
                    std::to_string(options_.arena_bytes_max), "--spin-us",
                    std::to_string(options_.spin_us)},
      .clear_environment = true,
      .descriptors = {{nothing.get(), STDIN_FILENO},
                      {nothing.get(), STDOUT_FILENO},
                      {control, kControlDescriptor},
                      {options_.model_so_fd, kModelDescriptor}}};
  if (options_.weights_fd >= 0)
    start.descriptors.emplace_back(options_.weights_fd, kWeightsDescriptor);
  if (!options_.sandbox_required) start.arguments.emplace_back("--best-effort");
  return keeper_.Start(std::move(start), [this] { OnEnd(); });
}

// What the worker could not say by the control socket, its end says.
Error RingWorker::LoadFailure(Error error) {
  if (error.code != Code::kUnavailable) return error;
  if (!keeper_.WaitForEnd(kEndTimeout)) return error;
  const std::string words = keeper_.LastWords();
  return Unavailable("the model's worker ended while loading: " + keeper_.ExitText() +
                     (words.empty() ? "" : ": " + words));
}

Status RingWorker::Launch() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return ErrnoError(errno, "socketpair");
  const FileDescriptor ours(ends[0]);
  FileDescriptor theirs(ends[1]);
  const Clock::time_point until = Clock::now() + options_.load_timeout;
  KEDGE_TRY_STATUS(StartProgram(theirs.get()));
  theirs.Reset();

  auto frame = ReceiveFrame(ours.get(), until);
  if (!frame) return LoadFailure(frame.error());
  KEDGE_TRY(hello_, DecodeHello(*frame));
  KEDGE_TRY(HostRing ring,
            HostRing::Create({.inputs = BytesOf(hello_.inputs), .outputs = BytesOf(hello_.outputs)},
                             options_.spin_us));
  {
    const std::lock_guard lock(mutex_);
    ring_ = std::move(ring);
    for (uint32_t slot = 0; slot < ring_->layout().slot_count; ++slot) free_slots_.push_back(slot);
    if (ended_) ring_->MarkDead();
  }
  if (Status status = SendDescriptor(ours.get(), ring_->fd()); !status)
    return LoadFailure(status.error());
  frame = ReceiveFrame(ours.get(), until);
  if (!frame) return LoadFailure(frame.error());
  KEDGE_TRY(sandbox_, DecodeReady(*frame));
  return {};
}

void RingWorker::OnEnd() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  if (ring_.has_value()) ring_->MarkDead();
  slot_free_.notify_all();
}

bool RingWorker::Ended() {
  const std::lock_guard lock(mutex_);
  return ended_;
}

Error RingWorker::Died() {
  keeper_.WaitForEnd(kEndTimeout);
  const std::string words = keeper_.LastWords();
  return Unavailable("the model's worker died: " + keeper_.ExitText() +
                     (words.empty() ? "" : ": " + words));
}

void RingWorker::KillForFault() {
  if (keeper_.alive()) killed_by_host_.store(true);
  keeper_.Kill();
  keeper_.WaitForEnd(kEndTimeout);
}

Status RingWorker::CheckInputs(std::span<const Bytes> inputs) const {
  if (inputs.size() != hello_.inputs.size()) {
    return InvalidArgument("run with " + std::to_string(inputs.size()) + " inputs, the model has " +
                           std::to_string(hello_.inputs.size()));
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].size() != hello_.inputs[i].bytes) {
      return InvalidArgument("input '" + hello_.inputs[i].name + "' has " +
                             std::to_string(inputs[i].size()) + " bytes, the model needs " +
                             std::to_string(hello_.inputs[i].bytes));
    }
  }
  return {};
}

Result<RingWorker::SlotLease> RingWorker::TakeSlot() {
  std::unique_lock lock(mutex_);
  if (free_slots_.empty() && waiters_ >= kWaitersMax) {
    return ResourceExhausted(std::to_string(kWaitersMax) + " runs wait for the model already");
  }
  ++waiters_;
  // Ends: every run of a slot is limited in time, or the worker's end wakes all.
  slot_free_.wait(lock, [this] { return ended_ || !free_slots_.empty(); });
  --waiters_;
  if (ended_) {
    lock.unlock();
    return Died();
  }
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  return SlotLease(*this, slot);
}

void RingWorker::ReturnSlot(uint32_t slot) {
  const std::lock_guard lock(mutex_);
  free_slots_.push_back(slot);
  slot_free_.notify_one();
}

void RingWorker::CopyIn(uint32_t slot, std::span<const Bytes> inputs) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].empty()) std::memcpy(ring_->Input(slot, i), inputs[i].data(), inputs[i].size());
  }
}

// One request to the worker and its answer. Its time counts from its start or from the last answer
// to anybody, whichever is later: the worker serves one request at a time, in order.
Status RingWorker::Call(uint32_t slot, RequestKind kind, uint32_t runs) {
  const uint64_t sequence = next_sequence_.fetch_add(1);
  const nanoseconds limit = options_.run_timeout * std::max(runs, 1u);
  const nanoseconds started = Clock::now().time_since_epoch();
  ring_->Submit(slot, kind, runs, sequence);
  for (;;) {
    const nanoseconds since = std::max(started, nanoseconds(last_reply_ns_.load()));
    const auto result = ring_->Wait(
        slot, Clock::time_point(std::chrono::duration_cast<Clock::duration>(since + limit)));
    if (result == HostRing::WaitResult::kDead && Ended()) return Died();
    if (result == HostRing::WaitResult::kTimeout) {
      if (nanoseconds(last_reply_ns_.load()) > since) continue;
      KillForFault();
      return DeadlineExceeded("the model did not answer within " +
                              std::to_string(limit / milliseconds(1)) +
                              " ms; its worker was killed");
    }
    const Reply reply = ring_->TakeReply(slot);
    // A slot that is dead while its worker lives was written by the worker.
    if (result != HostRing::WaitResult::kDone || reply.sequence != sequence) {
      KillForFault();
      return Unavailable("the model's worker broke the ring's protocol and was killed");
    }
    last_reply_ns_.store(nanoseconds(Clock::now().time_since_epoch()).count());
    if (reply.code != Code::kOk) return Error{reply.code, reply.message};
    return {};
  }
}

Status RingWorker::Run(std::span<const Bytes> inputs, std::span<const std::span<uint8_t>> outputs) {
  KEDGE_TRY_STATUS(CheckInputs(inputs));
  if (outputs.size() != hello_.outputs.size()) {
    return InvalidArgument("run with " + std::to_string(outputs.size()) +
                           " outputs, the model has " + std::to_string(hello_.outputs.size()));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].size() != hello_.outputs[i].bytes) {
      return InvalidArgument("room of " + std::to_string(outputs[i].size()) +
                             " bytes for output '" + hello_.outputs[i].name +
                             "', the model gives " + std::to_string(hello_.outputs[i].bytes));
    }
  }
  KEDGE_TRY(const SlotLease lease, TakeSlot());
  CopyIn(lease.slot(), inputs);
  KEDGE_TRY_STATUS(Call(lease.slot(), RequestKind::kRun, 1));
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].empty())
      std::memcpy(outputs[i].data(), ring_->Output(lease.slot(), i), outputs[i].size());
  }
  return {};
}

Result<std::vector<WorkerProcess::BenchRun>> RingWorker::Bench(std::span<const Bytes> inputs,
                                                               uint32_t warmup, uint32_t runs) {
  KEDGE_TRY_STATUS(CheckInputs(inputs));
  KEDGE_TRY(const SlotLease lease, TakeSlot());
  CopyIn(lease.slot(), inputs);
  std::vector<BenchRun> times;
  uint64_t left = uint64_t{warmup} + runs;
  while (left > 0) {
    const auto batch = static_cast<uint32_t>(std::min<uint64_t>(left, kBenchRunsMax));
    KEDGE_TRY_STATUS(Call(lease.slot(), RequestKind::kBench, batch));
    for (const RunTimes& run : ring_->TakeTimes(lease.slot(), batch))
      times.push_back({.cpu_ns = run.cpu_ns, .wall_ns = run.wall_ns});
    left -= batch;
  }
  times.erase(times.begin(), times.begin() + warmup);
  return times;
}

}  // namespace

std::string SandboxLevel::Text() const {
  std::string missing;
  const auto add = [&missing](bool present, const char* name) {
    if (!present) missing += (missing.empty() ? "no-" : " no-") + std::string(name);
  };
  add(seccomp, "seccomp");
  add(landlock, "landlock");
  add(rlimits, "rlimits");
  add(no_new_privileges, "privilege-lock");
  return missing.empty() ? "full" : missing;
}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::Start(const WorkerOptions& options) {
  auto worker = std::make_unique<RingWorker>(options);
  KEDGE_TRY_STATUS(worker->Launch());
  return std::unique_ptr<WorkerProcess>(std::move(worker));
}

}  // namespace kedge::ring
