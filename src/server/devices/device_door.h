// Everything on the device listener. A device is who its certificate says; a connection's handshake
// proved that it has the key, and each request looks in memory whether the certificate still counts
// (auth/known_certificates.h), so a heartbeat costs no signature.
//
//   POST /GetDeviceRegistration, /GetDeployments, /SendHeartbeat   the operations of devices
//   POST /certificates/renew                 {"CertificateSigningRequest": PEM}
//   GET  /role-aliases/<alias>/credentials   temporary keys, as AWS IoT gives them
//   GET, HEAD, PUT /<bucket>/<key>           objects that are assigned, captures
//
// A certificate whose time is over reaches the renewal only, and only for the grace time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "http/server.h"
#include "server/api/api.h"
#include "server/devices/attempt_limit.h"
#include "server/devices/device_authority.h"
#include "server/s3/s3_door.h"

namespace kedge::server {

// Thread-safe.
class DeviceDoor {
 public:
  static constexpr int64_t kCredentialsLifeMs = 3600 * 1000;
  static constexpr int64_t kRenewalsAMinute = 10;  // of one certificate

  // Borrows all. `objects` asks about a device by trust::DeviceUri.
  struct Parts {
    const Api& api;
    const Context& context;
    const DeviceAuthority& authority;
    const S3Door& objects;
  };
  explicit DeviceDoor(const Parts& parts)
      : parts_(parts), renewals_(parts.context.clock, kRenewalsAMinute) {}

  void Handle(const http::Request& request, const http::Responder& responder);

 private:
  using Known = std::shared_ptr<const KnownCertificate>;
  // kUnauthenticated with AWS's code before the first ": ".
  Result<Known> Identify(const http::Request& request) const;
  Status CheckTime(const http::Request& request, const KnownCertificate& known) const;
  Result<json::Value> Renew(const http::Request& request, const KnownCertificate& known,
                            const std::string& request_id);
  Result<json::Value> Credentials(const http::Request& request,
                                  const KnownCertificate& known) const;

  const Parts parts_;
  AttemptLimit renewals_;
};

}  // namespace kedge::server
