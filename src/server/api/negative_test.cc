// Negative cases made from the descriptions, sent over HTTP with signatures as any client sends
// them: for every constraint of every operation requests that violate it. Each must be refused as
// AWS does it, and none may change a row.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <gtest/gtest.h>
#include <mutex>
#include <thread>

#include "http/client.h"
#include "http/server.h"
#include "http/sigv4.h"
#include "server/testing/test_server.h"
#include "server/testing/violations.h"
#include "store/migrate.h"
#include "store/tables/access_keys.h"

namespace kedge::server {
namespace {

constexpr size_t kConnections = 8;
constexpr size_t kConstraintCasesMin = 1500;

struct Case {
  const Operation* operation;
  std::string name;
  std::string body;
  std::string error;                // the AWS code
  std::vector<std::string> wanted;  // in the message
};

http::Response NoTransportError(int status, std::string_view message) {
  http::Response response;
  response.status = status;
  response.body = std::string(message);
  return response;
}

class NegativeTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TestServer::Make();
    ASSERT_TRUE(made) << made.error().message;
    server_ = std::move(*made);
    ASSERT_TRUE(server_->store().Write([](store::Transaction& transaction) {
      return store::InsertAccessKey(
          transaction, {.id = "ADMIN", .secret = "secret", .role = std::string(store::kRoleAdmin)});
    }));
    auto http = http::Server::Start(
        {},
        [this](const http::Request& request, const http::Responder& responder) {
          server_->api().Handle(request, responder);
        },
        NoTransportError);
    ASSERT_TRUE(http) << http.error().message;
    http_ = std::move(*http);
  }

  // All rows of all tables but the audit log, which tells of refused calls.
  std::string Rows() {
    std::string rows;
    const std::string schema(store::SchemaText());
    constexpr std::string_view kCreate = "CREATE TABLE ";
    EXPECT_TRUE(server_->store().Read([&](store::Transaction& transaction) -> Status {
      for (size_t at = schema.find(kCreate); at != std::string::npos;
           at = schema.find(kCreate, at + 1)) {
        const size_t begin = at + kCreate.size();
        const std::string table = schema.substr(begin, schema.find(' ', begin) - begin);
        if (table.starts_with("audit")) continue;
        KEDGE_TRY(const store::Rows count, transaction.Query("SELECT COUNT(*) FROM " + table));
        rows += table + " " + std::to_string(count.at(0).Integer(0)) + "\n";
      }
      return {};
    }));
    return rows;
  }

  Result<http::Response> Send(http::Transport& transport, const Case& one) const {
    http::ClientRequest request;
    request.method = "POST";
    const bool has_path = !one.operation->path.empty();
    request.url = "http://127.0.0.1:" + std::to_string(http_->port()) +
                  (has_path ? one.operation->path : "/");
    request.headers.Set("Content-Type",
                        has_path ? "application/json" : "application/x-amz-json-1.1");
    if (!has_path) request.headers.Set("X-Amz-Target", one.operation->target);
    request.body = one.body;
    KEDGE_TRY_STATUS(http::SignRequest({"ADMIN", "secret", ""}, {"eu-west-1", "sagemaker"},
                                       server_->clock().NowMs(), request));
    return transport.Send(request);
  }

  // "" if the answer is the one wanted, else what is wrong with it.
  std::string Check(http::Transport& transport, const Case& one) const {
    const auto response = Send(transport, one);
    if (!response) return response.error().message;
    const json::Value body = json::Parse(response->body).value_or(nullptr);
    const std::string message = body.StringOr("message", "");
    if (response->status != 400 || body.StringOr("__type", "") != one.error ||
        response->headers.Get("x-amzn-ErrorType") != one.error ||
        response->headers.Get("x-amzn-RequestId").empty()) {
      return std::to_string(response->status) + " " + response->body;
    }
    for (const std::string& words : one.wanted) {
      if (message.find(words) == std::string::npos) return "no '" + words + "' in: " + message;
    }
    return "";
  }

