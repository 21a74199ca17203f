// SPDX-License-Identifier: Apache-2.0
#include "server/commands/drift_parts.h"

#include "server/drift/retention.h"

namespace kedge::server {
namespace {

constexpr std::chrono::milliseconds kDriftPeriod{500};
constexpr std::chrono::minutes kDriftRetentionPeriod{10};
constexpr size_t kPasswordBytesMax = 4096;

Result<std::string> ReadPassword(const std::string& file) {
  if (file.empty()) return std::string();
  PosixFileSystem disk;
  KEDGE_TRY(const ByteBuffer bytes, disk.Read(file, kPasswordBytesMax));
  const std::string text(bytes.begin(), bytes.end());
  return text.substr(0, text.find_first_of("\r\n"));
}

}  // namespace

Result<std::unique_ptr<AlertSender>> MakeAlertSender(const Config& config, const Keyring& keyring,
                                                     const Clock& clock) {
  std::unique_ptr<http::MailTransport> mail;
  if (!config.smtp_url.empty()) {
    KEDGE_TRY(std::string password, ReadPassword(config.smtp_password_file));
    mail = http::MakeCurlMailTransport({.url = config.smtp_url,
                                        .from = config.smtp_from,
                                        .user = config.smtp_user,
                                        .password = std::move(password),
                                        .timeout = kAlertTimeout});
  }
  return std::make_unique<AlertSender>(keyring, clock, http::MakeCurlTransport(), std::move(mail));
}

DriftLoops::DriftLoops(const DriftParts& parts, const Config& config, const AlertSender& alerts,
                       const std::string& node)
    : work_(parts, {.alarm_days = config.drift_alarm_days}),
      shown_(parts.store, parts.clock, parts.baselines),
      drift_(parts.store, parts.clock, {.lease = kDriftLease, .node = node, .period = kDriftPeriod},
             [this](const store::Lease& lease) { return work_.Step(lease); }),
      alerts_(parts.store, parts.clock, {.lease = kAlertLease, .node = node},
              [parts, &alerts](const store::Lease& lease) {
                return SendAlertStep(parts.store, parts.clock, alerts, lease);
              }),
      retention_(parts.store, parts.clock,
                 {.lease = kDriftRetentionLease, .node = node, .period = kDriftRetentionPeriod},
                 [parts](const store::Lease& lease) {
                   return DriftRetentionStep(parts.store, parts.clock, lease);
                 }) {}

void DriftLoops::Observe(Metrics& metrics) {
  using Read = std::vector<DriftSample> (DriftMetrics::*)();
  const struct {
    const char* name;
    const char* help;
    Read read;
  } gauges[] = {
      {"ml_drift_evidence",
       "log10 of the days in which so much evidence of drift comes once by chance.",
       &DriftMetrics::Evidence},
      {"ml_drift_evidence_threshold", "The alarm line of ml_drift_evidence.",
       &DriftMetrics::Threshold},
      {"ml_drift_alarm", "1 while the model's drift is in ALARM.", &DriftMetrics::Alarms},
      {"ml_drift_devices", "Devices that are named.", &DriftMetrics::AffectedDevices},
      {"ml_monitor_samples", "Inferences counted in the last 24 hours.", &DriftMetrics::Samples},
  };
  for (const auto& gauge : gauges) {
    metrics.AddReading({.name = gauge.name, .help = gauge.help, .read = [this, read = gauge.read] {
                          return (shown_.*read)();
                        }});
  }
  const struct {
    const char* name;
    double QualityEstimate::* member;
  } estimates[] = {{"ml_quality_accuracy_estimate_ratio", &QualityEstimate::value},
                   {"ml_quality_accuracy_estimate_lower_ratio", &QualityEstimate::lower},
                   {"ml_quality_accuracy_estimate_upper_ratio", &QualityEstimate::upper}};
  for (const auto& estimate : estimates) {
    metrics.AddReading(
        {.name = estimate.name,
         .help = "Accuracy estimated without labels, or an end of its 95 % interval.",
         .read = [this, member = estimate.member] { return shown_.Accuracy(member); }});
  }
  const MergeTotals& totals = work_.totals();
  metrics.AddCounter("kedge_drift_reports_merged_total", "Reports of devices that were merged.",
                     [&totals] { return static_cast<double>(totals.merged); });
  metrics.AddCounter("kedge_drift_reports_duplicate_total", "Reports that had been merged before.",
                     [&totals] { return static_cast<double>(totals.duplicates); });
  metrics.AddCounter("kedge_drift_reports_dropped_total",
                     "Parts of reports under a baseline that no package carries.",
                     [&totals] { return static_cast<double>(totals.dropped); });
}

}  // namespace kedge::server
