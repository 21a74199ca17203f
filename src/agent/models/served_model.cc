// SPDX-License-Identifier: Apache-2.0
#include "agent/models/served_model.h"

#include <csignal>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

namespace kedge::agent {

namespace {

// Where the kernel has no pidfd_open, the keeper looks this often.
constexpr int kLookPeriodMs = 200;

// As WorkerProcess::exit_text() words it.
bool EndedBySigkill(const std::string& exit_text) {
  return exit_text.find("signal 9") != std::string::npos;
}

FileDescriptor OpenPidfd(pid_t pid) {
  return FileDescriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

// The worker's own words for a model that cannot be loaded become one code for the client; lack of
// resources stays what it is.
Error AsStartError(Error error, const std::string& handle) {
  if (error.code != Code::kResourceExhausted) error.code = Code::kFailedPrecondition;
  return Wrap(std::move(error), "starting model '" + handle + "'");
}

WorkerEnd EndOfFailedStart(const Error& error) {
  if (error.code == Code::kResourceExhausted) return WorkerEnd::kNoResources;
  if (EndedBySigkill(error.message)) return WorkerEnd::kKilledOutside;
  return WorkerEnd::kStartFailed;
}

}  // namespace

ServedModel::ServedModel(ModelIdentity identity, ModelSource source, ServedModelOptions options)
    : identity_(std::move(identity)), source_(std::move(source)), options_(std::move(options)) {
  options_.worker.model_so_fd = source_.model_so.get();
  options_.worker.arena_bytes_max = source_.arena_bytes_max;
  options_.worker.weights_fd = source_.weights.valid() ? source_.weights.get() : -1;
}

Result<std::shared_ptr<ServedModel>> ServedModel::Start(std::string handle, std::string url,
                                                        ModelSource source,
                                                        ServedModelOptions options) {
  ModelIdentity identity{std::move(handle), std::move(url), source.model_name, source.model_version,
                         source.package_sha256};
  std::shared_ptr<ServedModel> model(
      new ServedModel(std::move(identity), std::move(source), std::move(options)));
  model->stop_event_ = FileDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!model->stop_event_.valid()) return ErrnoError(errno, "making an event descriptor");
  std::promise<Status> first_start;
  std::future<Status> started = first_start.get_future();
  model->keeper_ = std::thread([raw = model.get(), promise = std::move(first_start)]() mutable {
    raw->Keep(std::move(promise));
  });
  if (Status status = started.get(); !status)
    return AsStartError(status.error(), model->identity_.handle);
  return model;
}

ServedModel::~ServedModel() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  worker_changed_.notify_all();
  const uint64_t one = 1;
  if (write(stop_event_.get(), &one, sizeof one) < 0)
    LogWarning("cannot wake a model's keeper", {{"handle", identity_.handle}});
  if (keeper_.joinable()) keeper_.join();
}

Status ServedModel::StartWorker() {
  KEDGE_TRY(std::unique_ptr<ring::WorkerProcess> worker,
            ring::WorkerProcess::Start(options_.worker));
  std::lock_guard lock(mutex_);
  if (generation_ == 0) {
    inputs_ = worker->inputs();
    outputs_ = worker->outputs();
    sandbox_text_ = worker->sandbox().Text();
  }
  worker_ = std::move(worker);
  worker_started_ = options_.clock->Steady();
  ++generation_;
  worker_changed_.notify_all();
  return {};
}

void ServedModel::Keep(std::promise<Status> first_start) {
  Status status = StartWorker();
  const bool started = status.has_value();
  if (started)
    LogInfo("model is loaded", {{"handle", identity_.handle},
                                {"model", identity_.model_name},
                                {"version", identity_.model_version},
                                {"target", source_.target},
                                {"sandbox", sandbox_text_},
                                {"worker_pid", std::to_string(WorkerPid())}});
  first_start.set_value(std::move(status));
  if (!started) return;

  std::string how;
  while (const std::optional<WorkerEnd> end = WatchWorker(&how)) {
    if (!PrepareRestart(*end, how)) return;
    // Until one comes up, each failed start is an end of its own.
    for (Status restarted = StartWorker(); !restarted; restarted = StartWorker())
      if (!PrepareRestart(EndOfFailedStart(restarted.error()), restarted.error().message)) return;
    restarts_.fetch_add(1);
    LogInfo("worker is restarted",
            {{"handle", identity_.handle}, {"worker_pid", std::to_string(WorkerPid())}});
  }
}

std::optional<WorkerEnd> ServedModel::WatchWorker(std::string* how) {
  std::shared_ptr<ring::WorkerProcess> worker;
  {
    std::lock_guard lock(mutex_);
    worker = worker_;
  }
  if (WaitForEnd(*worker)) return std::nullopt;
  *how = worker->exit_text();
  std::lock_guard lock(mutex_);
  worker_ = nullptr;
  if (worker->killed_by_host()) return WorkerEnd::kAtFault;
  return EndedBySigkill(*how) ? WorkerEnd::kKilledOutside : WorkerEnd::kCrashed;
}

