// SPDX-License-Identifier: Apache-2.0
#include "agent/link/edge_client.h"

#include <charconv>
#include <fcntl.h>
#include <random>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "package/format.h"

namespace kedge::agent {

namespace {

constexpr size_t kErrorTextBytesMax = 300;
constexpr uint64_t kAnswerBytesMax = 4 << 20;
constexpr size_t kPieceBytes = 64 << 10;

// What the server says went wrong, in AWS's JSON form or as plain text.
std::string ErrorText(const http::Response& response) {
  std::string text = "HTTP " + std::to_string(response.status);
  if (auto value = json::Parse(response.body, {.bytes_max = 64 << 10, .depth_max = 8})) {
    std::string type = value->StringOr("__type", response.headers.Get("x-amzn-ErrorType"));
    const std::string message = value->StringOr("message", value->StringOr("Message", ""));
    if (!type.empty()) text += " " + type;
    if (!message.empty()) text += ": " + message;
  }
  return text.substr(0, kErrorTextBytesMax);
}

Error ErrorOfAnswer(const http::Response& response, std::string_view what) {
  const bool transient = response.status >= 500 || response.status == 429 || response.status == 408;
  const Code code = transient                                          ? Code::kUnavailable
                    : response.status == 401 || response.status == 403 ? Code::kPermissionDenied
                    : response.status == 404                           ? Code::kNotFound
                    : response.status == 416                           ? Code::kOutOfRange
                                                                       : Code::kInvalidArgument;
  return {code, std::string(what) + ": the server answers " + ErrorText(response)};
}

// SHA-256 in hexadecimal of a file that is not held in memory; and its size.
Result<std::string> DigestFile(int fd, uint64_t* bytes) {
  crypto::Hasher hasher;
  ByteBuffer buffer(kPieceBytes);
  while (true) {
    const ssize_t n = pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(*bytes));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(errno, "reading what is to be uploaded");
    if (n == 0) return HexEncode(hasher.Finish());
    hasher.Update({buffer.data(), static_cast<size_t>(n)});
    *bytes += static_cast<uint64_t>(n);
  }
}

}  // namespace

Result<ObjectName> ParseS3Url(const std::string& url) {
  constexpr std::string_view kScheme = "s3://";
  const size_t slash = url.find('/', kScheme.size());
  if (!url.starts_with(kScheme) || slash == std::string::npos || slash == kScheme.size() ||
      slash + 1 == url.size())
    return InvalidArgument("object '" + url.substr(0, 200) + "' is not s3://bucket/key");
  return ObjectName{url.substr(kScheme.size(), slash - kScheme.size()), url.substr(slash + 1)};
}

Status EdgeClient::Sign(const std::string& service, http::ClientRequest& request,
                        const std::string& body_sha256) {
  http::Credentials credentials = options_.credentials;
  if (options_.temporary != nullptr) {
    KEDGE_TRY(credentials, options_.temporary->Get());
  }
  if (credentials.access_key_id.empty()) return {};
  return http::SignRequest(credentials, {options_.region, service}, clock_.NowMs(), request,
                           body_sha256);
}

Result<json::Value> EdgeClient::Call(std::string_view path, const json::Value& message) {
  if (clock_.Steady() < quiet_until_.load())
    return Unavailable(std::string(path) + ": the server asked to be left alone for a while");
  http::ClientRequest request;
  request.method = "POST";
  request.url = options_.endpoint + std::string(path);
  request.headers.Set("Content-Type", "application/json");
  request.body = json::Write(message);
  request.timeout = kCallTimeout;
  request.response_bytes_max = kAnswerBytesMax;
  request.cancelled = options_.stopping;
  KEDGE_TRY_STATUS(Sign("sagemaker", request));
  KEDGE_TRY(const http::Response response, transport_.Send(request));
  if (response.status == 429 || response.status == 503) LeaveAlone(response);
  if (response.status / 100 != 2) return ErrorOfAnswer(response, path);
  if (response.body.empty()) return json::Value(json::Object());
  return json::Parse(response.body, {.bytes_max = kAnswerBytesMax, .depth_max = 16});
}

