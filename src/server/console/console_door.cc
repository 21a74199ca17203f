// SPDX-License-Identifier: Apache-2.0
#include "server/console/console_door.h"

#include "server/api/wire.h"

namespace kedge::server {
namespace {

constexpr std::string_view kRoot = "/console";
constexpr std::string_view kEvents = "/console/events";
constexpr std::string_view kObjects = "/console/objects";

bool IsSigned(const http::Request& request) {
  return request.headers.Find("Authorization") != nullptr ||
         request.headers.Find("X-Amz-Target") != nullptr ||
         request.query().find("X-Amz-Signature=") != std::string_view::npos ||
         request.query().find("X-Amz-Algorithm=") != std::string_view::npos;
}

// A person's browser that opened the server's address.
bool IsVisit(const http::Request& request) {
  return request.method == "GET" && request.target == "/" &&
         request.headers.Get("Accept").find("text/html") != std::string::npos;
}

bool IsBelow(std::string_view path, std::string_view folder) {
  return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

http::Response Redirect(const std::string& to) {
  http::Response response;
  response.status = 302;
  response.headers.Set("Location", to);
  SetPageHeaders(response);
  return response;
}

bool OnlyReads(const http::Request& request) {
  return request.method == "GET" || request.method == "HEAD";
}

// The request as the S3 door knows it: without the prefix, and without what belongs to the session.
http::Request AsObjectRequest(const http::Request& request) {
  http::Request object = request;
  object.target = request.target.substr(kObjects.size());
  if (object.target.empty() || object.target.front() != '/') object.target.insert(0, 1, '/');
  return object;
}

// Whatever somebody stored must not become a page of this origin.
void MakeHarmless(http::Response& response) {
  SetPageHeaders(response);
  response.headers.Set("Content-Security-Policy",
                       "default-src 'none'; sandbox; frame-ancestors 'none'");
  response.headers.Set("Content-Disposition", "attachment");
  const std::string type = response.headers.Get("Content-Type");
  if (type != "application/xml") response.headers.Set("Content-Type", "application/octet-stream");
}

}  // namespace

ConsoleDoor::ConsoleDoor(ConsoleParts parts)
    : parts_(std::move(parts)), assets_(kConsoleFiles), live_(parts_.catalogue, parts_.api) {}

bool ConsoleDoor::Owns(const http::Request& request) {
  if (IsSigned(request)) return false;
  return IsVisit(request) || IsBelow(request.path(), kRoot);
}

// Reading needs the cookie alone: a page of another site cannot send it (SameSite=Strict), and a
// download or an event stream cannot send a header.
Result<Identity> ConsoleDoor::Authenticate(const http::Request& request) const {
  return parts_.authenticator.sessions().Authenticate(request, !OnlyReads(request));
}

http::Response ConsoleDoor::Objects(const http::Request& request) const {
  const auto identity = Authenticate(request);
  if (!identity) return ErrorResponse(ToAws(identity.error(), nullptr), NewRequestId());
  const S3Door door(parts_.objects(*identity));
  http::Response response = door.HandleFor(AsObjectRequest(request), identity->Principal());
  MakeHarmless(response);
  return response;
}

void ConsoleDoor::Handle(const http::Request& request, const http::Responder& responder) {
  const std::string_view path = request.path();
  if (path == "/" || path == kRoot) return responder(Redirect("/console/"));
  if (IsBelow(path, kObjects)) return responder(Objects(request));
  if (path != kEvents) {
    return responder(assets_.Answer(request, path.substr(kRoot.size() + 1)));
  }
  const auto identity = Authenticate(request);
  if (!identity) {
    return responder(ErrorResponse(ToAws(identity.error(), nullptr), NewRequestId()));
  }
  live_.Listen(*identity, request.headers.Get("Last-Event-ID"), responder);
}

std::optional<http::Response> ConsoleDoor::CheckHead(const http::Request& head) const {
  const auto identity = Authenticate(head);
  if (!identity) return ErrorResponse(ToAws(identity.error(), nullptr), NewRequestId());
  return std::nullopt;
}

}  // namespace kedge::server
