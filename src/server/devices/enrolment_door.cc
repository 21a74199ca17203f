// SPDX-License-Identifier: Apache-2.0
#include "server/devices/enrolment_door.h"

#include "base/crypto/crypto.h"
#include "base/log.h"
#include "protocol/edge_api.h"
#include "server/api/lookup.h"
#include "server/api/wire.h"
#include "server/auth/audit.h"
#include "store/tables/access_keys.h"
#include "store/tables/certificates.h"
#include "store/tables/events.h"

namespace kedge::server {
namespace {

// One text for every reason: who guesses tokens learns nothing.
Error RefusedToken() {
  return Unauthenticated("AccessDeniedException: the claim token does not count for this device");
}

http::Response Busy() {
  http::Response response = ErrorResponse(
      {429, "ThrottlingException", "too many attempts to enrol from this address"}, NewRequestId());
  response.headers.Set("Retry-After", "60");
  return response;
}

// Whether anything was ever given to the device that it could prove itself with.
Result<bool> HasIdentity(store::Transaction& transaction, const trust::DeviceName& name) {
  KEDGE_TRY(const auto certificates,
            store::ListDeviceCertificates(transaction, name.fleet, name.device, {.rows_max = 1}));
  if (!certificates.items.empty()) return true;
  return store::HasAccessKeys(transaction, name.fleet, name.device);
}

}  // namespace

std::string ClaimTokenDigest(std::string_view token) { return crypto::Sha256Hex(AsBytes(token)); }

bool MatchesDevicePattern(std::string_view pattern, std::string_view device) {
  if (!pattern.ends_with('*')) return pattern == device;
  pattern.remove_suffix(1);
  return device.starts_with(pattern);
}

// Somebody who wants to be a device.
struct EnrolmentDoor::Application {
  std::string token_sha256;
  store::ClaimToken token;  // as it was read before the certificate was made
  trust::DeviceName name;
  std::string request_id;
  std::string source;  // address
};

http::Response EnrolmentDoor::Handle(const http::Request& request) {
  if (!limit_.Take(AddressOf(request.peer))) return Busy();
  const std::string request_id = NewRequestId();
  const auto answer = Enrol(request, request_id);
  if (!answer) return ErrorResponse(ToAws(answer.error(), nullptr), request_id);
  http::Response response;
  response.headers.Set("Content-Type", "application/json");
  response.headers.Set("x-amzn-RequestId", request_id);
  response.headers.Set("Cache-Control", "no-store");
  response.body = json::Write(*answer);
  return response;
}

Result<json::Value> EnrolmentDoor::Enrol(const http::Request& request,
                                         const std::string& request_id) {
  if (endpoint_.empty()) return InvalidArgument("this server has no listener for devices");
  if (!request.body_file.empty() || request.body.size() > kBodyBytesMax) {
    return InvalidArgument("the request is longer than " + std::to_string(kBodyBytesMax) +
                           " bytes");
  }
  const auto body = json::Parse(request.body, {.bytes_max = kBodyBytesMax, .depth_max = 4});
  if (!body) return InvalidArgument("the request is not JSON: " + body.error().message);
  Application application{.request_id = request_id, .source = AddressOf(request.peer)};
  application.name.device = body->StringOr("DeviceName", "");
  if (!protocol::IsDeviceName(application.name.device)) {
    return InvalidArgument("DeviceName '" + application.name.device + "' is not a device's name");
  }
  KEDGE_TRY(const trust::CertificateRequest csr,
            trust::ParseCertificateRequest(body->StringOr("CertificateSigningRequest", "")));
  application.token_sha256 = ClaimTokenDigest(body->StringOr("ClaimToken", ""));

  std::optional<store::ClaimToken> token;
  KEDGE_TRY_STATUS(context_.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(token, store::FindClaimToken(transaction, application.token_sha256));
    return {};
  }));
  if (!token || !MatchesDevicePattern(token->device_pattern, application.name.device)) {
    TellRefused(application, RefusedToken());
    return RefusedToken();
  }
  application.token = *token;
  application.name.fleet = token->fleet;
  // Signed before the transaction, which must not wait for it. A certificate without a row is none.
  KEDGE_TRY(const DeviceAuthority::Issued issued,
            authority_.Issue(csr, application.name, context_.clock.NowMs()));
  const Status stored = context_.store.Write(
      [&](store::Transaction& transaction) { return Register(transaction, application, issued); });
  if (!stored) {
    if (stored.error().code == Code::kUnauthenticated) {
      TellRefused(application, stored.error());
    }
    return stored.error();
  }
  return Answer(issued);
}

