// `kedge-worker`: the sandboxed process in which one compiled model runs. Started by
// ring::WorkerProcess only, with its descriptors (ring/worker_descriptors.h) and an empty
// environment.
//
// The order of main() is the sandbox: see sandbox.h.
// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <malloc.h>
#include <memory>
#include <string_view>
#include <unistd.h>

#include "base/descriptor.h"
#include "ring/handshake.h"
#include "ring/worker_descriptors.h"
#include "runtime/session.h"
#include "worker/sandbox.h"
#include "worker/serve.h"

namespace kedge::worker {

namespace {

// As base/flags.h has them, which would bring in a command line library.
constexpr int kExitSuccess = 0;
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;

struct Arguments {
  uint32_t threads = 1;
  uint32_t spin_us = 20;
  uint64_t memory_bytes = uint64_t{4} << 30;
  uint64_t arena_bytes = UINT64_MAX;
  bool best_effort = false;
};

int Usage(const char* problem) {
  std::fprintf(stderr, "kedge-worker: %s (see kedge-worker --help)\n", problem);
  return kExitUsage;
}

void PrintHelp() {
  std::printf(
      "kedge-worker: runs one compiled model in a sandbox. Started by kedge-agent and kedge, "
      "which\n"
      "hand it a control socket (descriptor 3), the model (4) and its weights (5).\n\n"
      "Options:\n"
      "  --threads N         threads of the model, 1 to 64\n"
      "  --memory-bytes N    limit of its address space\n"
      "  --arena-bytes N     limit of the model's arena\n"
      "  --spin-us N         busy waiting before it sleeps\n"
      "  --best-effort       leave out what of the sandbox cannot be set up\n"
      "  --help, --version\n");
}

// Fills `arguments`; an exit code if the program shall end.
int Parse(int argc, char** argv, Arguments& arguments) {
  constexpr int kGoOn = -1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--help") {
      PrintHelp();
      return kExitSuccess;
    }
    if (name == "--version") {
      std::printf("kedge-worker %s\n", KEDGE_VERSION);
      return kExitSuccess;
    }
    if (name == "--best-effort") {
      arguments.best_effort = true;
      continue;
    }
    if (i + 1 == argc) return Usage("an option without its value or an unknown one");
    char* end = nullptr;
    const uint64_t value = std::strtoull(argv[++i], &end, 10);
    if (*argv[i] == '\0' || *end != '\0') return Usage("a value is not a number");
    if (name == "--threads" && value >= 1 && value <= runtime::kThreadsMax) {
      arguments.threads = static_cast<uint32_t>(value);
    } else if (name == "--spin-us" && value <= 1000) {
      arguments.spin_us = static_cast<uint32_t>(value);
    } else if (name == "--memory-bytes") {
      arguments.memory_bytes = value;
    } else if (name == "--arena-bytes") {
      arguments.arena_bytes = value;
    } else {
      return Usage("an unknown option or a value out of range");
    }
  }
  return kGoOn;
}

// The kernel shall end this process before its agent when memory is short. A wish, not a wall.
void OfferForKilling() {
  if (auto file = OpenFile("/proc/self/oom_score_adj", O_WRONLY))
    (void)WriteAll(file->get(), AsBytes("500")).has_value();
}

std::vector<ring::IoInfo> Describe(const std::vector<runtime::TensorInfo>& tensors) {
  std::vector<ring::IoInfo> result;
  for (const runtime::TensorInfo& tensor : tensors)
    result.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.bytes});
  return result;
}

std::vector<uint64_t> BytesOf(const std::vector<runtime::TensorInfo>& tensors) {
  std::vector<uint64_t> bytes;
  for (const runtime::TensorInfo& tensor : tensors) bytes.push_back(tensor.bytes);
  return bytes;
}

Result<std::shared_ptr<const runtime::Model>> Load(const Arguments& arguments, Sandbox& sandbox) {
  KEDGE_TRY_STATUS(sandbox.LimitResources(arguments.memory_bytes));
  KEDGE_TRY_STATUS(sandbox.Lock(ring::kModelDescriptor));
  const bool has_weights = ::fcntl(ring::kWeightsDescriptor, F_GETFD) >= 0;
  KEDGE_TRY(auto model, runtime::Model::Load(ring::kModelDescriptor,
                                             has_weights ? ring::kWeightsDescriptor : -1));
  ::close(ring::kModelDescriptor);
  ::close(ring::kWeightsDescriptor);
  return model;
}

Result<ring::Hello> Greet(const Result<std::shared_ptr<const runtime::Model>>& model) {
  if (!model) return model.error();
  const runtime::ModelInfo& info = (*model)->info();
  return ring::Hello{.inputs = Describe(info.inputs),
                     .outputs = Describe(info.outputs),
                     .target = info.target,
                     .weights_hash = info.weights_hash};
}

// All that serving needs; the sandbox is shut when this exists.
struct Ready {
  std::unique_ptr<runtime::Session> session;
  ring::GuestRing ring;
};

Result<Ready> Prepare(const Arguments& arguments,
                      const std::shared_ptr<const runtime::Model>& model) {
  const runtime::ModelInfo& info = model->info();
  KEDGE_TRY(const FileDescriptor ring_fd, ring::ReceiveDescriptor(ring::kControlDescriptor));
  KEDGE_TRY(ring::GuestRing ring,
            ring::GuestRing::Attach(
                ring_fd.get(), {.inputs = BytesOf(info.inputs), .outputs = BytesOf(info.outputs)},
                arguments.spin_us));
  KEDGE_TRY(auto session,
            runtime::Session::Create(
                model, {.threads = arguments.threads, .arena_bytes_max = arguments.arena_bytes}));
  Ready ready{.session = std::move(session), .ring = std::move(ring)};
  return ready;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  if (const int exit_code = Parse(argc, argv, arguments); exit_code >= 0) return exit_code;
  if (::fcntl(ring::kControlDescriptor, F_GETFD) < 0)
    return Usage("no control socket; this program is started by others");
  // One heap for all threads: each other one would reserve 64 MiB of the address space.
  ::mallopt(M_ARENA_MAX, 1);
  OfferForKilling();

  Sandbox sandbox(arguments.best_effort);
  auto model = Load(arguments, sandbox);
  const Status told = ring::SendFrame(ring::kControlDescriptor, ring::EncodeHello(Greet(model)));
  if (!told || !model) return kExitFailure;

  auto ready = Prepare(arguments, *model);
  Status shut = ready ? sandbox.Shut() : Status(ready.error());
  const Result<ring::SandboxLevel> level =
      shut ? Result<ring::SandboxLevel>(sandbox.level()) : Result<ring::SandboxLevel>(shut.error());
  if (!ring::SendFrame(ring::kControlDescriptor, ring::EncodeReady(level)) || !shut)
    return kExitFailure;
  Serve(ready->ring, *ready->session, (*model)->info());
}

}  // namespace

}  // namespace kedge::worker

int main(int argc, char** argv) { return kedge::worker::Main(argc, argv); }
