// SPDX-License-Identifier: Apache-2.0
#include "server/observe/otlp_exporter.h"

#include "base/json/json.h"
#include "base/log.h"

namespace kedge::server {
namespace {

constexpr int kSpanKindServer = 2;  // SPAN_KIND_SERVER
constexpr int kStatusError = 2;     // STATUS_CODE_ERROR
constexpr std::chrono::milliseconds kSendTimeout{5'000};

json::Value Attribute(const std::string& key, const std::string& text) {
  return json::Object{{"key", key}, {"value", json::Object{{"stringValue", text}}}};
}

json::Value ToJson(const Span& span) {
  json::Array attributes;
  for (const auto& [key, text] : span.attributes) attributes.push_back(Attribute(key, text));
  json::Object object{{"traceId", span.trace_id},
                      {"spanId", span.span_id},
                      {"name", span.name},
                      {"kind", kSpanKindServer},
                      {"startTimeUnixNano", std::to_string(span.start_ns)},
                      {"endTimeUnixNano", std::to_string(span.end_ns)},
                      {"attributes", std::move(attributes)}};
  if (!span.parent_span_id.empty()) object.Set("parentSpanId", span.parent_span_id);
  if (span.failed) object.Set("status", json::Object{{"code", kStatusError}});
  return object;
}

}  // namespace

std::string FormatOtlp(const std::vector<Span>& spans, const OtlpOptions& options) {
  json::Array list;
  for (const Span& span : spans) list.push_back(ToJson(span));
  const json::Object resource{
      {"attributes", json::Array{Attribute("service.name", "kedge-server"),
                                 Attribute("service.version", KEDGE_VERSION),
                                 Attribute("service.instance.id", options.node)}}};
  const json::Object scope{{"scope", json::Object{{"name", "kedge"}}}, {"spans", std::move(list)}};
  return json::Write(json::Object{
      {"resourceSpans",
       json::Array{json::Object{{"resource", resource}, {"scopeSpans", json::Array{scope}}}}}});
}

OtlpExporter::OtlpExporter(OtlpOptions options, std::unique_ptr<http::Transport> transport)
    : options_(std::move(options)), transport_(std::move(transport)), thread_([this] { Run(); }) {}

OtlpExporter::~OtlpExporter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void OtlpExporter::Export(Span span) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= options_.queue_max) {
      ++dropped_;
      return;
    }
    queue_.push_back(std::move(span));
    if (queue_.size() < options_.batch_max) return;  // the thread wakes by itself
  }
  wake_.notify_one();
}

void OtlpExporter::Run() {
  for (;;) {
    std::vector<Span> batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, options_.wait,
                     [this] { return stopping_ || queue_.size() >= options_.batch_max; });
      if (queue_.empty()) {
        if (stopping_) return;
        continue;
      }
      while (!queue_.empty() && batch.size() < options_.batch_max) {
        batch.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
    }
    Send(batch);
  }
}

void OtlpExporter::Send(const std::vector<Span>& spans) {
  http::ClientRequest request{.method = "POST",
                              .url = options_.endpoint + "/v1/traces",
                              .body = FormatOtlp(spans, options_),
                              .timeout = kSendTimeout};
  request.headers.Set("Content-Type", "application/json");
  const auto response = transport_->Send(request);
  if (response && response->status / 100 == 2) {
    sent_ += spans.size();
    return;
  }
  // The first loss is told, the rest is in the metrics: a collector may be away for days.
  if (dropped_.fetch_add(spans.size()) == 0) {
    LogWarning("spans were lost",
               {{"endpoint", options_.endpoint},
                {"error", response ? "HTTP status " + std::to_string(response->status)
                                   : response.error().message}});
  }
}

}  // namespace kedge::server
