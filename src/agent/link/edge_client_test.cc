// SPDX-License-Identifier: Apache-2.0
#include "agent/link/edge_client.h"

#include <gtest/gtest.h>

#include "base/testing/fake_clock.h"

namespace kedge::agent {
namespace {

// A server that answers everything with one response.
class OneAnswer final : public http::Transport {
 public:
  Result<http::Response> Send(const http::ClientRequest&) override {
    ++asked;
    return answer;
  }
  http::Response answer;
  int asked = 0;
};

class EdgeClientTest : public testing::Test {
 protected:
  static protocol::Heartbeat Beat() {
    protocol::Heartbeat heartbeat;
    heartbeat.agent_version = "1.0";
    heartbeat.device = {.device_name = "d1", .device_fleet_name = "lab"};
    return heartbeat;
  }

  OneAnswer server_;
  FakeClock clock_;
  EdgeClient client_{server_,
                     clock_,
                     {.endpoint = "http://127.0.0.1:1",
                      .region = "r",
                      .device = {.device_name = "d1", .device_fleet_name = "lab"},
                      .credentials = {"id", "secret", ""}}};
};

TEST_F(EdgeClientTest, GivesTheTimeOfTheNextContact) {
  server_.answer.body = R"({"NextContactMs":4200})";
  const auto contact = client_.SendHeartbeat(Beat());
  ASSERT_TRUE(contact) << contact.error().message;
  EXPECT_EQ(contact->next_contact_ms, 4200);
  server_.answer.body = "";  // a server that says nothing
  EXPECT_EQ(client_.SendHeartbeat(Beat())->next_contact_ms, 0);
}

TEST_F(EdgeClientTest, LeavesAnOverloadedServerAloneForAsLongAsItAsked) {
  for (const int status : {429, 503}) {
    SCOPED_TRACE(status);
    server_ = OneAnswer();
    server_.answer.status = status;
    server_.answer.headers.Set("Retry-After", "10");
    EXPECT_EQ(client_.SendHeartbeat(Beat()).error().code, Code::kUnavailable);
    EXPECT_EQ(client_.GetDeployments().error().code, Code::kUnavailable);
    clock_.Advance(std::chrono::milliseconds(9'999));
    EXPECT_EQ(client_.SendHeartbeat(Beat()).error().code, Code::kUnavailable);
    EXPECT_EQ(server_.asked, 1);
    clock_.Advance(std::chrono::seconds(11));  // at most as long again
    server_.answer = http::Response();
    EXPECT_TRUE(client_.SendHeartbeat(Beat()));
    EXPECT_EQ(server_.asked, 2);
  }
}

TEST_F(EdgeClientTest, AsksAgainWhenTheServerNamesNoTime) {
  for (const char* value : {"", "soon", "-1", "0", "5 s"}) {
    SCOPED_TRACE(value);
    server_ = OneAnswer();
    server_.answer.status = 503;
    server_.answer.headers.Set("Retry-After", value);
    static_cast<void>(client_.SendHeartbeat(Beat()));
    static_cast<void>(client_.SendHeartbeat(Beat()));
    EXPECT_EQ(server_.asked, 2);
  }
}

}  // namespace
}  // namespace kedge::agent
