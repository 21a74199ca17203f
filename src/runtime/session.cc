// Sessions: an arena and threads for one run at a time.
// SPDX-License-Identifier: Apache-2.0
#include "runtime/session.h"

#include <cerrno>
#include <ctime>
#include <sys/mman.h>

#include "runtime/loaded_model.h"
#include "runtime/thread_pool.h"

namespace kedge::runtime {

namespace {

constexpr size_t kHugePageBytes = size_t{2} << 20;
constexpr size_t kMessageBytes = 256;

// Zeroed anonymous memory, page-aligned; pages are taken as they are touched.
class Arena {
 public:
  static Result<Arena> Make(uint64_t bytes) {
    if (bytes == 0) return Arena();
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
      return ResourceExhausted("the model's arena of " + std::to_string(bytes) +
                               " bytes cannot be had");
    }
    if (bytes >= kHugePageBytes) ::madvise(at, bytes, MADV_HUGEPAGE);
    return Arena(at, bytes);
  }
  Arena() = default;
  Arena(Arena&& other) noexcept
      : at_(std::exchange(other.at_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Arena& operator=(Arena&&) = delete;
  ~Arena() {
    if (at_ != nullptr) ::munmap(at_, bytes_);
  }
  void* at() const { return at_; }

 private:
  Arena(void* at, uint64_t bytes) : at_(at), bytes_(bytes) {}
  void* at_ = nullptr;
  uint64_t bytes_ = 0;
};

uint64_t NowNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

class LoadedSession final : public Session {
 public:
  LoadedSession(std::shared_ptr<const LoadedModel> model, Arena arena,
                std::unique_ptr<ThreadPool> threads)
      : model_(std::move(model)), arena_(std::move(arena)), threads_(std::move(threads)) {
    host_.context = this;
    host_.parallel = [](void* self, kedge_task task, void* argument, uint32_t n) {
      static_cast<LoadedSession*>(self)->threads_->Parallel(task, argument, n);
    };
    host_.workers = threads_->threads();
  }

  Status Run(std::span<const void* const> inputs, std::span<void* const> outputs) override {
    host_.trace = nullptr;
    return Start(inputs, outputs);
  }

  Status RunTraced(std::span<const void* const> inputs, std::span<void* const> outputs,
                   std::span<uint64_t> op_nanoseconds) override {
    if (op_nanoseconds.size() != model_->info().op_names.size()) {
      return InvalidArgument("room for " + std::to_string(op_nanoseconds.size()) +
                             " op times, the model has " +
                             std::to_string(model_->info().op_names.size()) + " ops");
    }
    trace_ = {.times = op_nanoseconds, .op = 0, .running = false, .since_ns = 0};
    host_.trace = [](void* self, uint32_t op) { static_cast<LoadedSession*>(self)->EnterOp(op); };
    return Start(inputs, outputs);
  }

 private:
  struct Trace {
    std::span<uint64_t> times;
    uint32_t op = 0;
    bool running = false;
    uint64_t since_ns = 0;
  };

  // Called by the model before each op, and with the number of ops after the last.
  void EnterOp(uint32_t op) {
    const uint64_t now_ns = NowNs();
    if (trace_.running) trace_.times[trace_.op] += now_ns - trace_.since_ns;
    trace_.running = op < trace_.times.size();
    trace_.op = op;
    trace_.since_ns = now_ns;
  }

  Status Start(std::span<const void* const> inputs, std::span<void* const> outputs) {
    const ModelInfo& info = model_->info();
    if (inputs.size() != info.inputs.size() || outputs.size() != info.outputs.size()) {
      return InvalidArgument("run with " + std::to_string(inputs.size()) + " inputs and " +
                             std::to_string(outputs.size()) + " outputs, the model has " +
                             std::to_string(info.inputs.size()) + " and " +
                             std::to_string(info.outputs.size()));
    }
    message_[0] = '\0';
    const int code = model_->run()(&host_, model_->weights(), inputs.data(), outputs.data(),
                                   arena_.at(), message_, sizeof message_);
    if (code == KEDGE_RUN_OK) return {};
    message_[sizeof message_ - 1] = '\0';
    return Failure(code);
  }

  Error Failure(int code) const {
    const std::string message = message_[0] != '\0' ? message_ : "the model gave no reason";
    switch (code) {
      case KEDGE_RUN_INVALID_ARGUMENT:
        return InvalidArgument(message);
      case KEDGE_RUN_OUT_OF_RANGE:
        return OutOfRange(message);
      default:
        return Internal("the model failed with code " + std::to_string(code) + ": " + message);
    }
  }

  std::shared_ptr<const LoadedModel> model_;
  Arena arena_;
  std::unique_ptr<ThreadPool> threads_;
  kedge_host host_{};
  Trace trace_;
  char message_[kMessageBytes] = {};
};

}  // namespace

Result<std::unique_ptr<Session>> Session::Create(std::shared_ptr<const Model> model,
                                                 const SessionOptions& options) {
  if (options.threads < 1 || options.threads > kThreadsMax) {
    return InvalidArgument(std::to_string(options.threads) + " threads asked for, 1 to " +
                           std::to_string(kThreadsMax) + " are accepted");
  }
  // Model::Load makes no other kind.
  auto loaded = std::static_pointer_cast<const LoadedModel>(std::move(model));
  if (loaded->info().arena_bytes > options.arena_bytes_max) {
    return FailedPrecondition("the model asks for an arena of " +
                              std::to_string(loaded->info().arena_bytes) + " bytes, " +
                              std::to_string(options.arena_bytes_max) + " are allowed");
  }
  KEDGE_TRY(Arena arena, Arena::Make(loaded->info().arena_bytes));
  KEDGE_TRY(std::unique_ptr<ThreadPool> threads,
            ThreadPool::Create(options.threads, options.spin_us));
  return std::unique_ptr<Session>(
      std::make_unique<LoadedSession>(std::move(loaded), std::move(arena), std::move(threads)));
}

}  // namespace kedge::runtime
