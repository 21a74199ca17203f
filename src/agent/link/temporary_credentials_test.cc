// SPDX-License-Identifier: Apache-2.0
#include "agent/link/temporary_credentials.h"

#include <gtest/gtest.h>

#include "base/testing/fake_clock.h"

namespace kedge::agent {
namespace {

constexpr EpochMs kNow = 1'795'356'000'000;  // 2026-11-22T14:00:00Z

// Gives one answer, and counts how often it was asked.
class Provider final : public http::Transport {
 public:
  Result<http::Response> Send(const http::ClientRequest& request) override {
    ++asked;
    thing = request.headers.Get("x-amzn-iot-thingname");
    return http::Response{.status = status, .body = body};
  }
  int asked = 0;
  int status = 200;
  std::string thing;
  std::string body =
      R"({"credentials":{"accessKeyId":"A","secretAccessKey":"S","sessionToken":"T",)"
      R"("expiration":"2026-11-22T15:00:00Z"}})";
};

TEST(TemporaryCredentials, AreAskedForAnewBeforeTheyEnd) {
  Provider provider;
  FakeClock clock(kNow);
  TemporaryCredentials credentials(provider, clock, "https://a/x", "cam-1");
  const auto first = credentials.Get();
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->access_key_id + first->secret_access_key + first->session_token, "AST");
  EXPECT_EQ(provider.thing, "cam-1");
  clock.Advance(std::chrono::minutes(54));
  ASSERT_TRUE(credentials.Get());
  EXPECT_EQ(provider.asked, 1);
  clock.Advance(std::chrono::minutes(2));
  ASSERT_TRUE(credentials.Get());
  EXPECT_EQ(provider.asked, 2);
}

TEST(TemporaryCredentials, RefusalsAndNonsenseHaveTheirCodes) {
  const struct {
    int status;
    const char* body;
    Code code;
  } cases[] = {{403, "{}", Code::kPermissionDenied},
               {500, "{}", Code::kUnavailable},
               {200, "no JSON", Code::kUnavailable},
               {200, R"({"credentials":{}})", Code::kUnavailable}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.body);
    Provider provider;
    provider.status = c.status;
    provider.body = c.body;
    const FakeClock clock(kNow);
    TemporaryCredentials credentials(provider, clock, "https://a/x", "");
    const auto got = credentials.Get();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, c.code);
  }
}

TEST(TemporaryCredentials, ReadTimesInOneForm) {
  EXPECT_EQ(*ParseUtcTime("2026-11-22T14:00:00Z"), kNow);
  for (const char* text : {"", "2026-11-22", "2026-11-22T14:00:00", "2026-11-22T14:00:00Z "}) {
    EXPECT_FALSE(ParseUtcTime(text)) << text;
  }
}

}  // namespace
}  // namespace kedge::agent
