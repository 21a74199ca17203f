// SPDX-License-Identifier: Apache-2.0
#include "blob/s3/s3_client.h"

#include <algorithm>
#include <thread>

#include "base/crypto/crypto.h"
#include "base/xml.h"

namespace kedge::blob {

namespace {

constexpr std::string_view kService = "s3";

// "AccessDenied: the reason", as far as the server gives one (a HEAD has no body).
std::string Reason(const http::Response& response) {
  const auto root = ParseXml(response.body);
  const XmlElement* code = root ? root->Find("Code") : nullptr;
  if (code == nullptr) return std::string(http::ReasonPhrase(response.status));
  const XmlElement* message = root->Find("Message");
  return code->text + (message == nullptr ? "" : ": " + message->text.substr(0, 200));
}

bool Begins(std::string_view text, std::initializer_list<std::string_view> codes) {
  return std::any_of(codes.begin(), codes.end(),
                     [&](std::string_view code) { return text.starts_with(code); });
}

Error FromAnswer(const S3Request& request, const http::Response& response) {
  const std::string reason = Reason(response);
  const std::string what = "object store: " + request.method + " '" + request.key.substr(0, 200) +
                           "': " + std::to_string(response.status) + " " + reason;
  if (Begins(reason, {"BadDigest", "XAmzContentSHA256Mismatch"})) return DataLoss(what);
  if (Begins(reason, {"RequestTimeout", "SlowDown"})) return Unavailable(what);
  if (Begins(reason, {"QuotaExceeded", "InsufficientStorage"})) return ResourceExhausted(what);
  switch (response.status) {
    case 401:
    case 403:
      return PermissionDenied(what);
    case 404:
      return NotFound(what);
    case 409:
    case 412:
      return FailedPrecondition(what);
    case 416:
      return OutOfRange(what);
    case 501:
      return Unimplemented(what);
    case 507:
      return ResourceExhausted(what);
    default:
      break;
  }
  if (response.status == 429 || response.status >= 500) return Unavailable(what);
  if (response.status < 400) return FailedPrecondition(what + " (redirects are not followed)");
  return InvalidArgument(what);
}

}  // namespace

Result<http::Response> S3Client::SendOnce(const S3Request& request) const {
  http::ClientRequest wire;
  wire.method = request.method;
  wire.url = location_.UrlOf(request.key, request.query);
  wire.headers = request.headers;
  wire.body = request.body;
  wire.body_fd = request.body_fd;
  wire.body_offset = request.body_offset;
  wire.body_bytes = request.body_bytes;
  wire.response_bytes_max = request.response_bytes_max;
  wire.sink = request.sink;
  const uint64_t bytes = std::max(request.body_bytes, request.response_bytes_max);
  wire.timeout = options_.timeout + std::chrono::seconds(bytes / options_.bytes_per_second_min);
  KEDGE_TRY_STATUS(http::SignRequest(location_.credentials,
                                     {location_.region, std::string(kService)}, clock_.NowMs(),
                                     wire, request.body_sha256));
  KEDGE_TRY(http::Response response, transport_.Send(wire));
  if (response.status >= 200 && response.status < 300) return response;
  return FromAnswer(request, response);
}

bool S3Client::PauseBeforeRetry(int tries_done, const Error& error) const {
  const bool can_help = error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded;
  if (!can_help || tries_done >= options_.tries) return false;
  // Half of the pause is certain, half is by chance, so that clients do not come back together.
  const auto whole =
      std::min(options_.pause * (1 << std::min(tries_done - 1, 10)), options_.pause_max);
  const uint32_t chance = LoadLittle<uint32_t>(crypto::RandomBytes(4).data());
  std::this_thread::sleep_for(whole / 2 + whole / 2 * (chance % 1000) / 1000);
  return true;
}

Result<http::Response> S3Client::Send(const S3Request& request) const {
  for (int tries = 1;; ++tries) {
    auto response = SendOnce(request);
    if (response || !PauseBeforeRetry(tries, response.error())) return response;
  }
}

Result<std::string> S3Client::Presign(const std::string& key, int64_t seconds) const {
  return http::PresignUrl(location_.credentials, {location_.region, std::string(kService)},
                          clock_.NowMs(), "GET", location_.UrlOf(key, ""), seconds);
}

}  // namespace kedge::blob