Status EnrolmentDoor::Register(store::Transaction& transaction, const Application& application,
                               const DeviceAuthority::Issued& issued) const {
  const EpochMs now = context_.clock.NowMs();
  const trust::DeviceName& name = application.name;
  KEDGE_TRY(const bool used, store::UseClaimToken(transaction, application.token.id, now));
  if (!used) return RefusedToken();
  KEDGE_TRY(const auto device, store::FindDevice(transaction, name.fleet, name.device));
  if (!device) {
    KEDGE_TRY(const int64_t count, store::CountDevices(transaction, name.fleet));
    KEDGE_TRY_STATUS(CheckQuota(count, 1, context_.quotas.devices, "devices of one fleet"));
    KEDGE_TRY_STATUS(store::InsertDevice(
        transaction, {.fleet = name.fleet, .name = name.device, .registered = now}));
  } else if (application.token.device_pattern.ends_with('*')) {
    KEDGE_TRY(const bool taken, HasIdentity(transaction, name));
    if (taken) return RefusedToken();
  } else {
    KEDGE_TRY([[maybe_unused]] const int64_t revoked,
              store::RevokeDeviceCertificates(transaction, {.fleet = name.fleet,
                                                            .device = name.device,
                                                            .now = now,
                                                            .why = "the device enrolled again"}));
  }
  KEDGE_TRY_STATUS(store::InsertDeviceCertificate(transaction, issued.row));
  protocol::AuditRecord record = Record(application);
  record.result = kAuditSuccess;
  KEDGE_TRY_STATUS(AppendAuditRecord(transaction, context_.signer, std::move(record)));
  return store::AddEvent(transaction, now,
                         {.kind = store::EventKind::kDeviceEnrolled,
                          .resource = context_.arns.Device(name.fleet, name.device),
                          .fleet = name.fleet,
                          .device = name.device,
                          .actor = "claim/" + application.token.id,
                          .message = "certificate " + issued.row.serial});
}

protocol::AuditRecord EnrolmentDoor::Record(const Application& application) const {
  const bool known = !application.token.id.empty();
  return {.time = context_.clock.NowMs(),
          .principal = known ? "claim/" + application.token.id : "claim/unknown",
          .role = std::string(RoleName(Role::kDevice)),
          .operation = "EnrollWithClaim",
          .resource = (known ? "DeviceFleetName=" + application.token.fleet + " " : "") +
                      "DeviceName=" + application.name.device,
          .request_id = application.request_id,
          .source = application.source};
}

void EnrolmentDoor::TellRefused(const Application& application, const Error& why) const {
  store::Event event{.kind = store::EventKind::kEnrolmentRefused,
                     .severity = store::Severity::kWarning,
                     .resource = application.name.device,
                     .actor = application.source,
                     .message = why.message};
  if (!application.token.id.empty()) {
    event.fleet = application.token.fleet;
    event.message += " (token " + application.token.id + ")";
  }
  protocol::AuditRecord record = Record(application);
  record.result = ToAws(why, nullptr).code;
  context_.store.WriteLater(
      [event, record, this](store::Transaction& transaction) -> Status {
        KEDGE_TRY_STATUS(AppendAuditRecord(transaction, context_.signer, record));
        return store::AddEvent(transaction, record.time, event);
      },
      [](const Status& status) {
        if (status) return;
        LogWarning("a refused enrolment was not recorded", {{"error", status.error().message}});
      });
}

json::Value EnrolmentDoor::Answer(const DeviceAuthority::Issued& issued) const {
  return json::Object{
      {"DeviceFleetName", issued.row.fleet},
      {"DeviceName", issued.row.device},
      {"Certificate", issued.certificate_pem},
      {"ExpirationTime", Seconds(issued.row.expires)},
      {"CertificateAuthority", authority_.root_pem()},
      {"RootCertificates", json::Array{json::Value(context_.signing_certificate_pem)}},
      {"DeviceEndpoint", endpoint_},
      {"CredentialsEndpoint",
       endpoint_ + "/role-aliases/SageMakerEdge-" + issued.row.fleet + "/credentials"},
      {"Region", context_.arns.region}};
}

}  // namespace kedge::server
