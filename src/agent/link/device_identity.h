// The device's certificate: loading it, renewing it, and a transport that always shows the newest.
//
// Key and certificate stand in one file (what `kedge device enroll --claim` writes) or in two (as
// AWS's agent has them). A renewal of one file makes a new key and replaces both by one rename; of
// two files the key stays and only the certificate is replaced. A device that is killed at any
// point has the old pair or the new one: until the answer is on the disk the old certificate is the
// one that counts, and the server lets it live to its own end.
//
// A certificate is renewed when two thirds of its life are over, before a request that would be
// sent anyway, and at once when the server says that it has ended (the device's clock may be
// wrong). An attempt that failed is not repeated for kRetryWait. SPDX-License-Identifier:
// Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/file.h"
#include "http/client.h"
#include "trust/authority.h"

namespace kedge::agent {

struct DeviceIdentityOptions {
  Path ca_file;             // roots of the server; empty: the system's
  Path certificate_file;    // with its intermediates
  Path key_file;            // may be the same file
  std::string renewal_url;  // ".../certificates/renew"; empty: never renewed
  trust::DeviceName name;
};

// Thread-safe.
class DeviceIdentity {
 public:
  static constexpr std::chrono::seconds kRetryWait{30};

  // Reads the files. kInvalidArgument if the key does not belong to the certificate. Borrows disk
  // and clock.
  static Result<std::unique_ptr<DeviceIdentity>> Load(FileSystem& disk, const Clock& clock,
                                                      const DeviceIdentityOptions& options);

  // Renews if it is time. Never fails: what went wrong is logged, and the former certificate stays.
  void RenewIfDue();
  // The server says that the certificate has ended. True if there is a newer one now.
  bool RenewNow();

  struct Current {
    http::ClientTls tls;
    uint64_t generation = 0;  // grows with each renewal
  };
  Current current() const;

 private:
  DeviceIdentity(FileSystem& disk, const Clock& clock, DeviceIdentityOptions options)
      : disk_(disk), clock_(clock), options_(std::move(options)) {}
  Status Read();
  Status Renew();
  bool TryRenew();

  FileSystem& disk_;
  const Clock& clock_;
  const DeviceIdentityOptions options_;
  std::mutex renewing_;  // held over the exchange with the server
  mutable std::mutex mutex_;
  Current current_;
  EpochMs due_ = 0;
  std::chrono::steady_clock::time_point not_before_{};  // the next attempt
};

// Sends with the identity's newest certificate, and renews it when it is time. The identity is
// borrowed.
std::unique_ptr<http::Transport> MakeDeviceTransport(DeviceIdentity& identity);

}  // namespace kedge::agent
