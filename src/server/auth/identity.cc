// SPDX-License-Identifier: Apache-2.0
#include "server/auth/identity.h"

#include <algorithm>

namespace kedge::server {

bool MatchesFleets(const std::vector<std::string>& patterns, std::string_view name) {
  if (patterns.empty()) return true;
  return std::any_of(patterns.begin(), patterns.end(), [&](std::string_view pattern) {
    if (!pattern.ends_with('*')) return name == pattern;
    return name.starts_with(pattern.substr(0, pattern.size() - 1));
  });
}

bool Identity::MayUseFleet(std::string_view name) const {
  if (IsDevice()) return name == fleet;
  return MatchesFleets(fleets, name);
}

std::string Identity::Principal() const {
  if (IsDevice()) return "device/" + fleet + "/" + device;
  if (!user.empty()) return "user/" + user;
  return "key/" + access_key_id;
}

}  // namespace kedge::server
