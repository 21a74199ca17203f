// What it costs to run a model in a process of its own: the hand-over of a request and its reply
// through the ring, with both sides awake (spinning) and asleep (futex), against a call in the same
// process.
//
//   build/dev/bin/ring_bench
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <benchmark/benchmark.h>
#include <chrono>
#include <thread>

#include "base/subprocess.h"
#include "ring/ring.h"
#include "ring/worker_process.h"
#include "runtime/session.h"
#include "runtime/testing/c_model.h"

namespace kedge {
namespace {

constexpr int64_t kElements = 1024;  // a 4 KB tensor each way
constexpr uint64_t kBytes = 4 * kElements;
constexpr uint64_t kStop = 0;  // sequence number of the last request

std::chrono::steady_clock::time_point Soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(60);
}

// The median beside the mean: on a shared machine a few waits for a core make the mean.
class Medians {
 public:
  template <class F>
  void Time(const F& f) {
    const auto start = std::chrono::steady_clock::now();
    f();
    times_.push_back(std::chrono::steady_clock::now() - start);
  }
  void Report(benchmark::State& state) {
    if (times_.empty()) return;
    std::sort(times_.begin(), times_.end());
    state.counters["p50_ns"] = static_cast<double>(times_[times_.size() / 2].count());
  }

 private:
  std::vector<std::chrono::nanoseconds> times_;
};

// The ring alone, its two sides being threads of this program. Argument: spin_us of both sides.
void RingRoundTrip(benchmark::State& state) {
  const auto spin_us = static_cast<uint32_t>(state.range(0));
  const ring::TensorSizes sizes = {.inputs = {kBytes}, .outputs = {kBytes}};
  auto host = ring::HostRing::Create(sizes, spin_us);
  auto guest = ring::GuestRing::Attach(host->fd(), sizes, spin_us);
  std::thread server([&] {
    for (bool stop = false; !stop;) {
      const auto request = guest->Next();
      stop = request.sequence == kStop;
      guest->Complete(request, Code::kOk, "");
    }
  });
  uint64_t sequence = kStop;
  Medians medians;
  for (auto _ : state) {
    medians.Time([&] {
      host->Submit(0, ring::RequestKind::kRun, 1, ++sequence);
      benchmark::DoNotOptimize(host->Wait(0, Soon()));
    });
  }
  medians.Report(state);
  host->Submit(0, ring::RequestKind::kRun, 1, kStop);
  server.join();
}
BENCHMARK(RingRoundTrip)->ArgName("spin_us")->Arg(0)->Arg(20)->UseRealTime();

runtime::testing::CModel CopyModel() {
  return {.run_body = "for (int i = 0; i < ELEMENTS; ++i) y[i] = x[i]; return 0;",
          .elements = kElements,
          .clang_arguments = {"-O3"}};
}

// A model that copies 4 KB, in kedge-worker: two copies of 4 KB in, two out, and the hand-over.
void RunInWorker(benchmark::State& state) {
  const auto object = runtime::testing::BuildObject(CopyModel());
  auto worker = ring::WorkerProcess::Start({.program = ExecutableDirectory() / "kedge-worker",
                                            .model_so_fd = object->get(),
                                            .spin_us = static_cast<uint32_t>(state.range(0))});
  if (!worker) return state.SkipWithError(worker.error().message.c_str());
  ByteBuffer x(kBytes), y(kBytes);
  const Bytes inputs[] = {x};
  const std::span<uint8_t> outputs[] = {y};
  Medians medians;
  for (auto _ : state) {
    medians.Time([&] {
      if (!(*worker)->Run(inputs, outputs)) state.SkipWithError("the worker failed");
    });
  }
  medians.Report(state);
}
BENCHMARK(RunInWorker)->ArgName("spin_us")->Arg(0)->Arg(20)->UseRealTime();

// The same model in this process.
void RunInProcess(benchmark::State& state) {
  const auto object = runtime::testing::BuildObject(CopyModel());
  const auto model = runtime::Model::Load(object->get(), -1);
  auto session = runtime::Session::Create(*model, {});
  ByteBuffer x(kBytes), y(kBytes);
  const void* inputs[] = {x.data()};
  void* outputs[] = {y.data()};
  Medians medians;
  for (auto _ : state) {
    medians.Time([&] {
      if (!(*session)->Run(inputs, outputs)) state.SkipWithError("the model failed");
    });
  }
  medians.Report(state);
}
BENCHMARK(RunInProcess)->UseRealTime();

// From the start of the program to a worker that answers.
void StartWorker(benchmark::State& state) {
  const auto object = runtime::testing::BuildObject(CopyModel());
  for (auto _ : state) {
    auto worker = ring::WorkerProcess::Start(
        {.program = ExecutableDirectory() / "kedge-worker", .model_so_fd = object->get()});
    if (!worker) return state.SkipWithError(worker.error().message.c_str());
  }
}
BENCHMARK(StartWorker)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kedge

BENCHMARK_MAIN();
