// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <future>
#include <gtest/gtest.h>

#include "server/console/console_door.h"
#include "server/testing/test_server.h"

namespace kedge::server {
namespace {

constexpr EmbeddedFile kFiles[] = {
    {"index.html", "<html>"}, {"index.html.gz", "packed"}, {"app-ABCD2345.js", "1"}};

http::Request Ask(std::string method, std::string target, std::vector<http::Header> headers = {}) {
  http::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers.list = std::move(headers);
  return request;
}

TEST(ConsoleAssets, HashedNamesAreKeptAndThePageIsAskedForAgain) {
  const ConsoleAssets assets(kFiles);
  struct Case {
    const char* name;
    int status;
    const char* cache;
    const char* type;
  };
  for (const Case& c : {Case{"", 200, "no-cache", "text/html; charset=utf-8"},
                        Case{"devices/lab", 200, "no-cache", "text/html; charset=utf-8"},
                        Case{"app-ABCD2345.js", 200, "public, max-age=31536000, immutable",
                             "text/javascript; charset=utf-8"},
                        Case{"app-OTHER234.js", 404, "", "text/plain; charset=utf-8"},
                        Case{"../index.html", 404, "", "text/plain; charset=utf-8"}}) {
    SCOPED_TRACE(c.name);
    const http::Response answer = assets.Answer(Ask("GET", "/console/"), c.name);
    EXPECT_EQ(answer.status, c.status);
    EXPECT_EQ(answer.headers.Get("Cache-Control"), c.cache);
    EXPECT_EQ(answer.headers.Get("Content-Type"), c.type);
    EXPECT_EQ(answer.headers.Get("X-Content-Type-Options"), "nosniff");
    const std::string policy = answer.headers.Get("Content-Security-Policy");
    EXPECT_NE(policy.find("default-src 'none'"), std::string::npos);
    EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos);
    EXPECT_EQ(policy.find("unsafe-"), std::string::npos);
  }
  EXPECT_EQ(assets.Answer(Ask("POST", "/console/"), "").status, 405);
}

TEST(ConsoleAssets, PacksForThoseWhoTakeItAndAnswers304ToTheSameEtag) {
  const ConsoleAssets assets(kFiles);
  const auto packed = assets.Answer(Ask("GET", "/console/", {{"Accept-Encoding", "br, gzip"}}), "");
  EXPECT_EQ(packed.body, "packed");
  EXPECT_EQ(packed.headers.Get("Content-Encoding"), "gzip");
  for (const char* accepted : {"", "gzip;q=0", "br"}) {
    const auto plain = assets.Answer(Ask("GET", "/console/", {{"Accept-Encoding", accepted}}), "");
    EXPECT_EQ(plain.body, "<html>") << accepted;
  }
  const std::string etag = packed.headers.Get("ETag");
  const auto same = assets.Answer(Ask("GET", "/console/", {{"If-None-Match", etag}}), "");
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
}

TEST(ConsoleDoor, LeavesSignedRequestsAndOtherPathsToTheObjectStore) {
  struct Case {
    const char* method;
    const char* target;
    std::vector<http::Header> headers;
    bool owns;
  };
  const std::vector<Case> cases = {
      {"GET", "/console", {}, true},
      {"GET", "/console/devices?fleet=lab", {}, true},
      {"PUT", "/console/objects/b/k", {}, true},
      {"GET", "/", {{"Accept", "text/html,*/*"}}, true},
      {"GET", "/", {{"Accept", "*/*"}}, false},
      {"GET", "/", {{"Accept", "text/html"}, {"Authorization", "AWS4-HMAC-SHA256 x"}}, false},
      {"GET", "/consoles/key", {}, false},
      {"PUT", "/console/key", {{"Authorization", "AWS4-HMAC-SHA256 x"}}, false},
      {"GET", "/console/key?X-Amz-Algorithm=AWS4-HMAC-SHA256", {}, false},
      {"GET", "/bucket/console/", {}, false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(ConsoleDoor::Owns(Ask(c.method, c.target, c.headers)), c.owns)
        << c.method << " " << c.target;
  }
}

TEST(ConsoleDoor, GivesEventsAndObjectsToNobodyWithoutASession) {
  auto server = TestServer::Make();
  ASSERT_TRUE(server) << server.error().message;
  // Only handed down: a request without a session reaches none of it.
  const std::function<S3Options(const Identity&)> no_objects = [&](const Identity&) -> S3Options {
    ADD_FAILURE() << "the object store was asked";
    return {.store = (*server)->blobs(), .clock = (*server)->clock()};
  };
  ConsoleDoor door({.catalogue = (*server)->catalogue(),
                    .api = (*server)->api(),
                    .authenticator = (*server)->authenticator(),
                    .objects = no_objects});
  const auto answer = [&](const http::Request& request) {
    http::Response given;
    door.Handle(request, [&](http::Response response) { given = std::move(response); });
    return given;
  };
  EXPECT_EQ(answer(Ask("GET", "/console/events")).status, 403);
  EXPECT_EQ(answer(Ask("GET", "/console/objects/b/k")).status, 403);
  EXPECT_EQ(answer(Ask("PUT", "/console/objects/b/k")).status, 403);
  EXPECT_TRUE(door.CheckHead(Ask("PUT", "/console/objects/b/k")).has_value());
  EXPECT_EQ(answer(Ask("GET", "/")).headers.Get("Location"), "/console/");
  EXPECT_EQ(answer(Ask("GET", "/console/")).status, 200);
}

class LiveEventsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    viewer_.role = Role::kViewer;
    viewer_.user = "ann";
  }
  void CreateFleet(const std::string& name) {
    server_->Must("CreateDeviceFleet", R"({"DeviceFleetName":")" + name +
                                           R"(","OutputConfig":{"S3OutputLocation":"s3://b/k"}})");
  }
  // Waits for the answer to a listener.
  http::Response Listen(LiveEvents& live, const std::string& last_id) {
    std::promise<http::Response> promise;
    live.Listen(viewer_, last_id,
                [&](http::Response response) { promise.set_value(std::move(response)); });
    return promise.get_future().get();
  }
  std::unique_ptr<TestServer> server_;
  Identity viewer_;
};

