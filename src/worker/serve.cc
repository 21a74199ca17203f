// SPDX-License-Identifier: Apache-2.0
#include "worker/serve.h"

#include <ctime>

namespace kedge::worker {

namespace {

uint64_t Now(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

Status RunTimed(runtime::Session& session, std::span<const void* const> inputs,
                std::span<void* const> outputs, ring::RunTimes& times) {
  const uint64_t cpu_ns = Now(CLOCK_PROCESS_CPUTIME_ID);
  const uint64_t wall_ns = Now(CLOCK_MONOTONIC);
  Status status = session.Run(inputs, outputs);
  times.wall_ns = Now(CLOCK_MONOTONIC) - wall_ns;
  times.cpu_ns = Now(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns;
  return status;
}

Status Answer(const ring::GuestRing& ring, const ring::GuestRing::Request& request,
              runtime::Session& session, std::span<const void* const> inputs,
              std::span<void* const> outputs) {
  if (request.kind == ring::RequestKind::kRun) return session.Run(inputs, outputs);
  if (request.kind != ring::RequestKind::kBench) return InvalidArgument("unknown kind of request");
  for (uint32_t i = 0; i < request.runs; ++i)
    KEDGE_TRY_STATUS(RunTimed(session, inputs, outputs, ring.Times(request.slot)[i]));
  return {};
}

}  // namespace

void Serve(ring::GuestRing& ring, runtime::Session& session, const runtime::ModelInfo& model) {
  std::vector<const void*> inputs(model.inputs.size());
  std::vector<void*> outputs(model.outputs.size());
  for (;;) {
    const ring::GuestRing::Request request = ring.Next();
    for (size_t i = 0; i < inputs.size(); ++i) inputs[i] = ring.Input(request.slot, i);
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = ring.Output(request.slot, i);
    const Status status = Answer(ring, request, session, inputs, outputs);
    ring.Complete(request, status ? Code::kOk : status.error().code,
                  status ? std::string_view() : std::string_view(status.error().message));
  }
}

}  // namespace kedge::worker
