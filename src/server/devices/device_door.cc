// SPDX-License-Identifier: Apache-2.0
#include "server/devices/device_door.h"

#include <ctime>

#include "server/api/wire.h"
#include "server/auth/audit.h"

namespace kedge::server {
namespace {

constexpr std::string_view kRenewPath = "/certificates/renew";
constexpr std::string_view kRoleAliases = "/role-aliases/";
constexpr std::string_view kCredentials = "/credentials";
constexpr std::string_view kAliasPrefix = "SageMakerEdge-";
constexpr size_t kBodyBytesMax = 16 << 10;

Error Refuse(const std::string& code, const std::string& message) {
  return Unauthenticated(code + ": " + message);
}

// "2026-11-22T14:00:00Z"
std::string Iso(EpochMs time) {
  const time_t seconds = static_cast<time_t>(time / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

http::Response JsonResponse(const Result<json::Value>& answer, const std::string& request_id) {
  if (!answer) return ErrorResponse(ToAws(answer.error(), nullptr), request_id);
  http::Response response;
  response.headers.Set("Content-Type", "application/json");
  response.headers.Set("x-amzn-RequestId", request_id);
  response.headers.Set("Cache-Control", "no-store");
  response.body = json::Write(*answer);
  return response;
}

// Like an error of the API, so that one reader at the device understands all of them.
http::Response NotHere() {
  return ErrorResponse({404, "UnknownOperationException", "nothing stands here for devices"},
                       NewRequestId());
}

bool IsObject(const http::Request& request) {
  const std::string& method = request.method;
  return method == "GET" || method == "HEAD" || method == "PUT";
}

}  // namespace

Result<DeviceDoor::Known> DeviceDoor::Identify(const http::Request& request) const {
  const auto& peer = request.peer_certificate;
  if (peer == nullptr || peer->uris.size() != 1) {
    return Refuse("AccessDeniedException", "the certificate is not a device's");
  }
  KnownCertificates& certificates = parts_.context.authenticator.certificates();
  KEDGE_TRY(Known known, certificates.Find(peer->serial));
  if (known == nullptr || known->fingerprint != peer->fingerprint ||
      peer->uris.front() != trust::DeviceUri({.fleet = known->fleet, .device = known->device})) {
    return Refuse("UnrecognizedClientException", "the certificate is unknown here");
  }
  if (known->revoked) return Refuse("AccessDeniedException", "the certificate was revoked");
  certificates.NoteUse(*known, AddressOf(request.peer));
  return known;
}

Status DeviceDoor::CheckTime(const http::Request& request, const KnownCertificate& known) const {
  const EpochMs now = parts_.context.clock.NowMs();
  if (now < known.expires) return {};
  const bool renews = request.method == "POST" && request.path() == kRenewPath;
  if (renews && now < known.expires + parts_.authority.options().grace_ms) return {};
  return Refuse("ExpiredTokenException",
                "the certificate ended " + Iso(known.expires) + ": renew it");
}

void DeviceDoor::Handle(const http::Request& request, const http::Responder& responder) {
  const auto known = Identify(request);
  if (!known) return responder(JsonResponse(known.error(), NewRequestId()));
  const KnownCertificate& certificate = **known;
  if (const Status status = CheckTime(request, certificate); !status) {
    return responder(JsonResponse(status.error(), NewRequestId()));
  }
  if (request.method == "POST" && request.path() == kRenewPath) {
    const std::string request_id = NewRequestId();
    return responder(JsonResponse(Renew(request, certificate, request_id), request_id));
  }
  if (request.path().starts_with(kRoleAliases)) {
    return responder(JsonResponse(Credentials(request, certificate), NewRequestId()));
  }
  if (parts_.api.Owns(request)) {
    const Identity identity{.role = Role::kDevice,
                            .fleet = certificate.fleet,
                            .device = certificate.device,
                            .source = AddressOf(request.peer)};
    return parts_.api.HandleFor(request, identity, responder);
  }
  if (!IsObject(request)) return responder(NotHere());
  responder(parts_.objects.HandleFor(
      request, trust::DeviceUri({.fleet = certificate.fleet, .device = certificate.device})));
}

// The former certificate stays valid until its own end: a device that is killed before it has the
// new one goes on with the old one.
Result<json::Value> DeviceDoor::Renew(const http::Request& request, const KnownCertificate& known,
                                      const std::string& request_id) {
  if (!renewals_.Take(known.serial)) {
    return ResourceExhausted("the certificate was renewed too often");
  }
  if (!request.body_file.empty() || request.body.size() > kBodyBytesMax) {
    return InvalidArgument("the request is longer than " + std::to_string(kBodyBytesMax) +
                           " bytes");
  }
  const auto body = json::Parse(request.body, {.bytes_max = kBodyBytesMax, .depth_max = 4});
  if (!body) return InvalidArgument("the request is not JSON: " + body.error().message);
  KEDGE_TRY(const trust::CertificateRequest csr,
            trust::ParseCertificateRequest(body->StringOr("CertificateSigningRequest", "")));
  const Context& context = parts_.context;
  KEDGE_TRY(const DeviceAuthority::Issued issued,
            parts_.authority.Issue(csr, {.fleet = known.fleet, .device = known.device},
                                   context.clock.NowMs()));
  AuditTrail audit(context.signer, {.time = context.clock.NowMs(),
                                    .principal = "device/" + known.fleet + "/" + known.device,
                                    .role = std::string(RoleName(Role::kDevice)),
                                    .operation = "RenewCertificate",
                                    .resource = "CertificateId=" + issued.row.serial,
                                    .request_id = request_id,
                                    .source = AddressOf(request.peer)});
  const auto insert = [&](store::Transaction& transaction) -> Status {
    // Memory may be a second old; this is the moment that counts.
    KEDGE_TRY(const auto row, store::FindDeviceCertificate(transaction, known.serial));
    if (!row || row->revoked) {
      return Refuse("AccessDeniedException", "the certificate was revoked");
    }
    return store::InsertDeviceCertificate(transaction, issued.row);
  };
  KEDGE_TRY_STATUS(audit.WriteWith(context.store, insert));
  return json::Value(json::Object{{"Certificate", issued.certificate_pem},
                                  {"ExpirationTime", Seconds(issued.row.expires)},
                                  {"CertificateAuthority", parts_.authority.root_pem()}});
}

Result<json::Value> DeviceDoor::Credentials(const http::Request& request,
                                            const KnownCertificate& known) const {
  std::string_view alias = request.path();
  alias.remove_prefix(kRoleAliases.size());
  if (request.method != "GET" || !alias.ends_with(kCredentials)) {
    return InvalidArgument("GET /role-aliases/<alias>/credentials is what is here");
  }
  alias.remove_suffix(kCredentials.size());
  if (alias != std::string(kAliasPrefix) + known.fleet) {
    return PermissionDenied("device '" + known.device + "' may not assume role alias '" +
                            std::string(alias) + "'");
  }
  const std::string* thing = request.headers.Find("x-amzn-iot-thingname");
  if (thing != nullptr && *thing != known.device) {
    return PermissionDenied("the certificate is not the one of thing '" + *thing + "'");
  }
  const EpochMs now = parts_.context.clock.NowMs();
  KEDGE_TRY(const TemporaryKey key,
            parts_.context.authenticator.temporary_keys().Make(
                known.serial, std::min(now + kCredentialsLifeMs, known.expires)));
  return json::Value(json::Object{{"credentials", json::Object{{"accessKeyId", key.id},
                                                               {"secretAccessKey", key.secret},
                                                               {"sessionToken", key.token},
                                                               {"expiration", Iso(key.expires)}}}});
}

}  // namespace kedge::server