bool ServedModel::WaitForEnd(ring::WorkerProcess& worker) {
  const FileDescriptor pidfd = OpenPidfd(worker.pid());
  while (worker.alive()) {
    pollfd waits[] = {{stop_event_.get(), POLLIN, 0}, {pidfd.get(), POLLIN, 0}};
    poll(waits, pidfd.valid() ? 2 : 1, pidfd.valid() ? -1 : kLookPeriodMs);
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return true;
    }
    // The end shows here a moment before the worker's owner has reaped it.
    std::this_thread::yield();
  }
  return false;
}

bool ServedModel::PrepareRestart(WorkerEnd end, const std::string& how) {
  RestartPolicy::Decision decision;
  {
    std::unique_lock lock(mutex_);
    if (stopping_) return false;
    decision = policy_.OnEnd(end, worker_started_, options_.clock->Steady());
    if (decision.condemned)
      condemned_why_ = std::to_string(kStrikesMax) + " crashes or hangs in " +
                       std::to_string(kStrikeWindow.count()) + " minutes, the last: " + how;
  }
  LogWarning("worker ended", {{"handle", identity_.handle},
                              {"how", how},
                              {"condemned", decision.condemned ? "true" : "false"},
                              {"restart_in_ms", std::to_string(decision.wait.count())}});
  if (decision.condemned) {
    worker_changed_.notify_all();
    if (options_.on_condemned) options_.on_condemned(condemned_why_);
    return false;
  }
  std::unique_lock lock(mutex_);
  return !worker_changed_.wait_for(lock, decision.wait, [&] { return stopping_; });
}

Result<std::shared_ptr<ring::WorkerProcess>> ServedModel::WaitForWorker(uint64_t* generation) {
  std::unique_lock lock(mutex_);
  const bool come = worker_changed_.wait_for(lock, kWorkerWaitMax, [&] {
    return (worker_ != nullptr && generation_ > *generation) || !condemned_why_.empty() ||
           stopping_;
  });
  if (!condemned_why_.empty())
    return Unavailable("model '" + identity_.handle + "' is marked bad: " + condemned_why_);
  if (!come || stopping_)
    return Unavailable("the worker of model '" + identity_.handle + "' is being restarted");
  *generation = generation_;
  return worker_;
}

Status ServedModel::RunUncounted(std::span<const Bytes> inputs,
                                 std::span<const std::span<uint8_t>> outputs) {
  Status status;
  uint64_t generation = 0;
  for (int attempt = 0; attempt < 2; ++attempt) {
    KEDGE_TRY(const std::shared_ptr<ring::WorkerProcess> worker, WaitForWorker(&generation));
    status = worker->Run(inputs, outputs);
    if (status) return status;
    if (status.error().code != Code::kUnavailable) break;
  }
  return Wrap(status.error(), "running model '" + identity_.handle + "'");
}

Status ServedModel::Run(std::span<const Bytes> inputs,
                        std::span<const std::span<uint8_t>> outputs) {
  Status status;
  if (runs_in_flight_.fetch_add(1) < kRunsInFlightMax) {
    status = RunUncounted(inputs, outputs);
  } else {
    status = ResourceExhausted(std::to_string(kRunsInFlightMax) + " calls of model '" +
                               identity_.handle + "' are in flight already");
  }
  runs_in_flight_.fetch_sub(1);
  if (status) {
    runs_.fetch_add(1, std::memory_order_relaxed);
    latest_run_.store(options_.clock->NowMs(), std::memory_order_relaxed);
  } else {
    failures_.fetch_add(1, std::memory_order_relaxed);
  }
  return status;
}

Status ServedModel::Probe() {
  std::vector<ByteBuffer> input_bytes, output_bytes;
  std::vector<Bytes> inputs;
  std::vector<std::span<uint8_t>> outputs;
  for (const ring::IoInfo& input : inputs_) input_bytes.emplace_back(input.bytes);
  for (const ring::IoInfo& output : outputs_) output_bytes.emplace_back(output.bytes);
  for (const ByteBuffer& input : input_bytes) inputs.push_back(input);
  for (ByteBuffer& output : output_bytes) outputs.push_back(output);
  return RunUncounted(inputs, outputs);
}

ModelCounters ServedModel::counters() const {
  return {runs_.load(), failures_.load(), restarts_.load(), latest_run_.load()};
}

bool ServedModel::condemned() const {
  std::lock_guard lock(mutex_);
  return !condemned_why_.empty();
}

std::string ServedModel::SandboxText() const { return sandbox_text_; }

void ServedModel::Condemn(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || !condemned_why_.empty()) return;
    condemned_why_ = why;
  }
  worker_changed_.notify_all();
  LogWarning("model is condemned", {{"handle", identity_.handle}, {"why", why}});
  if (options_.on_condemned) options_.on_condemned(why);
}

Status ServedModel::RestartWorker() {
  std::lock_guard lock(mutex_);
  if (worker_ == nullptr || !worker_->alive()) {
    return Unavailable("model '" + identity_.handle + "' has no worker at the moment");
  }
  if (kill(worker_->pid(), SIGKILL) != 0) return ErrnoError(errno, "ending the worker");
  return {};
}

pid_t ServedModel::WorkerPid() const {
  std::lock_guard lock(mutex_);
  return worker_ == nullptr ? 0 : worker_->pid();
}

}  // namespace kedge::agent
