// Sends spans to a collector by OTLP over HTTP in JSON.
// Source: OpenTelemetry Protocol specification 1.x, "OTLP/HTTP", JSON Protobuf encoding: ids are
// hexadecimal, times are nanoseconds in decimal strings, enumerations are numbers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "http/client.h"

namespace kedge::server {

struct Span {
  std::string trace_id;
  std::string span_id;
  std::string parent_span_id;  // empty: the root of its trace
  std::string name;
  int64_t start_ns = 0;  // since the epoch
  int64_t end_ns = 0;
  std::map<std::string, std::string> attributes;
  bool failed = false;  // status ERROR
};

struct OtlpOptions {
  std::string endpoint;     // "http://127.0.0.1:4318"; /v1/traces is appended
  std::string node;         // service.instance.id
  size_t queue_max = 4096;  // spans that wait; above it new ones are dropped and counted
  size_t batch_max = 512;   // spans in one request
  std::chrono::milliseconds wait{1000};  // how long a span may wait for others to be sent with
};

// The body of one request.
std::string FormatOtlp(const std::vector<Span>& spans, const OtlpOptions& options);

// Thread-safe. A collector that is away costs the spans, nothing else.
class OtlpExporter {
 public:
  OtlpExporter(OtlpOptions options, std::unique_ptr<http::Transport> transport);
  ~OtlpExporter();  // sends what is queued, once

  void Export(Span span);
  uint64_t spans_dropped() const { return dropped_.load(); }
  uint64_t spans_sent() const { return sent_.load(); }

 private:
  void Run();
  void Send(const std::vector<Span>& spans);

  const OtlpOptions options_;
  const std::unique_ptr<http::Transport> transport_;
  std::atomic<uint64_t> dropped_{0};
  std::atomic<uint64_t> sent_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Span> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kedge::server
