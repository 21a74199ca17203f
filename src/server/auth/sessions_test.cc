// Console sessions as a browser sees them: requests to /session, and API calls with the cookie.
// SPDX-License-Identifier: Apache-2.0
#include "server/auth/sessions.h"

#include <future>
#include <gtest/gtest.h>

#include "server/auth/session_door.h"
#include "server/testing/test_server.h"

namespace kedge::server {
namespace {

constexpr char kPassword[] = "correct horse battery";

struct Browser {
  std::string cookie;
  std::string csrf;
};

class SessionsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    server_->Must("CreateUser", R"({"UserName":"ann","Role":"operator","Password":")" +
                                    std::string(kPassword) + "\"}");
  }
  http::Response Send(http::Request request, const Browser& browser) {
    request.peer = "192.0.2.7:40000";
    if (!browser.cookie.empty()) request.headers.Set("Cookie", browser.cookie);
    if (!browser.csrf.empty()) request.headers.Set(kCsrfHeader, browser.csrf);
    EXPECT_TRUE(server_->api().Owns(request));
    std::promise<http::Response> promise;
    server_->api().Handle(request, [&](http::Response r) { promise.set_value(std::move(r)); });
    return promise.get_future().get();
  }
  http::Response Session(const std::string& method, const Browser& browser,
                         const std::string& body = "") {
    http::Request request{.method = method, .target = "/session", .body = body};
    request.headers.Set("Content-Type", "application/json");
    return Send(std::move(request), browser);
  }
  http::Response LogInAs(const std::string& user, const std::string& password) {
    return Session("POST", {},
                   json::Write(json::Object{{"UserName", user}, {"Password", password}}));
  }
  Browser LogIn() {
    const http::Response response = LogInAs("ann", kPassword);
    EXPECT_EQ(response.status, 200) << response.body;
    const std::string cookie = response.headers.Get("Set-Cookie");
    return {.cookie = "other=1; " + cookie.substr(0, cookie.find(';')),
            .csrf = json::Parse(response.body)->StringOr("CsrfToken", "")};
  }
  // "200 " or "403 AccessDeniedException"
  std::string Call(const Browser& browser, const std::string& target = "Kedge.WhoAmI",
                   const std::string& body = "{}") {
    http::Request request{.method = "POST", .target = "/", .body = body};
    request.headers.Set("X-Amz-Target", target);
    const http::Response response = Send(request, browser);
    return std::to_string(response.status) + " " + response.headers.Get("x-amzn-ErrorType");
  }

  std::unique_ptr<TestServer> server_;
};

TEST_F(SessionsTest, ACookieAndItsTokenAreTheUser) {
  const Browser browser = LogIn();
  EXPECT_EQ(Call(browser), "200 ");
  const json::Value shown = *json::Parse(Session("GET", browser).body);
  EXPECT_EQ(shown.StringOr("UserName", ""), "ann");
  EXPECT_EQ(shown.StringOr("Role", ""), "operator");
  EXPECT_EQ(shown.StringOr("CsrfToken", ""), browser.csrf);
  EXPECT_EQ(Call(browser, "SageMaker.CreateDeviceFleet",
                 R"({"DeviceFleetName":"lab","OutputConfig":{"S3OutputLocation":"s3://b/o"}})"),
            "200 ");
  EXPECT_EQ(Call(browser, "Kedge.ListUsers"), "400 AccessDeniedException");
}

TEST_F(SessionsTest, TheCookieIsNotForScriptsNorForOtherSites) {
  const std::string cookie = LogInAs("ann", kPassword).headers.Get("Set-Cookie");
  EXPECT_NE(cookie.find("; HttpOnly; SameSite=Strict"), std::string::npos) << cookie;
  EXPECT_EQ(cookie.find("Secure"), std::string::npos) << cookie;
  http::Request request{
      .method = "POST",
      .target = "/session",
      .body = R"({"UserName":"ann","Password":")" + std::string(kPassword) + "\"}"};
  EXPECT_EQ(Send(request, {}).status, 415);
  request.headers.Set("Content-Type", "application/json; charset=utf-8");
  request.over_tls = true;
  EXPECT_NE(Send(request, {}).headers.Get("Set-Cookie").find("; Secure"), std::string::npos);
}

TEST_F(SessionsTest, WithoutTheTokenTheCookieDoesNothing) {
  const Browser browser = LogIn();
  const Browser other = LogIn();
  EXPECT_EQ(Call({.cookie = browser.cookie}), "403 AccessDeniedException");
  EXPECT_EQ(Call({.cookie = browser.cookie, .csrf = "x"}), "403 AccessDeniedException");
  EXPECT_EQ(Call({.cookie = browser.cookie, .csrf = other.csrf}), "403 AccessDeniedException");
  EXPECT_EQ(Session("DELETE", {.cookie = browser.cookie}).status, 403);
  EXPECT_EQ(Call(browser), "200 ");
  EXPECT_EQ(Call({.cookie = "kedge_session=" + std::string(64, 'a'), .csrf = browser.csrf}),
            "403 ExpiredTokenException");
  EXPECT_EQ(Call({.cookie = "kedge_session=short", .csrf = browser.csrf}),
            "403 MissingAuthenticationTokenException");
}

TEST_F(SessionsTest, TheDatabaseHoldsOnlyTheHash) {
  const Browser browser = LogIn();
  const std::string token = browser.cookie.substr(browser.cookie.find("session=") + 8);
  ASSERT_TRUE(server_->store().Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const auto plain, store::FindSession(transaction, token));
    EXPECT_FALSE(plain);
    KEDGE_TRY(const auto hashed, store::FindSession(transaction, HashOfToken(token)));
    EXPECT_TRUE(hashed);
    return {};
  }));
}

