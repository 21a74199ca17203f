// SPDX-License-Identifier: Apache-2.0
#include "server/observe/observe.h"

#include <gtest/gtest.h>

#include "base/json/json.h"
#include "base/testing/fake_clock.h"
#include "server/observe/process_gauges.h"
#include "server/observe/trace_context.h"

namespace kedge::server {
namespace {

Result<std::string> ReadText(const Path& file) {
  PosixFileSystem disk;
  FileSystem& files = disk;
  KEDGE_TRY(const ByteBuffer bytes, files.Read(file));
  return std::string(bytes.begin(), bytes.end());
}

constexpr char kCaller[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceContext, ReadsWhatTheStandardAllows) {
  const struct {
    const char* name;
    std::string text;
    bool want;
    bool want_sampled;
  } cases[] = {
      {"sampled", kCaller, true, true},
      {"not sampled", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true, false},
      {"unknown flags", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fe", true, false},
      {"later version", "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true, true},
      {"later version, glued", "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more", false,
       false},
      {"version 00 and more", std::string(kCaller) + "-more", false, false},
      {"version ff", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false, false},
      {"capitals", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false, false},
      {"no trace", "00-00000000000000000000000000000000-b7ad6b7169203331-01", false, false},
      {"no span", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false, false},
      {"short", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false, false},
      {"other separators", "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01", false, false},
      {"empty", "", false, false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto context = ParseTraceparent(c.text);
    ASSERT_EQ(context.has_value(), c.want);
    EXPECT_EQ(context && context->sampled, c.want_sampled);
  }
}

TEST(TraceContext, AChildKeepsTheTraceAndReadsBack) {
  const auto caller = ParseTraceparent(kCaller);
  ASSERT_TRUE(caller);
  EXPECT_EQ(FormatTraceparent(*caller), kCaller);
  const TraceContext child = ChildOf(*caller);
  EXPECT_EQ(child.trace_id, caller->trace_id);
  EXPECT_NE(child.span_id, caller->span_id);
  EXPECT_TRUE(ParseTraceparent(FormatTraceparent(child)));
  EXPECT_NE(NewTrace(true).trace_id, NewTrace(true).trace_id);
}

TEST(Metrics, AreInThePrometheusTextForm) {
  Metrics metrics;
  metrics.CountRequest("ListDevices", 200, 0.004);
  metrics.CountRequest("ListDevices", 200, 3);
  metrics.CountRequest("ListDevices", 403, 0.001);
  metrics.AddReading({.name = "kedge_jobs", .help = "Jobs.", .read = [] {
                        return std::vector<std::pair<Labels, double>>{{{{"kind", "a\"b\\"}}, 2}};
                      }});
  AddProcessGauges(metrics);
  const std::string text = metrics.Text();
  for (const char* line :
       {"# TYPE kedge_requests_total counter\n",
        "kedge_requests_total{operation=\"ListDevices\",status=\"200\"} 2\n",
        "kedge_requests_total{operation=\"ListDevices\",status=\"403\"} 1\n",
        "kedge_request_seconds_count{operation=\"ListDevices\"} 3\n",
        "kedge_request_seconds_bucket{operation=\"ListDevices\",le=\"0.005\"} 2\n",
        "kedge_request_seconds_bucket{operation=\"ListDevices\",le=\"+Inf\"} 3\n",
        "kedge_jobs{kind=\"a\\\"b\\\\\"} 2\n", "# TYPE process_cpu_seconds_total counter\n",
        "# TYPE process_resident_memory_bytes gauge\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(AccessLog, GoesOnInANewFileAfterRotation) {
  const auto folder = TemporaryDirectory::Make();
  ASSERT_TRUE(folder);
  const Path file = folder->path() / "access.log";
  const auto log = AccessLog::Open(file);
  ASSERT_TRUE(log) << log.error().message;
  (*log)->Write({.path = "/a\n", .status = 200});
  std::filesystem::rename(file, folder->path() / "access.log.1");
  (*log)->Write({.path = "/b"});
  ASSERT_TRUE((*log)->Reopen());
  (*log)->Write({.path = "/c"});
  const auto old_text = ReadText(folder->path() / "access.log.1");
  const auto new_text = ReadText(file);
  ASSERT_TRUE(old_text && new_text);
  const auto lines = [](const auto& text) { return std::count(text.begin(), text.end(), '\n'); };
  EXPECT_EQ(lines(*old_text), 2);
  EXPECT_EQ(lines(*new_text), 1);
  EXPECT_EQ((*log)->lines_lost(), 0u);
}

TEST(AccessLog, AFolderThatIsNotThereIsAnError) {
  const auto log = AccessLog::Open("/nowhere/access.log");
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Code::kNotFound);
}

// A collector: a real HTTP server that keeps what it is sent.
struct Collector {
  explicit Collector(int status = 200) {
    auto started = http::Server::Start(
        {},
        [this, status](const http::Request& request, const http::Responder& responder) {
          {
            const std::lock_guard lock(mutex);
            bodies.push_back(request.path() == "/v1/traces" ? request.body : "");
          }
          responder({.status = status});
        },
        [](int code, std::string_view) { return http::Response{.status = code}; });
    KEDGE_CHECK(started);
    server = std::move(*started);
  }
  std::string Endpoint() const { return "http://127.0.0.1:" + std::to_string(server->port()); }

  std::mutex mutex;
  std::vector<std::string> bodies;
  std::unique_ptr<http::Server> server;
};

TEST(OtlpExporter, SendsSpansInBatches) {
  Collector collector;
  {
    OtlpExporter exporter({.endpoint = collector.Endpoint(), .node = "a", .batch_max = 2},
                          http::MakeCurlTransport());
    for (int i = 0; i < 3; ++i) {
      exporter.Export({.trace_id = "0af7651916cd43dd8448eb211c80319c",
                       .span_id = "b7ad6b7169203331",
                       .name = "ListDevices",
                       .start_ns = 1'790'000'000'000'000'000,
                       .end_ns = 1'790'000'000'000'400'000,
                       .attributes = {{"url.path", "/"}},
                       .failed = i == 2});
    }
  }
  ASSERT_EQ(collector.bodies.size(), 2u);
  const auto body = json::Parse(collector.bodies[1]);
  ASSERT_TRUE(body);
  const json::Value& resource = (*body->Find("resourceSpans")->AsArray())[0];
  const json::Value& scope = (*resource.Find("scopeSpans")->AsArray())[0];
  const json::Value& span = (*scope.Find("spans")->AsArray())[0];
  EXPECT_EQ(span.StringOr("traceId", ""), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(span.StringOr("startTimeUnixNano", ""), "1790000000000000000");
  EXPECT_EQ(span.IntOr("kind", 0), 2);
  EXPECT_EQ(span.Find("status")->IntOr("code", 0), 2);
  EXPECT_EQ(span.Find("parentSpanId"), nullptr);
}

TEST(OtlpExporter, ACollectorThatFailsCostsOnlyTheSpans) {
  Collector collector(500);
  OtlpExporter exporter({.endpoint = collector.Endpoint(),
                         .queue_max = 1,
                         .batch_max = 8,
                         .wait = std::chrono::hours(1)},
                        http::MakeCurlTransport());
  exporter.Export({.name = "kept"});
  exporter.Export({.name = "one too many"});
  EXPECT_EQ(exporter.spans_dropped(), 1u);
  EXPECT_EQ(exporter.spans_sent(), 0u);
}

// The handler of the node: counts, logs and traces what the inner one does.
TEST(Observed, MeasuresEachRequest) {
  const auto folder = TemporaryDirectory::Make();
  ASSERT_TRUE(folder);
  const auto log = AccessLog::Open(folder->path() / "access.log");
  ASSERT_TRUE(log);
  Collector collector;
  FakeClock clock;
  Metrics metrics;
  {
    OtlpExporter exporter({.endpoint = collector.Endpoint()}, http::MakeCurlTransport());
    const http::Handler handler = Observed(
        [&](const http::Request&, const http::Responder& responder) {
          clock.Advance(std::chrono::milliseconds(7));
          http::Response response{.status = 503, .body = "later"};
          response.headers.Set("x-amzn-RequestId", "r-1");
          responder(std::move(response));
        },
        {.clock = clock,
         .metrics = metrics,
         .access_log = log->get(),
         .exporter = &exporter,
         .operation = [](const http::Request&) { return "ListDevices"; }});
    http::Request request{
        .method = "POST", .target = "/x?X-Amz-Signature=secret", .peer = "1.2.3.4:5"};
    request.headers.Set("traceparent", kCaller);
    request.headers.Set("Authorization", "AWS4-HMAC-SHA256 Credential=KEDG1/20261122/us-east-1/s");
    int status = 0;
    handler(request, [&](const http::Response& response) { status = response.status; });
    EXPECT_EQ(status, 503);
  }
  const auto text = ReadText(folder->path() / "access.log");
  ASSERT_TRUE(text);
  const auto line = json::Parse(*text);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->StringOr("operation", ""), "ListDevices");
  EXPECT_EQ(line->StringOr("path", ""), "/x");  // not the signature
  EXPECT_EQ(line->StringOr("key", ""), "KEDG1");
  EXPECT_EQ(line->StringOr("request_id", ""), "r-1");
  EXPECT_EQ(line->StringOr("trace_id", ""), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(line->IntOr("status", 0), 503);
  EXPECT_EQ(line->IntOr("microseconds", 0), 7000);
  EXPECT_EQ(line->IntOr("response_bytes", 0), 5);
  EXPECT_NE(metrics.Text().find("kedge_requests_total{operation=\"ListDevices\",status=\"503\"} 1"),
            std::string::npos);
  ASSERT_EQ(collector.bodies.size(), 1u);
  EXPECT_NE(collector.bodies[0].find("\"parentSpanId\":\"b7ad6b7169203331\""), std::string::npos);
}

TEST(Observed, SamplesOnlyWhatItIsTold) {
  const struct {
    const char* name;
    double fraction;
    const char* traceparent;
    size_t want_spans;
  } cases[] = {
      {"none of ours", 0, "", 0},
      {"all of ours", 1, "", 1},
      {"the caller says no", 1, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", 0},
      {"a broken header is a new trace", 1, "00-x", 1}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Collector collector;
    FakeClock clock;
    Metrics metrics;
    {
      OtlpExporter exporter({.endpoint = collector.Endpoint()}, http::MakeCurlTransport());
      const http::Handler handler =
          Observed([](const http::Request&, const http::Responder& responder) { responder({}); },
                   {.clock = clock,
                    .metrics = metrics,
                    .exporter = &exporter,
                    .sampled_fraction = c.fraction,
                    .operation = [](const http::Request&) { return "other"; }});
      http::Request request{.method = "GET", .target = "/"};
      if (*c.traceparent != 0) request.headers.Set("traceparent", c.traceparent);
      handler(request, [](const http::Response&) {});
    }
    EXPECT_EQ(collector.bodies.size(), c.want_spans);
  }
}

}  // namespace
}  // namespace kedge::server