// The id of the last event of a stream.
std::string LastId(const std::string& body) {
  const size_t at = body.rfind("id: ");
  return at == std::string::npos ? "" : body.substr(at + 4, body.find('\n', at) - at - 4);
}

TEST_F(LiveEventsTest, TellsTheOverviewAtOnceAndThenWhatHappened) {
  LiveEvents live(server_->catalogue(), server_->api());
  CreateFleet("lab");
  const http::Response first = Listen(live, "");
  EXPECT_EQ(first.headers.Get("Content-Type"), "text/event-stream");
  EXPECT_NE(first.body.find("event: overview\ndata: {"), std::string::npos) << first.body;
  EXPECT_EQ(first.body.find("event: feed"), std::string::npos) << first.body;
  CreateFleet("yard");
  const http::Response second = Listen(live, LastId(first.body));
  EXPECT_NE(second.body.find("event: feed\ndata: {"), std::string::npos) << second.body;
  EXPECT_NE(second.body.find("device-fleet/yard"), std::string::npos) << second.body;
  EXPECT_EQ(second.body.find("device-fleet/lab"), std::string::npos) << second.body;
}

TEST_F(LiveEventsTest, TellsNobodyWhatTheyMayNotSee) {
  LiveEvents live(server_->catalogue(), server_->api());
  CreateFleet("lab");
  viewer_.fleets = {"yard"};
  const std::string body = Listen(live, "0-").body;
  EXPECT_EQ(body.find("lab"), std::string::npos) << body;
}

TEST_F(LiveEventsTest, RefusesTheListenerTooManyAndLetsAllGoAtTheEnd) {
  std::atomic<size_t> ends = 0;
  {
    LiveEvents live(server_->catalogue(), server_->api());
    const std::string now = LastId(Listen(live, "").body);
    for (size_t i = 0; i < LiveEvents::kListenersMax; ++i) {
      live.Listen(viewer_, now, [&](const http::Response& response) {
        if (response.status == 200) ++ends;
      });
    }
    EXPECT_EQ(Listen(live, now).status, 503);
  }
  EXPECT_EQ(ends, LiveEvents::kListenersMax);
}

}  // namespace
}  // namespace kedge::server
