// SPDX-License-Identifier: Apache-2.0
#include "server/observe/observe.h"

#include <memory>
#include <random>

#include "server/observe/trace_context.h"

namespace kedge::server {
namespace {

// What is known of a request when it arrives; the answer fills the rest.
struct Observation {
  AccessLogEntry entry;
  std::chrono::steady_clock::time_point start;
  TraceContext trace;
  std::string parent_span_id;
};

bool Sampled(double fraction) {
  if (fraction <= 0) return false;
  thread_local std::minstd_rand generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0, 1)(generator) < fraction;
}

// "AWS4-HMAC-SHA256 Credential=KEY/20261122/..." -> KEY
std::string ClaimedKey(const http::Request& request) {
  const std::string* header = request.headers.Find("Authorization");
  if (header == nullptr) return {};
  constexpr std::string_view kCredential = "Credential=";
  const size_t start = header->find(kCredential);
  if (start == std::string::npos) return {};
  const size_t from = start + kCredential.size();
  return header->substr(from, header->find('/', from) - from);
}

Observation Observe(const http::Request& request, const Observers& observers) {
  Observation seen{.entry = {.time = observers.clock.NowMs(),
                             .peer = request.peer,
                             .method = request.method,
                             .path = std::string(request.path()),
                             .operation = observers.operation(request),
                             .request_bytes = request.body_bytes},
                   .start = observers.clock.Steady()};
  if (observers.access_log != nullptr) seen.entry.key = ClaimedKey(request);
  if (observers.access_log == nullptr && observers.exporter == nullptr) return seen;
  const std::string* header = request.headers.Find("traceparent");
  if (const auto caller = header != nullptr ? ParseTraceparent(*header) : std::nullopt) {
    seen.trace = ChildOf(*caller);
    seen.parent_span_id = caller->span_id;
  } else {
    seen.trace = NewTrace(observers.exporter != nullptr && Sampled(observers.sampled_fraction));
  }
  return seen;
}

void ExportSpan(const Observation& seen, OtlpExporter& exporter) {
  const int64_t start_ns = seen.entry.time * 1'000'000;
  exporter.Export({.trace_id = seen.trace.trace_id,
                   .span_id = seen.trace.span_id,
                   .parent_span_id = seen.parent_span_id,
                   .name = seen.entry.operation,
                   .start_ns = start_ns,
                   .end_ns = start_ns + seen.entry.microseconds * 1000,
                   .attributes = {{"http.request.method", seen.entry.method},
                                  {"url.path", seen.entry.path},
                                  {"http.response.status_code", std::to_string(seen.entry.status)},
                                  {"client.address", seen.entry.peer},
                                  {"kedge.request_id", seen.entry.request_id}},
                   .failed = seen.entry.status >= 500});
}

void Finish(Observation& seen, const http::Response& response, const Observers& observers) {
  const auto took = observers.clock.Steady() - seen.start;
  seen.entry.status = response.status;
  seen.entry.microseconds = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  observers.metrics.CountRequest(seen.entry.operation, response.status,
                                 std::chrono::duration<double>(took).count());
  if (observers.access_log == nullptr && observers.exporter == nullptr) return;
  seen.entry.response_bytes = response.file ? response.file_bytes : response.body.size();
  seen.entry.request_id =
      response.headers.Get("x-amzn-RequestId", response.headers.Get("x-amz-request-id"));
  seen.entry.trace_id = seen.trace.trace_id;
  if (observers.access_log != nullptr) observers.access_log->Write(seen.entry);
  if (observers.exporter != nullptr && seen.trace.sampled) ExportSpan(seen, *observers.exporter);
}

}  // namespace

http::Handler Observed(http::Handler inner, Observers observers) {
  // Shared by all requests in flight, some of which may end after the server has dropped the
  // handler.
  const auto shared = std::make_shared<const Observers>(std::move(observers));
  return [inner = std::move(inner), shared](const http::Request& request,
                                            const http::Responder& responder) {
    const auto seen = std::make_shared<Observation>(Observe(request, *shared));
    inner(request, [shared, seen, responder](http::Response response) {
      Finish(*seen, response, *shared);
      responder(std::move(response));
    });
  };
}

}  // namespace kedge::server
