// Who calls, however they proved it: an access key's signature, a console session, a device's
// certificate.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/auth/role.h"

namespace kedge::server {

struct Identity {
  Role role = Role::kDevice;
  std::string access_key_id;  // empty for a session or a certificate
  std::string user;           // the user whose key or session this is; empty: nobody's
  // Set for a device: it may act for this one only.
  std::string fleet;
  std::string device;
  // Fleets that this caller may see and change, as names or as prefixes with a final '*'. Empty:
  // all. Not used for devices.
  std::vector<std::string> fleets;
  std::string source;  // the address that the call came from, without port

  bool IsDevice() const { return role == Role::kDevice; }
  bool IsRestricted() const { return !fleets.empty(); }
  bool MayUseFleet(std::string_view name) const;
  // "user/ann", "key/KEDG...", "device/lab/camera-1": for the audit log and the access log.
  std::string Principal() const;
};

// Whether a name is one of the patterns; with none of them every name is.
bool MatchesFleets(const std::vector<std::string>& patterns, std::string_view name);

}  // namespace kedge::server
