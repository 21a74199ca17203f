// SPDX-License-Identifier: Apache-2.0
#include "http/load_client.h"

#include <gtest/gtest.h>

#include "http/server.h"

namespace kedge::http {
namespace {

constexpr std::chrono::milliseconds kStep{50};

class LoadClientTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto handler = [](const Request& request, const Responder& responder) {
      Response response;
      response.status = request.target == "/busy" ? 503 : 200;
      response.headers.Set("Retry-After", "7");
      response.body = "to " + request.body;
      responder(std::move(response));
    };
    const auto error_body = [](int status, std::string_view) {
      Response response;
      response.status = status;
      return response;
    };
    auto server = Server::Start({}, handler, error_body);
    ASSERT_TRUE(server);
    server_ = std::move(*server);
    LoadClientOptions options;
    options.url = "http://127.0.0.1:" + std::to_string(server_->port());
    options.connections_max = 4;
    auto client = LoadClient::Make(std::move(options));
    ASSERT_TRUE(client) << client.error().message;
    client_ = std::move(*client);
  }
  static std::string Post(const std::string& path, const std::string& body) {
    return "POST " + path +
           " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
  }
  // Sends and polls until the answer is there.
  std::string Ask(size_t connection, const std::string& path, const std::string& body) {
    std::optional<std::string> text;
    client_->Send(connection, Post(path, body), [&](const LoadAnswer& answer) {
      text = std::to_string(answer.status) + " " + std::string(answer.Header("retry-after")) + " " +
             std::string(answer.body);
    });
    while (!text) client_->Poll(kStep);
    return *text;
  }

  std::unique_ptr<Server> server_;
  std::unique_ptr<LoadClient> client_;
};

TEST_F(LoadClientTest, KeepsItsConnectionsOpen) {
  for (int i = 0; i < 3; ++i) {
    for (size_t connection = 0; connection < 4; ++connection) {
      EXPECT_EQ(Ask(connection, "/", std::to_string(connection)),
                "200 7 to " + std::to_string(connection));
    }
  }
  EXPECT_EQ(client_->counts().connects, 4u);
  EXPECT_EQ(Ask(0, "/busy", "x"), "503 7 to x");
}

TEST_F(LoadClientTest, SendsAgainFromInsideAnAnswer) {
  int answers = 0;
  std::function<void(const LoadAnswer&)> next = [&](const LoadAnswer& answer) {
    EXPECT_EQ(answer.status, 200);
    if (++answers < 20) client_->Send(0, Post("/", "again"), next);
  };
  client_->Send(0, Post("/", "first"), next);
  while (answers < 20) client_->Poll(kStep);
  EXPECT_EQ(client_->counts().connects, 1u);
}

TEST_F(LoadClientTest, OpensAClosedConnectionAgain) {
  EXPECT_EQ(Ask(1, "/", "a"), "200 7 to a");
  client_->Close(1);
  EXPECT_EQ(Ask(1, "/", "b"), "200 7 to b");
  EXPECT_EQ(client_->counts().connects, 2u);
}

TEST_F(LoadClientTest, SaysThatThereIsNoServer) {
  server_.reset();
  EXPECT_EQ(Ask(0, "/", "a"), "0  ");
  EXPECT_FALSE(client_->Busy(0));
  EXPECT_EQ(client_->counts().failures, 1u);
}

TEST(LoadClient, RefusesUrlsThatItCannotServe) {
  for (const char* url : {"http://localhost:80", "ftp://127.0.0.1:1", "https://127.0.0.1:443",
                          "http://127.0.0.1:70000", "http://127.0.0.1:0"}) {
    SCOPED_TRACE(url);
    LoadClientOptions options;
    options.url = url;
    const auto client = LoadClient::Make(std::move(options));
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().code, Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace kedge::http
