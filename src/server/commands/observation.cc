// SPDX-License-Identifier: Apache-2.0
#include "server/commands/observation.h"

#include <unistd.h>

#include "base/log.h"
#include "server/observe/process_gauges.h"

namespace kedge::server {
namespace {

constexpr uint32_t kMetricsThreads = 1;
constexpr uint32_t kMetricsConnectionsMax = 64;

std::string NodeName() {
  char name[256] = {};
  gethostname(name, sizeof(name) - 1);
  return std::string(name) + ":" + std::to_string(getpid());
}

http::Response Answer(int status, std::string_view type, std::string body) {
  http::Response response{.status = status, .body = std::move(body)};
  response.headers.Set("Content-Type", std::string(type));
  return response;
}

std::string OperationName(const Api& api, const http::Request& request) {
  if (api.Owns(request)) return api.OperationName(request);
  if (request.path() == "/healthz" || request.path() == "/readyz") return "health";
  for (const char* method : {"GET", "PUT", "HEAD", "POST", "DELETE"}) {
    if (request.method == method) return "S3." + request.method;
  }
  return "other";
}

}  // namespace

Result<std::unique_ptr<Observation>> Observation::Start(const Config& config, const Clock& clock) {
  std::unique_ptr<Observation> observation(new Observation(clock));
  observation->trace_fraction_ = config.trace_fraction;
  AddProcessGauges(observation->metrics_);
  if (!config.access_log.empty()) {
    KEDGE_TRY(observation->access_log_, AccessLog::Open(config.access_log));
    observation->metrics_.AddCounter(
        "kedge_access_log_lines_lost_total", "Lines that could not be written.",
        [log = observation->access_log_.get()] { return static_cast<double>(log->lines_lost()); });
  }
  if (!config.otlp_endpoint.empty()) {
    observation->exporter_ = std::make_unique<OtlpExporter>(
        OtlpOptions{.endpoint = config.otlp_endpoint, .node = NodeName()},
        http::MakeCurlTransport());
    const OtlpExporter* exporter = observation->exporter_.get();
    observation->metrics_.AddCounter(
        "kedge_spans_sent_total", "Spans that the collector took.",
        [exporter] { return static_cast<double>(exporter->spans_sent()); });
    observation->metrics_.AddCounter(
        "kedge_spans_dropped_total", "Spans lost to a full queue or a collector that failed.",
        [exporter] { return static_cast<double>(exporter->spans_dropped()); });
  }
  return observation;
}

http::Handler Observation::Around(http::Handler inner, const Api& api) {
  return Observed(std::move(inner), {.clock = clock_,
                                     .metrics = metrics_,
                                     .access_log = access_log_.get(),
                                     .exporter = exporter_.get(),
                                     .sampled_fraction = trace_fraction_,
                                     .operation = [&api](const http::Request& request) {
                                       return OperationName(api, request);
                                     }});
}

void Observation::Count(const http::Server& server, const std::string& listener) {
  const auto reading = [&server, listener](uint64_t http::ServerCounts::* member) {
    return [&server, listener, member] {
      return std::vector<std::pair<Labels, double>>{
          {{{"listener", listener}}, static_cast<double>(server.counts().*member)}};
    };
  };
  metrics_.AddReading({.name = "kedge_connections_open",
                       .help = "Connections that are open.",
                       .read = reading(&http::ServerCounts::connections_open)});
  metrics_.AddReading({.name = "kedge_connections_accepted_total",
                       .help = "Connections accepted.",
                       .is_counter = true,
                       .read = reading(&http::ServerCounts::connections_accepted)});
  metrics_.AddReading({.name = "kedge_connections_refused_total",
                       .help = "Connections closed at once, above the limit.",
                       .is_counter = true,
                       .read = reading(&http::ServerCounts::connections_refused)});
  metrics_.AddReading({.name = "kedge_requests_refused_total",
                       .help = "Requests that the listener itself refused (malformed, too many).",
                       .is_counter = true,
                       .read = reading(&http::ServerCounts::requests_refused)});
}

Status Observation::Serve(const Config& config) {
  if (config.metrics_listen.empty()) return {};
  http::ServerOptions options{.handler_threads = kMetricsThreads,
                              .connections_max = kMetricsConnectionsMax};
  KEDGE_TRY_STATUS(ReadListen("--metrics-listen", config.metrics_listen, options));
  const auto handler = [this](const http::Request& request, const http::Responder& responder) {
    if (request.path() != "/metrics") return responder(Answer(404, "text/plain", "see /metrics\n"));
    responder(Answer(200, Metrics::kContentType, metrics_.Text()));
  };
  const auto error = [](int status, std::string_view message) {
    return Answer(status, "text/plain", std::string(message) + "\n");
  };
  KEDGE_TRY(metrics_server_, http::Server::Start(options, handler, error));
  LogInfo("metrics are served",
          {{"address", options.address}, {"port", std::to_string(metrics_server_->port())}});
  return {};
}

void Observation::Reopen() {
  if (access_log_ == nullptr) return;
  if (const Status status = access_log_->Reopen(); !status) {
    LogError("the access log goes on in its old file", {{"error", status.error().message}});
  }
}

}  // namespace kedge::server
