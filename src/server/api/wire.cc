// SPDX-License-Identifier: Apache-2.0
#include "server/api/wire.h"

#include <algorithm>
#include <array>

#include "base/crypto/crypto.h"
#include "base/log.h"

namespace kedge::server {
namespace {

constexpr size_t kMessageBytesMax = 1024;  // of the modelled errors
constexpr size_t kRequestIdBytes = 16;
constexpr size_t kRequestIdsAtOnce = 64;

std::string Cut(const std::string& message) {
  return message.size() <= kMessageBytesMax ? message
                                            : message.substr(0, kMessageBytesMax - 3) + "...";
}

AwsError Unauthenticated(const std::string& message) {
  const size_t colon = message.find(": ");
  if (colon == std::string::npos) return {403, "AccessDeniedException", message};
  std::string code = message.substr(0, colon);
  if (code == "MissingAuthenticationToken") code = "MissingAuthenticationTokenException";
  return {403, code, message.substr(colon + 2)};
}

}  // namespace

AwsError ToAws(const Error& error, const Operation* operation) {
  switch (error.code) {
    case Code::kInvalidArgument:
      return {400, "ValidationException", error.message};
    case Code::kNotFound:
      if (operation != nullptr && operation->Names("ResourceNotFound")) {
        return {400, "ResourceNotFound", error.message};
      }
      return {400, "ValidationException", error.message};
    case Code::kAlreadyExists:
    case Code::kFailedPrecondition:
      return {400, "ResourceInUse", error.message};
    case Code::kOutOfRange:
      return {400, "ResourceLimitExceeded", error.message};
    case Code::kPermissionDenied:
      return {400, "AccessDeniedException", error.message};
    case Code::kUnauthenticated:
      return Unauthenticated(error.message);
    case Code::kUnavailable:
    case Code::kResourceExhausted:
      return {503, "ServiceUnavailable", error.message};
    default:
      break;
  }
  LogError("request failed", {{"operation", operation != nullptr ? operation->name : ""},
                              {"code", std::string(CodeName(error.code))},
                              {"error", error.message}});
  const bool modelled = operation != nullptr && operation->Names("InternalServiceException");
  return {500, modelled ? "InternalServiceException" : "InternalFailure",
          "the server could not do this; its log has the reason under the request's time"};
}

http::Response ErrorResponse(const AwsError& error, const std::string& request_id) {
  http::Response response;
  response.status = error.status;
  const std::string message = Cut(error.message);
  response.body =
      json::Write(json::Object{{"__type", error.code}, {"message", message}, {"Message", message}});
  response.headers.Set("Content-Type", "application/x-amz-json-1.1");
  response.headers.Set("x-amzn-ErrorType", error.code);
  response.headers.Set("x-amzn-RequestId", request_id);
  if (error.status == 503 || error.status == 429) response.headers.Set("Retry-After", "1");
  return response;
}

http::Response ResultResponse(const json::Value& result, const Operation& operation,
                              const std::string& request_id) {
  http::Response response;
  if (!result.is_null()) response.body = json::Write(result);
  response.headers.Set("Content-Type",
                       operation.path.empty() ? "application/x-amz-json-1.1" : "application/json");
  response.headers.Set("x-amzn-RequestId", request_id);
  return response;
}

std::string NewRequestId() {
  // Each call of the generator costs as much as a small answer: a thread asks for many at once.
  thread_local ByteBuffer drawn;
  thread_local size_t used = 0;
  if (used == drawn.size()) {
    drawn = crypto::RandomBytes(kRequestIdBytes * kRequestIdsAtOnce);
    used = 0;
  }
  std::array<uint8_t, kRequestIdBytes> bytes;
  std::copy_n(drawn.begin() + static_cast<std::ptrdiff_t>(used), bytes.size(), bytes.begin());
  used += bytes.size();
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0F) | 0x40);  // RFC 9562: version 4, variant 1
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3F) | 0x80);
  std::string text = HexEncode(bytes);
  for (const size_t position : {20u, 16u, 12u, 8u}) text.insert(position, "-");
  return text;
}

json::Value Seconds(EpochMs time) { return static_cast<double>(time) / 1000.0; }

}  // namespace kedge::server
