// Certificates of devices: what there is, and taking them back.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/api/paging.h"
#include "server/api/wire.h"
#include "store/tables/certificates.h"
#include "store/tables/events.h"

namespace kedge::server {
namespace {

std::string StatusOf(const store::DeviceCertificate& certificate, EpochMs now) {
  if (certificate.revoked) return "REVOKED";
  return certificate.expires <= now ? "EXPIRED" : "ACTIVE";
}

json::Value Summary(const store::DeviceCertificate& certificate, EpochMs now) {
  json::Object object{{"Serial", certificate.serial},
                      {"DeviceFleetName", certificate.fleet},
                      {"DeviceName", certificate.device},
                      {"Status", StatusOf(certificate, now)},
                      {"Fingerprint", certificate.fingerprint},
                      {"IssueTime", Seconds(certificate.issued)},
                      {"ExpirationTime", Seconds(certificate.expires)}};
  if (certificate.revoked) object.Set("RevocationTime", Seconds(*certificate.revoked));
  SetIf(object, "RevocationReason", certificate.revoked_why);
  if (certificate.seen) object.Set("LastSeenTime", Seconds(*certificate.seen));
  SetIf(object, "LastSeenAddress", certificate.seen_address);
  return object;
}

Result<json::Value> ListDeviceCertificates(const Context& context, const Call& call) {
  const Input input = call.input();
  KEDGE_TRY(const store::Page page, ReadPage(input, call.operation));
  store::PageOf<store::DeviceCertificate> certificates;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    const std::string fleet = input.Text("DeviceFleetName");
    KEDGE_TRY([[maybe_unused]] const auto found, NeedFleet(transaction, fleet));
    KEDGE_TRY(certificates, store::ListDeviceCertificates(transaction, fleet,
                                                          input.TextOrNone("DeviceName"), page));
    return {};
  }));
  const EpochMs now = context.clock.NowMs();
  json::Array summaries;
  for (const auto& certificate : certificates.items) {
    summaries.push_back(Summary(certificate, now));
  }
  json::Object answer{{"DeviceCertificateSummaries", std::move(summaries)}};
  SetNextToken(answer, call.operation, certificates.next);
  return json::Value(std::move(answer));
}

Result<json::Value> RevokeDeviceCertificate(const Context& context, const Call& call) {
  const Input input = call.input();
  const store::Revocation revocation{.fleet = input.Text("DeviceFleetName"),
                                     .device = input.Text("DeviceName"),
                                     .serial = input.TextOrNone("Serial"),
                                     .now = context.clock.NowMs(),
                                     .why = input.TextOrNone("Reason").value_or("")};
  int64_t revoked = 0;
  KEDGE_TRY_STATUS(call.Write(context.store, [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto fleet, NeedFleet(transaction, revocation.fleet));
    KEDGE_TRY(revoked, store::RevokeDeviceCertificates(transaction, revocation));
    if (revoked == 0 && revocation.serial) {
      return InvalidArgument("No valid certificate with serial: " + *revocation.serial);
    }
    return store::AddEvent(transaction, revocation.now,
                           {.kind = store::EventKind::kCertificateRevoked,
                            .severity = store::Severity::kWarning,
                            .resource = context.arns.Device(revocation.fleet, revocation.device),
                            .fleet = revocation.fleet,
                            .device = revocation.device,
                            .actor = call.identity.Principal(),
                            .message = revocation.serial.value_or("all certificates") +
                                       (revocation.why.empty() ? "" : ": " + revocation.why)});
  }));
  return json::Value(json::Object{{"Revoked", revoked}});
}

}  // namespace

void AddDeviceCertificateRoutes(Router& router, const Context& context) {
  router.Add("ListDeviceCertificates",
             [&context](const Call& call) { return ListDeviceCertificates(context, call); });
  router.Add("RevokeDeviceCertificate",
             [&context](const Call& call) { return RevokeDeviceCertificate(context, call); });
}

}  // namespace kedge::server
