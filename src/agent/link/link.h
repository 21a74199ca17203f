// What the device needs to speak with its server, as the configuration says: who it is, and three
// clients, so that long transfers do not hold up the heartbeats or each other.
//
//   kedge_credentials_path                      every call is signed with the device's access key
//   certificate and key                         the certificate says who the device is (mTLS)
//   ... and ..._aws_iot_cred_endpoint besides   the certificate asks there for temporary keys, and
//                                               every call is signed with them, as AWS's agent does
//
// With kedge_credentials_path the others count for TLS only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>

#include "agent/config.h"
#include "agent/link/device_identity.h"
#include "agent/link/edge_client.h"
#include "agent/link/registration.h"

namespace kedge::agent {

class Link {
 public:
  // Null without a server in the configuration. kInvalidArgument for files that do not fit; errors
  // of the disk. Borrows disk and clock. `on_roots` gets the documents of trusted keys.
  static Result<std::unique_ptr<Link>> Make(FileSystem& disk, const Config& config,
                                            const Clock& clock, Registration::OnRoots on_roots);

  EdgeClientOptions options;
  std::atomic<bool> stopping{false};

 private:
  Link() = default;
  Status UseAccessKey(FileSystem& disk, const Config& config);
  Status UseCertificate(FileSystem& disk, const Config& config, const Clock& clock);
  std::unique_ptr<http::Transport> NewTransport(const Config& config);

  std::unique_ptr<DeviceIdentity> identity_;                // null: no certificate
  std::unique_ptr<http::Transport> credentials_transport_;  // for temporary_
  std::unique_ptr<TemporaryCredentials> temporary_;
  std::unique_ptr<http::Transport> heartbeat_transport_;
  std::unique_ptr<http::Transport> update_transport_;
  std::unique_ptr<http::Transport> upload_transport_;

 public:
  std::unique_ptr<EdgeClient> heartbeat_client;
  std::unique_ptr<EdgeClient> update_client;
  std::unique_ptr<EdgeClient> upload_client;  // of captures
  std::unique_ptr<Registration> registration;
};

}  // namespace kedge::agent