TEST_F(SessionsTest, EndByLogOutIdlenessAgeAndWithTheUser) {
  const Browser left = LogIn();
  EXPECT_EQ(Session("DELETE", left).status, 200);
  EXPECT_EQ(Call(left), "403 ExpiredTokenException");

  const Browser idle = LogIn();
  server_->clock().Advance(std::chrono::milliseconds(Sessions::kIdleMs));
  EXPECT_EQ(Call(idle), "403 ExpiredTokenException");

  const Browser busy = LogIn();
  for (EpochMs age = 0; age + Sessions::kIdleMs / 2 < Sessions::kLifetimeMs;
       age += Sessions::kIdleMs / 2) {
    EXPECT_EQ(Call(busy), "200 ");
    server_->clock().Advance(std::chrono::milliseconds(Sessions::kIdleMs / 2));
    // What was noted lazily is written before this.
    ASSERT_TRUE(server_->store().Write([](store::Transaction&) { return Status(); }));
  }
  server_->clock().Advance(std::chrono::milliseconds(Sessions::kIdleMs / 2));
  EXPECT_EQ(Call(busy), "403 ExpiredTokenException");

  const Browser disabled = LogIn();
  server_->Must("UpdateUser", R"({"UserName":"ann","Enabled":false})");
  EXPECT_EQ(Call(disabled), "403 ExpiredTokenException");
  EXPECT_EQ(LogInAs("ann", kPassword).status, 403);
  server_->Must("UpdateUser", R"({"UserName":"ann","Enabled":true})");
  const Browser renamed = LogIn();
  server_->Must("UpdateUser", R"({"UserName":"ann","Password":"another good one"})");
  EXPECT_EQ(Call(renamed), "403 ExpiredTokenException");
}

TEST_F(SessionsTest, AUserHasABoundedNumber) {
  const Browser first = LogIn();
  server_->clock().Advance(std::chrono::milliseconds(1));
  for (int64_t i = 0; i < Sessions::kOfUserMax - 1; ++i) LogIn();
  EXPECT_EQ(Call(first), "200 ");
  LogIn();
  EXPECT_EQ(Call(first), "403 ExpiredTokenException");
}

TEST_F(SessionsTest, WrongPasswordsAndUnknownUsersLookAlikeAndMustWait) {
  for (const char* user : {"ann", "nobody"}) {
    SCOPED_TRACE(user);
    std::string refusal;
    for (int i = 0; i < 6; ++i) {
      const http::Response response = LogInAs(user, "wrong");
      EXPECT_EQ(response.status, 403);
      refusal = response.body;
    }
    EXPECT_NE(refusal.find("user name or password is wrong"), std::string::npos);
    const http::Response waiting = LogInAs(user, kPassword);
    EXPECT_EQ(waiting.status, 429);
    EXPECT_NE(waiting.body.find("try again in 1 s"), std::string::npos) << waiting.body;
    EXPECT_FALSE(waiting.headers.Get("Retry-After").empty());
  }
  server_->clock().Advance(std::chrono::seconds(1));
  EXPECT_EQ(LogInAs("ann", kPassword).status, 200);
}

TEST_F(SessionsTest, AnAddressThatTriesManyNamesMustWait) {
  for (int i = 0; i < 21; ++i) {
    EXPECT_EQ(LogInAs("user" + std::to_string(i), "wrong").status, 403);
  }
  EXPECT_EQ(LogInAs("ann", kPassword).status, 429);
}

TEST_F(SessionsTest, MalformedLoginsAreTold) {
  EXPECT_EQ(Session("POST", {}, "{").status, 400);
  EXPECT_EQ(Session("POST", {}, "{}").status, 400);
  EXPECT_EQ(Session("POST", {}, std::string(5000, ' ')).status, 400);
  EXPECT_EQ(Session("PUT", {}).status, 405);
  EXPECT_EQ(Session("GET", {}).status, 403);
}

TEST(Passwords, AreSaltedAndVerified) {
  Passwords passwords;
  const std::string one = *passwords.Hash(kPassword);
  EXPECT_EQ(one.substr(0, 30), "$argon2id$v=19$m=32768,t=2,p=1");
  EXPECT_NE(one, *passwords.Hash(kPassword));
  EXPECT_TRUE(*passwords.Matches(one, kPassword));
  EXPECT_FALSE(*passwords.Matches(one, "Correct horse battery"));
  EXPECT_FALSE(*passwords.Matches("", ""));
  EXPECT_EQ(passwords.Matches("$argon2id$", kPassword).error().code, Code::kDataLoss);
}

TEST(Passwords, TurnAwayWhoWouldWaitTooLong) {
  Passwords passwords;
  const std::string hash = *passwords.Hash(kPassword);
  std::vector<std::future<bool>> callers;
  for (int i = 0; i < 24; ++i) {
    callers.push_back(std::async(std::launch::async, [&] {
      const auto matches = passwords.Matches(hash, kPassword);
      EXPECT_TRUE(matches || matches.error().code == Code::kResourceExhausted);
      return matches && *matches;
    }));
  }
  int served = 0;
  for (auto& caller : callers) served += caller.get();
  EXPECT_GE(served, Passwords::kAtOnceMax);
}

}  // namespace
}  // namespace kedge::server