void EdgeClient::LeaveAlone(const http::Response& response) {
  const std::string text = response.headers.Get("Retry-After");
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds <= 0) return;
  const std::chrono::milliseconds asked = std::min(std::chrono::seconds(seconds), kRetryAfterMax);
  std::random_device random;
  std::uniform_int_distribution<int64_t> draw(asked.count(), 2 * asked.count());
  quiet_until_.store(clock_.Steady() + std::chrono::milliseconds(draw(random)));
}

Result<protocol::DeviceRegistration> EdgeClient::GetDeviceRegistration() {
  KEDGE_TRY(const json::Value answer,
            Call(protocol::kGetDeviceRegistrationPath, protocol::ToJson(options_.device)));
  return protocol::ParseDeviceRegistration(answer);
}

Result<EdgeClient::Orders> EdgeClient::GetDeployments() {
  KEDGE_TRY(const json::Value answer,
            Call(protocol::kGetDeploymentsPath, protocol::ToJson(options_.device)));
  Orders orders;
  KEDGE_TRY(orders.deployments, protocol::ParseDeployments(answer));
  KEDGE_TRY(orders.commands, protocol::ParseCommands(answer));
  KEDGE_TRY(orders.capture_policies, protocol::ParseCapturePolicies(answer));
  return orders;
}

Status EdgeClient::ReportCommand(const protocol::CommandReport& report) {
  const auto answer =
      Call(protocol::kReportDeviceCommandPath, protocol::ToJson(options_.device, report));
  if (!answer) return answer.error();
  return {};
}

Result<protocol::Contact> EdgeClient::SendHeartbeat(const protocol::Heartbeat& heartbeat) {
  KEDGE_TRY(const json::Value answer,
            Call(protocol::kSendHeartbeatPath, protocol::ToJson(heartbeat)));
  return protocol::ParseContact(answer);
}

Status EdgeClient::ReadObject(const ObjectName& name, uint64_t offset,
                              const std::function<Status(Bytes)>& sink,
                              const std::atomic<bool>* cancelled) {
  http::ClientRequest request;
  request.url = options_.endpoint + "/" + http::PercentEncode(name.bucket, false) + "/" +
                http::PercentEncode(name.key, true);
  if (offset > 0) request.headers.Set("Range", "bytes=" + std::to_string(offset) + "-");
  request.timeout = kTransferTimeout;
  request.response_bytes_max = package::kPackageBytesMax;
  request.sink = sink;
  request.cancelled = cancelled;
  KEDGE_TRY_STATUS(Sign("s3", request));
  KEDGE_TRY(const http::Response response, transport_.Send(request));
  if (response.status / 100 != 2)
    return ErrorOfAnswer(response, "reading s3://" + name.bucket + "/" + name.key);
  if (offset > 0 && response.status != 206)
    return Aborted("the server sent all of s3://" + name.bucket + "/" + name.key +
                   " where a part was asked for");
  return {};
}

Status EdgeClient::WriteObject(const ObjectName& name, const ObjectBody& body) {
  if (clock_.Steady() < quiet_until_.load())
    return Unavailable("the server asked to be left alone for a while");
  http::ClientRequest request;
  request.method = "PUT";
  request.url = options_.endpoint + "/" + http::PercentEncode(name.bucket, false) + "/" +
                http::PercentEncode(name.key, true);
  request.timeout = kTransferTimeout;
  request.response_bytes_max = kAnswerBytesMax;
  request.cancelled = options_.stopping;
  FileDescriptor file;
  std::string body_sha256;
  if (body.file.empty()) {
    request.body = std::string(AsText(body.bytes));
  } else {
    KEDGE_TRY(file, OpenFile(body.file, O_RDONLY | O_NOFOLLOW));
    KEDGE_TRY(body_sha256, DigestFile(file.get(), &request.body_bytes));
    request.body_fd = file.get();
  }
  KEDGE_TRY_STATUS(Sign("s3", request, body_sha256));
  KEDGE_TRY(const http::Response response, transport_.Send(request));
  if (response.status == 429 || response.status == 503) LeaveAlone(response);
  if (response.status / 100 != 2)
    return ErrorOfAnswer(response, "writing s3://" + name.bucket + "/" + name.key);
  return {};
}

}  // namespace kedge::agent
