// SPDX-License-Identifier: Apache-2.0
#include "server/devices/device_authority.h"

#include "server/keys/installed_key.h"

namespace kedge::server {
namespace {

constexpr int64_t kListenerLifeMs = int64_t{730} * 86'400'000;

// Root and issuing key stand in one row, one PEM text behind the other, and so do their
// certificates: a node that is killed cannot leave half an authority.
struct Pair {
  std::string first;
  std::string second;
};

constexpr std::string_view kPemEnd = "-----END ";

// Two PEM texts that were put one behind the other.
Result<Pair> SplitPair(const std::string& text) {
  const size_t end_line = text.find(kPemEnd);
  const size_t end = end_line == std::string::npos ? end_line : text.find('\n', end_line);
  if (end == std::string::npos) return DataLoss("the stored device authority is damaged");
  return Pair{.first = text.substr(0, end + 1), .second = text.substr(end + 1)};
}

Status CheckNames(const trust::CertificateRequest& request, const trust::DeviceName& name) {
  if (!request.common_name.empty() && request.common_name != name.device) {
    return InvalidArgument("the certificate request is for '" + request.common_name +
                           "', not for '" + name.device + "'");
  }
  for (const std::string& uri : request.uris) {
    if (uri != trust::DeviceUri(name)) {
      return InvalidArgument("the certificate request is for '" + uri + "', not for '" +
                             trust::DeviceUri(name) + "'");
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<DeviceAuthority>> DeviceAuthority::Load(
    store::Store& store, const Keyring& keyring, const DeviceAuthorityOptions& options,
    EpochMs now) {
  auto installed = LoadInstalledKey(store, keyring, kDeviceAuthorityPurpose);
  if (!installed && installed.error().code == Code::kNotFound) {
    KEDGE_TRY(const trust::AuthorityKeys made, trust::GenerateAuthority(now));
    const InstalledKey pair{
        .key_pem = made.root_key_pem + made.issuing_key_pem,
        .certificate_pem = made.root_certificate_pem + made.issuing_certificate_pem};
    KEDGE_TRY_STATUS(InstallFirstKey(store, keyring, kDeviceAuthorityPurpose, pair, now));
    installed = LoadInstalledKey(store, keyring, kDeviceAuthorityPurpose);
  }
  if (!installed) return Wrap(std::move(installed).error(), "loading the device authority");
  KEDGE_TRY(const Pair keys, SplitPair(installed->key_pem));
  KEDGE_TRY(Pair certificates, SplitPair(installed->certificate_pem));
  std::unique_ptr<DeviceAuthority> authority(new DeviceAuthority());
  authority->options_ = options;
  KEDGE_TRY(authority->issuing_, trust::Authority::Load(keys.second, certificates.second));
  authority->root_pem_ = std::move(certificates.first);
  authority->issuing_pem_ = std::move(certificates.second);
  return authority;
}

Result<DeviceAuthority::Issued> DeviceAuthority::Issue(const trust::CertificateRequest& request,
                                                       const trust::DeviceName& name,
                                                       EpochMs now) const {
  KEDGE_TRY_STATUS(CheckNames(request, name));
  KEDGE_TRY(const trust::IssuedCertificate issued,
            issuing_->IssueDevice(request, name, now, options_.life_ms));
  return Issued{.certificate_pem = issued.pem + issuing_pem_,
                .row = {.serial = issued.serial,
                        .fleet = name.fleet,
                        .device = name.device,
                        .fingerprint = issued.fingerprint,
                        .issued = now,
                        .expires = issued.not_after}};
}

Result<trust::Authority::ServerCertificate> DeviceAuthority::IssueListener(
    const std::vector<std::string>& hosts, EpochMs now) const {
  return issuing_->IssueServer(hosts, now, kListenerLifeMs);
}

}  // namespace kedge::server
