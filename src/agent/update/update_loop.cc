// SPDX-License-Identifier: Apache-2.0
#include "agent/update/update_loop.h"

#include "base/log.h"

namespace kedge::agent {

using Clock = std::chrono::steady_clock;

UpdateLoop::UpdateLoop(Parts parts)
    : parts_(std::move(parts)),
      commands_(parts.registry, parts.heartbeat_bell),
      poll_backoff_(kRetryWaitFirst,
                    std::max(kRetryWaitFirst,
                             std::min(kRetryWaitMax, std::chrono::milliseconds(parts.poll_period))),
                    std::random_device()()),
      step_backoff_(kRetryWaitFirst, kRetryWaitMax, std::random_device()()),
      thread_([this] { Run(); }) {}

UpdateLoop::~UpdateLoop() {
  cancelled_.store(true);
  parts_.bell.Stop();
  thread_.join();
}

std::chrono::milliseconds UpdateLoop::Poll() {
  if (!parts_.registration->IsActive()) return poll_backoff_.Jitter(parts_.poll_period);
  auto listed = parts_.client->GetDeployments();
  if (!listed) {
    LogWarning("cannot ask for deployments", {{"why", listed.error().message}});
    return poll_backoff_.Next();
  }
  poll_backoff_.Reset();
  parts_.updater.Offer(listed->deployments);
  parts_.on_capture_policies(std::move(listed->capture_policies));
  Obey(listed->commands);
  return poll_backoff_.Jitter(parts_.poll_period);
}

void UpdateLoop::Obey(const std::vector<protocol::DeviceCommand>& commands) {
  for (const protocol::DeviceCommand& command : commands) {
    const protocol::CommandReport report = commands_.Run(command);
    const Status sent = parts_.client->ReportCommand(report);
    if (!sent) LogWarning("cannot report a command", {{"why", sent.error().message}});
  }
}

void UpdateLoop::Run() {
  Clock::time_point next_poll = Clock::now();
  while (!parts_.bell.stopped()) {
    if (parts_.client != nullptr && Clock::now() >= next_poll) next_poll = Clock::now() + Poll();
    const Updater::Next next = parts_.updater.Step(parts_.client, &cancelled_);
    if (parts_.store.NextUnreported().has_value()) parts_.heartbeat_bell.Ring();
    if (next == Updater::Next::kNow) {
      step_backoff_.Reset();
      continue;
    }
    const Clock::time_point idle_until =
        parts_.client != nullptr ? next_poll : Clock::now() + std::chrono::hours(1);
    const Clock::time_point retry = Clock::now() + step_backoff_.Next();
    parts_.bell.WaitUntil(next == Updater::Next::kIdle ? idle_until : std::min(idle_until, retry));
  }
}

}  // namespace kedge::agent