  // Sends them over several connections at a time; the store commits their audit records together.
  void SendAll(const std::vector<Case>& cases) {
    const std::string before = Rows();
    std::atomic<size_t> next = 0;
    std::mutex mutex;
    std::vector<std::string> failures;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kConnections; ++i) {
      threads.emplace_back([&] {
        const auto transport = http::MakeCurlTransport();
        for (size_t at = next++; at < cases.size(); at = next++) {
          const std::string wrong = Check(*transport, cases[at]);
          if (wrong.empty()) continue;
          std::lock_guard lock(mutex);
          failures.push_back(cases[at].operation->name + " " + cases[at].name + ": " + wrong);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (size_t i = 0; i < std::min<size_t>(failures.size(), 20); ++i) ADD_FAILURE() << failures[i];
    EXPECT_EQ(failures.size(), 0u) << "of " << cases.size();
    EXPECT_EQ(Rows(), before);
    RecordProperty("cases", static_cast<int>(cases.size()));
  }

  std::unique_ptr<TestServer> server_;
  std::unique_ptr<http::Server> http_;
};

TEST_F(NegativeTest, EveryConstraintOfEveryOperationIsEnforced) {
  std::vector<Case> cases;
  for (const auto& operation : server_->catalogue().operations()) {
    for (const Violation& violation : ConstraintViolations(operation->input)) {
      cases.push_back({.operation = operation.get(),
                       .name = violation.name,
                       .body = json::Write(violation.value),
                       .error = "ValidationException",
                       .wanted = {" validation error", " detected: Value ",
                                  " at '" + violation.path + "' failed to satisfy constraint: ",
                                  violation.words}});
    }
  }
  EXPECT_GE(cases.size(), kConstraintCasesMin);
  SendAll(cases);
}

TEST_F(NegativeTest, EveryMemberOfAWrongTypeIsASerializationException) {
  std::vector<Case> cases;
  for (const auto& operation : server_->catalogue().operations()) {
    for (const Violation& violation : TypeViolations(operation->input)) {
      cases.push_back({.operation = operation.get(),
                       .name = violation.name,
                       .body = json::Write(violation.value),
                       .error = "SerializationException",
                       .wanted = {violation.words, " at '" + violation.path + "'"}});
    }
    for (const char* body : {"[]", "null", "7", "\"a\"", "{", "{}}", "{\"a\":}", "\xFF"}) {
      cases.push_back({.operation = operation.get(),
                       .name = std::string("body ") + body,
                       .body = body,
                       .error = "SerializationException",
                       .wanted = {}});
    }
  }
  SendAll(cases);
}

// All that is wrong is told at once, in the order of the description.
TEST_F(NegativeTest, SeveralViolationsAreToldInOneMessage) {
  std::vector<Case> cases;
  for (const auto& operation : server_->catalogue().operations()) {
    std::vector<const Shape::Member*> required;
    for (const Shape::Member& member : operation->input.members) {
      if (member.required) required.push_back(&member);
    }
    const size_t count = required.size();
    if (count < 2) continue;
    Case one{.operation = operation.get(),
             .name = "nothing given",
             .body = "{}",
             .error = "ValidationException",
             .wanted = {std::to_string(count) + " validation errors detected: "}};
    for (const Shape::Member* member : required) {
      std::string field = member->name;
      field[0] = static_cast<char>(field[0] - 'A' + 'a');
      one.wanted.push_back("Value null at '" + field +
                           "' failed to satisfy constraint: Member must not be null");
    }
    cases.push_back(std::move(one));
  }
  EXPECT_GE(cases.size(), 10u);
  SendAll(cases);
}

// The generated requests are sound: what is made to be valid is not refused by validation. (It may
// be refused for what it names.)
TEST_F(NegativeTest, WhatIsMadeToBeValidPassesValidation) {
  for (const auto& operation : server_->catalogue().operations()) {
    for (const bool all : {false, true}) {
      SCOPED_TRACE(operation->name + (all ? " with all members" : ""));
      const Answer answer =
          server_->Call(operation->name, json::Write(ValidValue(operation->input, all)));
      EXPECT_EQ(answer.message.find("validation error"), std::string::npos) << answer.message;
      EXPECT_NE(answer.error, "SerializationException");
      EXPECT_LT(answer.status, 500) << answer.message;
    }
  }
}

}  // namespace
}  // namespace kedge::server
