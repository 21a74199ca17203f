// The four roles. They are ordered: each may do what the ones before it may, but for `device`,
// which is a machine's and reaches only what that machine needs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace kedge::server {

enum class Role {
  kDevice,    // speaks for one device: its own operations, its own objects
  kViewer,    // reads
  kOperator,  // changes fleets, jobs, deployments and objects
  kAdmin,     // users, keys, the audit log, and what cannot be undone
};

// "device", "viewer", "operator", "admin": as descriptions, rows and the API spell them.
std::string_view RoleName(Role role);
// Nothing for another text.
std::optional<Role> ParseRole(std::string_view name);

}  // namespace kedge::server
