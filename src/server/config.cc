// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <charconv>
#include <thread>

namespace kedge::server {
namespace {

constexpr int kCertificateDaysMax = 3650;

constexpr double kDriftAlarmDaysMax = 3650;

void DeclareAlerts(Flags& flags, Config& config) {
  flags.Option("--drift-alarm-days", &config.drift_alarm_days,
               "alarm budget: one false alarm about drift of a model in so many days");
  flags.Option("--smtp-url", &config.smtp_url,
               "smtp://HOST:PORT or smtps://HOST:PORT that takes alerts by mail");
  flags.Option("--smtp-from", &config.smtp_from, "address that such mails come from");
  flags.Option("--smtp-user", &config.smtp_user, "user at the mail server; then only over TLS");
  flags.Option("--smtp-password-file", &config.smtp_password_file, "file with its password");
}

Status CheckAlerts(const Config& config) {
  if (!(config.drift_alarm_days > 0 && config.drift_alarm_days <= kDriftAlarmDaysMax)) {
    return InvalidArgument("--drift-alarm-days " + std::to_string(config.drift_alarm_days) +
                           " is not between 0 and " + std::to_string(kDriftAlarmDaysMax));
  }
  if (config.smtp_url.empty()) return {};
  if (!config.smtp_url.starts_with("smtp://") && !config.smtp_url.starts_with("smtps://")) {
    return InvalidArgument("--smtp-url '" + config.smtp_url + "' is not smtp:// or smtps://");
  }
  if (config.smtp_from.find('@') == std::string::npos) {
    return InvalidArgument("--smtp-from '" + config.smtp_from + "' is not an address");
  }
  return {};
}

void DeclareObjects(Flags& flags, Config& config) {
  flags.Option("--objects", &config.objects,
               "object store: a folder (DATA/objects if not given), or "
               "s3://BUCKET/PREFIX?endpoint=URL&region=R&style=path|virtual&credentials=FILE");
}

}  // namespace

void DeclareStorage(Flags& flags, Config& config) {
  flags.Option("--data", &config.data, "folder that holds everything; made if absent").Required();
  flags.Option("--database", &config.database,
               "'sqlite' (DATA/kedge.db) or postgresql://USER@HOST:PORT/NAME, which several nodes "
               "may share");
  flags.Option(
      "--master-key", &config.master_key,
      "file of the key that seals secrets; DATA/keys/master.key, made if absent, if not given");
  DeclareObjects(flags, config);
}

void DeclareServing(Flags& flags, Config& config) {
  config.compile_jobs = std::max<int64_t>(1, std::thread::hardware_concurrency() / 2);
  flags.Option("--listen", &config.listen, "ADDRESS:PORT; port 0 takes a free one");
  flags.Option("--tls-certificate", &config.tls_certificate,
               "PEM file, with intermediates: the API speaks https; read again when it changes");
  flags.Option("--tls-key", &config.tls_key, "PEM file of its key");
  flags.Option(
      "--device-listen", &config.device_listen,
      "ADDRESS:PORT where devices come with a certificate (mTLS); not served if not given");
  flags.Option("--device-endpoint", &config.device_endpoint,
               "URL of that listener as devices reach it, if it is not https://ADDRESS:PORT");
  flags.Option("--device-tls-certificate", &config.device_tls_certificate,
               "PEM file for that listener; one of the internal authority if not given");
  flags.Option("--device-tls-key", &config.device_tls_key, "PEM file of its key");
  flags.Option("--certificate-days", &config.certificate_days,
               "life of a device's certificate; the agent renews it after two thirds");
  flags.Option("--certificate-grace-days", &config.certificate_grace_days,
               "how long after its end a certificate may still be renewed");
  flags.Option("--s3-host", &config.s3_host,
               "host name below which each bucket of the object store has a name of its own");
  flags.Option("--region", &config.region, "region in resource names (ARNs)");
  flags.Option("--account", &config.account, "12 digits, account in resource names (ARNs)");
  flags.Option("--compile-jobs", &config.compile_jobs, "compilation jobs at a time").Range(1, 256);
  flags
      .Option("--connected-minutes", &config.connected_minutes,
              "a device heard of within them is connected in the fleet report")
      .Range(1, 1440);
  for (const QuotaName& quota : kQuotaNames) {
    flags
        .Option(std::string("--quota-") + quota.option, &(config.quotas.*quota.value),
                std::string("most ") + quota.what + "; more are a ResourceLimitExceeded")
        .Range(1, INT64_MAX);
  }
  flags
      .Option("--rate-limit", &config.rate_limit,
              "calls a second of one access key or user, twice as many at once; 0: no limit")
      .Range(0, 1'000'000);
  flags
      .Option("--enrolments", &config.enrolments_a_minute,
              "tries to enrol a device that one address has in a minute")
      .Range(1, 1'000'000);
  flags.Flag(
      "--unsandboxed-jobs", &config.unsandboxed_jobs,
      "compile without a sandbox: only where no namespace can be made and models are trusted");
  flags
      .Option("--lease-ms", &config.lease_ms,
              "of work that one node does for all; another goes on after this time")
      .Range(100, 600'000);
  flags
      .Option("--drain-seconds", &config.drain_seconds,
              "between SIGTERM, from when on /readyz answers 503, and the end of requests")
      .Range(0, 3'600);
  flags.Option("--metrics-listen", &config.metrics_listen,
               "ADDRESS:PORT of GET /metrics for Prometheus; not served if not given");
  flags.Option("--access-log", &config.access_log,
               "file for one JSON line a request ('-': standard output); reopened at SIGHUP");
  flags.Option("--otlp-endpoint", &config.otlp_endpoint,
               "http://HOST:4318 of a collector that takes traces by OTLP");
  flags.Option("--trace-fraction", &config.trace_fraction,
               "part of the traces that begin here which is sent, 0 to 1; a caller's flag counts");
  DeclareAlerts(flags, config);
  flags.Option("--log-level", &config.log_level, "least level of log lines")
      .OneOf({"debug", "info", "warning", "error"});
}

void DeclareSettings(Flags& flags, bool serves) {
  flags.Settings("KEDGE_SERVER",
                 serves ? Flags::UnknownSettings::kRefused : Flags::UnknownSettings::kIgnored);
}

bool KeepsObjectsInS3(const Config& config) { return config.objects.starts_with("s3:"); }

LogLevel LogLevelOf(const Config& config) {
  if (config.log_level == "debug") return LogLevel::kDebug;
  if (config.log_level == "warning") return LogLevel::kWarning;
  return config.log_level == "error" ? LogLevel::kError : LogLevel::kInfo;
}

bool UsesPostgres(const Config& config) {
  return config.database.starts_with("postgresql://") || config.database.starts_with("postgres://");
}

Status CheckConfig(const Config& config) {
  if (config.database != "sqlite" && !UsesPostgres(config)) {
    return InvalidArgument("--database '" + config.database +
                           "' is neither 'sqlite' nor postgresql://USER@HOST:PORT/NAME");
  }
  if (config.account.size() != 12 ||
      config.account.find_first_not_of("0123456789") != std::string::npos) {
    return InvalidArgument("--account '" + config.account + "' is not 12 digits");
  }
  if (!(config.trace_fraction >= 0 && config.trace_fraction <= 1)) {
    return InvalidArgument("--trace-fraction " + std::to_string(config.trace_fraction) +
                           " is not from 0 to 1");
  }
  if (config.tls_certificate.empty() != config.tls_key.empty()) {
    return InvalidArgument("--tls-certificate and --tls-key are given together or not at all");
  }
  if (config.device_tls_certificate.empty() != config.device_tls_key.empty()) {
    return InvalidArgument(
        "--device-tls-certificate and --device-tls-key are given together or not at all");
  }
  if (!(config.certificate_days > 0 && config.certificate_days <= kCertificateDaysMax) ||
      !(config.certificate_grace_days >= 0 &&
        config.certificate_grace_days <= kCertificateDaysMax)) {
    return InvalidArgument("--certificate-days and --certificate-grace-days are at most " +
                           std::to_string(kCertificateDaysMax));
  }
  KEDGE_TRY_STATUS(CheckAlerts(config));
  http::ServerOptions ignored;
  if (!config.device_listen.empty()) {
    KEDGE_TRY_STATUS(ReadListen("--device-listen", config.device_listen, ignored));
  }
  if (!config.device_endpoint.empty() && !config.device_endpoint.starts_with("https://")) {
    return InvalidArgument("--device-endpoint '" + config.device_endpoint + "' is no https URL");
  }
  if (!config.metrics_listen.empty()) {
    KEDGE_TRY_STATUS(ReadListen("--metrics-listen", config.metrics_listen, ignored));
  }
  return ReadListen("--listen", config.listen, ignored);
}

std::optional<http::ServerTls> ApiTls(const Config& config, const Keyring& keyring) {
  if (config.tls_certificate.empty()) return std::nullopt;
  return http::ServerTls{.certificate_file = config.tls_certificate,
                         .key_file = config.tls_key,
                         .ticket_secret = keyring.Derive("tls tickets of the api")};
}

Status ReadListen(const std::string& setting, const std::string& listen,
                  http::ServerOptions& options) {
  const Error wrong = InvalidArgument(setting + " '" + listen + "' is not ADDRESS:PORT");
  const size_t colon = listen.rfind(':');
  if (colon == std::string::npos || colon == 0) return wrong;
  options.address = listen.substr(0, colon);
  const char* end = listen.data() + listen.size();
  const auto [last, error] = std::from_chars(listen.data() + colon + 1, end, options.port);
  if (error != std::errc() || last != end) return wrong;
  return {};
}

}  // namespace kedge::server
