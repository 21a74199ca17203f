// SPDX-License-Identifier: Apache-2.0
#include "agent/link/temporary_credentials.h"

#include <ctime>

#include "base/json/json.h"

namespace kedge::agent {
namespace {

constexpr uint64_t kAnswerBytesMax = 64 << 10;

}  // namespace

Result<EpochMs> ParseUtcTime(const std::string& text) {
  std::tm parts{};
  const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (end == nullptr || std::string_view(end) != "Z") {
    return InvalidArgument("time '" + text.substr(0, 40) + "' is not like 2026-11-22T14:00:00Z");
  }
  return static_cast<EpochMs>(timegm(&parts)) * 1000;
}

Result<http::Credentials> TemporaryCredentials::Ask() {
  http::ClientRequest request{.url = url_};
  request.response_bytes_max = kAnswerBytesMax;
  if (!thing_name_.empty()) request.headers.Set("x-amzn-iot-thingname", thing_name_);
  KEDGE_TRY(const http::Response response, transport_.Send(request));
  if (response.status != 200) {
    const std::string what = "the credential provider answers HTTP " +
                             std::to_string(response.status) + ": " + response.body.substr(0, 200);
    return response.status == 401 || response.status == 403 ? PermissionDenied(what)
                                                            : Unavailable(what);
  }
  const auto answer = json::Parse(response.body, {.bytes_max = kAnswerBytesMax, .depth_max = 8});
  const json::Value* member = answer ? answer->Find("credentials") : nullptr;
  if (member == nullptr) return Unavailable("the credential provider's answer is not understood");
  const http::Credentials credentials{.access_key_id = member->StringOr("accessKeyId", ""),
                                      .secret_access_key = member->StringOr("secretAccessKey", ""),
                                      .session_token = member->StringOr("sessionToken", "")};
  const auto expiration = ParseUtcTime(member->StringOr("expiration", ""));
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty() || !expiration) {
    return Unavailable("the credential provider's answer lacks a member");
  }
  // Short-lived keys are used for half of their life at least.
  const EpochMs now = clock_.NowMs();
  ask_at_ = std::max(*expiration - kMarginMs, now + (*expiration - now) / 2);
  return credentials;
}

Result<http::Credentials> TemporaryCredentials::Get() {
  const std::lock_guard lock(mutex_);  // held over the exchange: the others need its result
  if (clock_.NowMs() < ask_at_) return credentials_;
  KEDGE_TRY(credentials_, Ask());
  return credentials_;
}

}  // namespace kedge::agent
