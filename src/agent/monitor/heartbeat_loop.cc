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
                                                const CaptureQueue& captures,
                                                const Watcher& watcher) {
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
    const auto add = [&](const char* name, double value) {
      report.metrics.push_back({.dimension = identity.handle,
                                .metric_name = name,
                                .value = value,
                                .timestamp = std::nullopt});
    };
    add("InferenceCount", static_cast<double>(counters.runs));
    add("InferenceFailures", static_cast<double>(counters.failures));
    add("WorkerRestarts", static_cast<double>(counters.worker_restarts));
    const WatchCounters watched = watcher.CountersOf(model);
    if (watched.watched) {
      add("MonitoredCount", static_cast<double>(watched.looked_at));
      add("MonitorMissed", static_cast<double>(watched.missed));
      add("MonitorShare", watched.look_share);
      add("DriftLevel", watched.drift_level);
    }
    if (watched.captured + watched.over_budget > 0) {
      add("AutoCaptures", static_cast<double>(watched.captured));
      add("CapturesOverBudget", static_cast<double>(watched.over_budget));
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

namespace {

void AddUploads(const Uploader& uploader, std::vector<protocol::EdgeMetric>& metrics) {
  const UploaderCounters counters = uploader.counters();
  const auto add = [&](const char* name, uint64_t value) {
    metrics.push_back({.dimension = "",
                       .metric_name = name,
                       .value = static_cast<double>(value),
                       .timestamp = std::nullopt});
  };
  add("CaptureBatchesUploaded", counters.batches);
  add("CaptureBytesUploaded", counters.bytes);
  add("CaptureFilesDropped", counters.dropped);
}

}  // namespace

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
  if (parts_.uploader != nullptr) AddUploads(*parts_.uploader, heartbeat.agent_metrics);
  heartbeat.models = ReportModels(parts_.registry, parts_.captures, parts_.watcher);
  heartbeat.statistics = parts_.watcher.Statistics();
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
    // What a server will never take must not keep the device from going on.
    const bool refused = sent.error().code == Code::kInvalidArgument;
    if (!refused || (!result.has_value() && heartbeat.statistics.empty())) return std::nullopt;
    LogError("a heartbeat was refused; its deployment result and statistics are dropped",
             {{"deployment", result ? result->deployment_name : "none"},
              {"statistics_bytes", std::to_string(heartbeat.statistics.size())},
              {"why", sent.error().message}});
  }
  if (!heartbeat.statistics.empty()) parts_.watcher.Acknowledge();
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
