// SPDX-License-Identifier: Apache-2.0
#include "blob/s3/s3_client.h"

#include <gtest/gtest.h>

#include "base/testing/fake_clock.h"

namespace kedge::blob {
namespace {

using std::chrono::milliseconds;

// Gives the answers that were written down, in their order, and keeps the requests.
class ScriptedTransport final : public http::Transport {
 public:
  Result<http::Response> Send(const http::ClientRequest& request) override {
    requests.push_back(request);
    if (requests.size() > answers.size()) return Unavailable("the script has ended");
    return answers[requests.size() - 1];
  }
  std::vector<Result<http::Response>> answers;
  std::vector<http::ClientRequest> requests;
};

http::Response Answer(int status, std::string body = "") {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

class S3ClientTest : public testing::Test {
 protected:
  Result<http::Response> Send(std::vector<Result<http::Response>> answers) {
    transport_.answers = std::move(answers);
    transport_.requests.clear();
    const S3Client client({.endpoint = "http://host:1",
                           .region = "eu-1",
                           .bucket = "models",
                           .credentials = {"AK", "secret", ""}},
                          transport_, clock_, {.tries = 3, .pause = milliseconds(1)});
    return client.Send({.method = "PUT", .key = "k", .body = "text"});
  }
  FakeClock clock_;
  ScriptedTransport transport_;
};

TEST_F(S3ClientTest, SendsAgainWhatCanHelp) {
  const Result<http::Response> passing[] = {
      Unavailable("lost"), DeadlineExceeded("slow"),
      Answer(500),         Answer(502),
      Answer(503),         Answer(504),
      Answer(429),         Answer(400, "<Error><Code>RequestTimeout</Code></Error>")};
  for (const auto& first : passing) {
    const auto response = Send({first, Answer(200)});
    EXPECT_TRUE(response) << response.error().message;
    EXPECT_EQ(transport_.requests.size(), 2u);
  }
  EXPECT_EQ(Send({Answer(503), Answer(503), Answer(503), Answer(200)}).error().code,
            Code::kUnavailable);
  EXPECT_EQ(transport_.requests.size(), 3u);
  EXPECT_EQ(transport_.requests[0].url, "http://host:1/models/k");
  EXPECT_NE(transport_.requests[0].headers.Get("Authorization").find("/eu-1/s3/"),
            std::string::npos);
}

TEST_F(S3ClientTest, OtherErrorsStandAtOnce) {
  struct Case {
    int status;
    const char* code;
    Code want;
  };
  const Case cases[] = {
      {400, "InvalidArgument", Code::kInvalidArgument},
      {400, "BadDigest", Code::kDataLoss},
      {401, "", Code::kPermissionDenied},
      {403, "AccessDenied", Code::kPermissionDenied},
      {403, "QuotaExceeded", Code::kResourceExhausted},
      {404, "NoSuchKey", Code::kNotFound},
      {409, "Conflict", Code::kFailedPrecondition},
      {412, "PreconditionFailed", Code::kFailedPrecondition},
      {416, "InvalidRange", Code::kOutOfRange},
      {501, "NotImplemented", Code::kUnimplemented},
      {507, "", Code::kResourceExhausted},
      {307, "TemporaryRedirect", Code::kFailedPrecondition},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::to_string(c.status) + c.code);
    const auto response = Send({Answer(
        c.status, "<Error><Code>" + std::string(c.code) + "</Code><Message>m</Message></Error>")});
    EXPECT_EQ(response.error().code, c.want) << response.error().message;
    EXPECT_EQ(transport_.requests.size(), 1u);
  }
}

}  // namespace
}  // namespace kedge::blob
