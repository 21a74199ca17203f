// SPDX-License-Identifier: Apache-2.0
#include "agent/monitor/heartbeat_loop.h"

#include "base/crypto/crypto.h"
#include "base/log.h"

namespace kedge::agent {

namespace {

// Letters, digits, space, underscore and dot only.
constexpr const char* kAgentVersion = KEDGE_VERSION;

}  // namespace

std::vector<protocol::ModelReport> ReportModels(const Registry& registry,
                                                const CaptureQueue& captures) {
  std::vector<protocol::ModelReport> reports;
  for (const auto& model : registry.List()) {
    const ModelIdentity& identity = model->identity();
    if (!protocol::IsReportedModelName(identity.model_name)) continue;
    const ModelCounters counters = model->counters();
    protocol::ModelReport report;
    report.model_name = identity.model_name;
    report.model_version = identity.model_version;
    if (counters.latest_run != 0) report.latest_inference = counters.latest_run;
    if (const EpochMs sample = captures.LatestSample(identity.handle); sample != 0)
      report.latest_sample_time = sample;
    const auto add = [&](const char* name, uint64_t value) {
      report.metrics.push_back({.dimension = identity.handle,
                                .metric_name = name,
                                .value = static_cast<double>(value),
                                .timestamp = std::nullopt});
    };
    add("InferenceCount", counters.runs);
    add("InferenceFailures", counters.failures);
    add("WorkerRestarts", counters.worker_restarts);
    reports.push_back(std::move(report));
  }
  return reports;
}

HeartbeatLoop::HeartbeatLoop(Parts parts)
    : parts_(parts),
      boot_(HexEncode(crypto::RandomBytes(8))),
      backoff_(std::min(kRetryWaitFirst, std::chrono::milliseconds(parts.period)), parts.period,
               std::random_device()()),
      thread_([this] { Run(); }) {}

HeartbeatLoop::~HeartbeatLoop() {
  parts_.bell.Stop();
  thread_.join();
}

protocol::Heartbeat HeartbeatLoop::Make() {
  protocol::Heartbeat heartbeat;
  heartbeat.agent_version = kAgentVersion;
  heartbeat.device = parts_.client.device();
  DeviceMetrics::AgentCounts counts;
  if (parts_.store != nullptr) {
    counts = {parts_.store->starts(), parts_.store->crashes()};
    heartbeat.deployment_result = parts_.store->NextUnreported();
  }
  heartbeat.agent_metrics = metrics_.Sample(parts_.clock.NowMs(), counts);
  heartbeat.models = ReportModels(parts_.registry, parts_.captures);
  heartbeat.boot = boot_;
  heartbeat.sequence = ++sequence_;
  heartbeat.period_ms = std::chrono::milliseconds(parts_.period).count();
  return heartbeat;
}

std::optional<std::chrono::milliseconds> HeartbeatLoop::Send() {
  const std::chrono::milliseconds by_itself = backoff_.Jitter(parts_.period);
  if (!parts_.registration.IsActive()) return by_itself;
  const protocol::Heartbeat heartbeat = Make();
  const auto sent = parts_.client.SendHeartbeat(heartbeat);
  const auto& result = heartbeat.deployment_result;
  if (!sent) {
    LogWarning("heartbeat was not taken", {{"why", sent.error().message}});
    // A server that will never take this result must not keep it from going on to the next.
    if (sent.error().code != Code::kInvalidArgument || !result.has_value()) return std::nullopt;
    LogError("a deployment result was refused and is dropped",
             {{"deployment", result->deployment_name}, {"why", sent.error().message}});
  }
  if (result.has_value() && parts_.updater != nullptr) parts_.updater->Acknowledge(*result);
  if (!sent || sent->next_contact_ms == 0) return by_itself;
  return std::chrono::milliseconds(sent->next_contact_ms);
}

void HeartbeatLoop::Run() {
  while (!parts_.bell.stopped()) {
    const auto wait = Send();
    if (wait) backoff_.Reset();
    parts_.bell.WaitUntil(std::chrono::steady_clock::now() + (wait ? *wait : backoff_.Next()));
  }
}

}  // namespace kedge::agent
