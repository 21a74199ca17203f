// The installation's certificate authority as the server uses it: its keys stand sealed in the
// database, made by the first node that needs them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/keys/keyring.h"
#include "store/store.h"
#include "store/tables/certificates.h"
#include "trust/authority.h"

namespace kedge::server {

struct DeviceAuthorityOptions {
  int64_t life_ms = int64_t{30} * 86'400'000;  // of a device's certificate
  // How long after its end a certificate may still be renewed: a device that was offline for a year
  // comes back without hands.
  int64_t grace_ms = int64_t{400} * 86'400'000;
};

// Thread-safe.
class DeviceAuthority {
 public:
  // Borrows nothing. Errors of the store and the keyring.
  static Result<std::unique_ptr<DeviceAuthority>> Load(store::Store& store, const Keyring& keyring,
                                                       const DeviceAuthorityOptions& options,
                                                       EpochMs now);

  struct Issued {
    std::string certificate_pem;   // with the issuing one behind it
    store::DeviceCertificate row;  // the caller stores it before it answers
  };
  // kInvalidArgument if the request names somebody else: its common name must be empty or the
  // device's, its URIs the device's.
  Result<Issued> Issue(const trust::CertificateRequest& request, const trust::DeviceName& name,
                       EpochMs now) const;

  // For the device listener: valid for two years.
  Result<trust::Authority::ServerCertificate> IssueListener(const std::vector<std::string>& hosts,
                                                            EpochMs now) const;

  const std::string& root_pem() const { return root_pem_; }
  const std::string& issuing_pem() const { return issuing_pem_; }
  const DeviceAuthorityOptions& options() const { return options_; }

 private:
  DeviceAuthority() = default;

  DeviceAuthorityOptions options_;
  std::string root_pem_;
  std::string issuing_pem_;
  std::unique_ptr<trust::Authority> issuing_;
};

}  // namespace kedge::server
