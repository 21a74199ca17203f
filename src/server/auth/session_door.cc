// SPDX-License-Identifier: Apache-2.0
#include "server/auth/session_door.h"

#include "base/crypto/crypto.h"
#include "base/log.h"
#include "server/api/wire.h"
#include "server/devices/attempt_limit.h"

namespace kedge::server {
namespace {

constexpr size_t kBodyBytesMax = 4096;
constexpr size_t kNameBytesMax = 64;
constexpr size_t kPasswordBytesMax = 1024;

std::string SetCookie(const http::Request& request, const std::string& token, EpochMs lifetime_ms) {
  return std::string(kSessionCookie) + "=" + token + "; Path=/; HttpOnly; SameSite=Strict" +
         (request.over_tls ? "; Secure" : "") + "; Max-Age=" + std::to_string(lifetime_ms / 1000);
}

http::Response Answer(const json::Object& body, const std::string& request_id) {
  http::Response response;
  response.body = json::Write(body);
  response.headers.Set("Content-Type", "application/json");
  response.headers.Set("Cache-Control", "no-store");
  response.headers.Set("x-amzn-RequestId", request_id);
  return response;
}

json::Object Describe(const std::string& token, const std::string& user, const std::string& role) {
  return {{"UserName", user}, {"Role", role}, {"CsrfToken", CsrfToken(token)}};
}

// 429 for a login that must wait, so that the console can say so.
AwsError ErrorOf(const Error& error) {
  if (error.code != Code::kResourceExhausted) return ToAws(error, nullptr);
  return {429, "TooManyRequestsException", error.message};
}

}  // namespace

protocol::AuditRecord SessionDoor::Record(const http::Request& request,
                                          const std::string& request_id, const std::string& user,
                                          std::string_view operation) const {
  return {.time = clock_.NowMs(),
          .principal = "user/" + user,
          .operation = std::string(operation),
          .resource = "UserName=" + user,
          .request_id = request_id,
          .source = AddressOf(request.peer)};
}

http::Response SessionDoor::LogIn(const http::Request& request, const std::string& request_id) {
  // A form of another site can send any body, but not this type.
  if (!request.headers.Get("Content-Type").starts_with("application/json")) {
    return ErrorResponse({415, "UnsupportedMediaType", "the body must be application/json"},
                         request_id);
  }
  const auto body = json::Parse(request.body, {.bytes_max = kBodyBytesMax});
  if (!request.body_file.empty() || !body) {
    return ErrorResponse({400, "SerializationException", "the body is not a JSON object"},
                         request_id);
  }
  const std::string name = body->StringOr("UserName", "");
  const std::string password = body->StringOr("Password", "");
  if (name.empty() || name.size() > kNameBytesMax || password.size() > kPasswordBytesMax) {
    return ErrorResponse({400, "ValidationException", "UserName and Password are needed"},
                         request_id);
  }
  AuditTrail audit(signer_, Record(request, request_id, name, "LogIn"));
  auto user = sessions_.CheckPassword(name, password, AddressOf(request.peer));
  if (!user) {
    const AwsError error = ErrorOf(user.error());
    // Those that must wait are many and alike; the failures before them are recorded.
    if (error.status == 403) {
      const auto status = store_.Write(
          [&](store::Transaction& transaction) { return audit.Append(transaction, error.code); });
      if (!status) LogError("a failed login was not recorded", {{"error", status.error().message}});
    }
    return ErrorResponse(error, request_id);
  }
  const std::string token = HexEncode(crypto::RandomBytes(32));
  const auto status = audit.WriteWith(store_, [&](store::Transaction& transaction) {
    return sessions_.Begin(transaction, *user, token, AddressOf(request.peer));
  });
  if (!status) return ErrorResponse(ToAws(status.error(), nullptr), request_id);
  http::Response response = Answer(Describe(token, user->name, user->role), request_id);
  response.headers.Set("Set-Cookie", SetCookie(request, token, Sessions::kLifetimeMs));
  return response;
}

http::Response SessionDoor::Show(const http::Request& request, const std::string& request_id) {
  const auto identity = sessions_.Authenticate(request, /*needs_csrf=*/false);
  // The console asks so when it is opened: that nobody is logged in is no error there.
  if (!identity && request.query() == "quiet") {
    http::Response nobody = Answer({}, request_id);
    nobody.status = 204;
    nobody.body.clear();
    return nobody;
  }
  if (!identity) return ErrorResponse(ToAws(identity.error(), nullptr), request_id);
  return Answer(
      Describe(*SessionToken(request), identity->user, std::string(RoleName(identity->role))),
      request_id);
}

http::Response SessionDoor::LogOut(const http::Request& request, const std::string& request_id) {
  const auto identity = sessions_.Authenticate(request);
  if (!identity) return ErrorResponse(ToAws(identity.error(), nullptr), request_id);
  AuditTrail audit(signer_, Record(request, request_id, identity->user, "LogOut"));
  const auto status = audit.WriteWith(store_, [&](store::Transaction& transaction) {
    return store::DeleteSession(transaction, HashOfToken(*SessionToken(request)));
  });
  if (!status) return ErrorResponse(ToAws(status.error(), nullptr), request_id);
  http::Response response = Answer({}, request_id);
  response.headers.Set("Set-Cookie", SetCookie(request, "", 0));
  return response;
}

http::Response SessionDoor::Handle(const http::Request& request) {
  const std::string request_id = NewRequestId();
  if (request.method == "POST") return LogIn(request, request_id);
  if (request.method == "GET") return Show(request, request_id);
  if (request.method == "DELETE") return LogOut(request, request_id);
  return ErrorResponse({405, "MethodNotAllowed", "POST, GET or DELETE"}, request_id);
}

}  // namespace kedge::server
