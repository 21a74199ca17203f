// Access keys of devices and the certificate they trust.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/lookup.h"
#include "server/auth/access_key.h"
#include "store/tables/events.h"

namespace kedge::server {
namespace {

Status EnsureDevice(const Context& context, store::Transaction& transaction,
                    const std::string& fleet, const std::string& device, bool may_register) {
  KEDGE_TRY([[maybe_unused]] const store::Fleet found, NeedFleet(transaction, fleet));
  KEDGE_TRY(const auto registered, store::FindDevice(transaction, fleet, device));
  if (registered) return {};
  if (!may_register) return InvalidArgument("No device with name: " + device);
  return store::InsertDevice(transaction,
                             {.fleet = fleet, .name = device, .registered = context.clock.NowMs()});
}

Result<json::Value> EnrollDevice(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string fleet = input.Text("DeviceFleetName");
  const std::string device = input.Text("DeviceName");
  store::AccessKey key = NewAccessKey(context.clock.NowMs());
  key.role = store::kRoleDevice;
  key.fleet = fleet;
  key.device = device;
  const std::string secret = key.secret;
  KEDGE_TRY_STATUS(SealSecret(context.keyring, key));
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(EnsureDevice(context, transaction, fleet, device, input.Flag("Register")));
    KEDGE_TRY_STATUS(store::DeleteAccessKeys(transaction, fleet, device));
    KEDGE_TRY_STATUS(store::InsertAccessKey(transaction, key));
    return store::AddEvent(transaction, context.clock.NowMs(),
                           {.kind = store::EventKind::kDeviceEnrolled,
                            .resource = context.arns.Device(fleet, device),
                            .fleet = fleet,
                            .device = device,
                            .actor = call.identity.Principal(),
                            .message = "access key " + key.id});
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value(json::Object{
      {"DeviceFleetName", fleet},
      {"DeviceName", device},
      {"AccessKeyId", key.id},
      {"SecretAccessKey", secret},
      {"RootCertificates", json::Array{json::Value(context.signing_certificate_pem)}}});
}

// One transaction for all: a fleet that is brought in has many.
Result<json::Value> EnrollDevices(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string fleet = input.Text("DeviceFleetName");
  const std::vector<std::string> names = input.Texts("DeviceNames");
  std::vector<store::AccessKey> keys;
  json::Array answer;
  for (const std::string& device : names) {
    store::AccessKey key = NewAccessKey(context.clock.NowMs());
    key.role = store::kRoleDevice;
    key.fleet = fleet;
    key.device = device;
    answer.push_back(json::Object{
        {"DeviceName", device}, {"AccessKeyId", key.id}, {"SecretAccessKey", key.secret}});
    KEDGE_TRY_STATUS(SealSecret(context.keyring, key));
    keys.push_back(std::move(key));
  }
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const store::Fleet found, NeedFleet(transaction, fleet));
    KEDGE_TRY_STATUS(store::InsertMissingDevices(transaction, fleet, names, context.clock.NowMs()));
    KEDGE_TRY(const int64_t count, store::CountDevices(transaction, fleet));
    KEDGE_TRY_STATUS(CheckQuota(count, 0, context.quotas.devices, "devices of one fleet"));
    for (const store::AccessKey& key : keys) {
      KEDGE_TRY_STATUS(store::DeleteAccessKeys(transaction, fleet, *key.device));
      KEDGE_TRY_STATUS(store::InsertAccessKey(transaction, key));
    }
    return store::AddEvent(transaction, context.clock.NowMs(),
                           {.kind = store::EventKind::kDeviceEnrolled,
                            .resource = context.arns.Fleet(fleet),
                            .fleet = fleet,
                            .actor = call.identity.Principal(),
                            .message = std::to_string(keys.size()) + " devices"});
  };
  KEDGE_TRY_STATUS(call.Write(context.store, work));
  return json::Value(json::Object{{"Keys", std::move(answer)}});
}

Result<json::Value> GetSigningCertificate(const Context& context) {
  KEDGE_TRY(const std::string key_id, trust::KeyIdOfCertificate(context.signer.certificate_der()));
  return json::Value(
      json::Object{{"Certificate", context.signing_certificate_pem}, {"KeyId", key_id}});
}

}  // namespace

void AddEnrolmentRoutes(Router& router, const Context& context) {
  router.Add("EnrollDevice", [&context](const Call& call) { return EnrollDevice(context, call); });
  router.Add("EnrollDevices",
             [&context](const Call& call) { return EnrollDevices(context, call); });
  router.Add("GetSigningCertificate",
             [&context](const Call&) { return GetSigningCertificate(context); });
}

}  // namespace kedge::server
