// SPDX-License-Identifier: Apache-2.0
#include "cli/api_client.h"

#include <cstdlib>

#include "base/clock.h"

namespace kedge::cli {
namespace {

constexpr size_t kPagesMax =
    100'000;  // of one list: a server that repeats its token is not followed

std::string Environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? std::string() : std::string(value);
}

Result<std::string> NeedEnvironment(std::string_view name) {
  std::string value = Environment(name);
  if (!value.empty()) return value;
  return InvalidArgument("the environment variable " + std::string(name) +
                         " must hold an access key");
}

std::string RegionOrDefault(const std::string& given) {
  if (!given.empty()) return given;
  for (const std::string_view name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (std::string value = Environment(name); !value.empty()) return value;
  }
  return "us-east-1";
}

}  // namespace

// "ValidationException: No devicefleet with name: x"
Error ServerError(const http::Response& response) {
  const auto body = json::Parse(response.body);
  std::string text = "the server answered " + std::to_string(response.status);
  if (body && !body->StringOr("__type", "").empty()) {
    text = body->StringOr("__type", "") + ": " + body->StringOr("message", "");
  }
  return response.status >= 500 ? Unavailable(text) : FailedPrecondition(text);
}

std::unique_ptr<http::Transport> MakeTransport() {
  return http::MakeCurlTransport({.ca_file = Environment("AWS_CA_BUNDLE")});
}

void DeclareApi(Flags& flags, ApiOptions& options) {
  flags.Option("--endpoint-url", &options.endpoint,
               "URL of kedge-server; AWS_ENDPOINT_URL if absent");
  flags.Option("--region", &options.region, "region to sign for; AWS_REGION if absent");
}

Result<ApiClient> ApiClient::Make(const ApiOptions& options) {
  ApiClient client;
  client.endpoint_ = options.endpoint.empty() ? Environment("AWS_ENDPOINT_URL") : options.endpoint;
  while (client.endpoint_.ends_with('/')) client.endpoint_.pop_back();
  if (client.endpoint_.empty()) {
    return InvalidArgument("the server's URL is needed: --endpoint-url or AWS_ENDPOINT_URL");
  }
  client.region_ = RegionOrDefault(options.region);
  KEDGE_TRY(client.credentials_.access_key_id, NeedEnvironment("AWS_ACCESS_KEY_ID"));
  KEDGE_TRY(client.credentials_.secret_access_key, NeedEnvironment("AWS_SECRET_ACCESS_KEY"));
  client.credentials_.session_token = Environment("AWS_SESSION_TOKEN");
  client.transport_ = MakeTransport();
  return client;
}

Result<json::Value> ApiClient::Call(std::string_view target, const json::Value& body) const {
  http::ClientRequest request;
  request.method = "POST";
  request.url = endpoint_ + "/";
  request.headers.Set("Content-Type", "application/x-amz-json-1.1");
  request.headers.Set("X-Amz-Target", std::string(target));
  request.body = json::Write(body);
  KEDGE_TRY_STATUS(http::SignRequest(credentials_, {.region = region_, .service = "sagemaker"},
                                     SystemClock().NowMs(), request));
  auto response = transport_->Send(request);
  if (!response) return Wrap(response.error(), "asking '" + endpoint_ + "'");
  if (response->status != 200) return ServerError(*response);
  if (response->body.empty()) return json::Value();
  return json::Parse(response->body);
}

Status ApiClient::ForEach(std::string_view target, json::Object body, std::string_view list,
                          const std::function<Status(const json::Value&)>& each) const {
  for (size_t page = 0; page < kPagesMax; ++page) {
    KEDGE_TRY(const json::Value answer, Call(target, body));
    const json::Value* items = answer.Find(list);
    if (items == nullptr || items->AsArray() == nullptr) {
      return Internal("the server's answer has no list '" + std::string(list) + "'");
    }
    for (const json::Value& item : *items->AsArray()) KEDGE_TRY_STATUS(each(item));
    const std::string token = answer.StringOr("NextToken", "");
    if (token.empty()) return {};
    body.Set("NextToken", token);
  }
  return ResourceExhausted("the server's list has more than " + std::to_string(kPagesMax) +
                           " pages");
}

}  // namespace kedge::cli
