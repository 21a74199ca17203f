// SPDX-License-Identifier: Apache-2.0
#include "server/auth/role.h"

#include <array>
#include <utility>

namespace kedge::server {
namespace {

constexpr std::array<std::pair<Role, std::string_view>, 4> kNames = {{
    {Role::kDevice, "device"},
    {Role::kViewer, "viewer"},
    {Role::kOperator, "operator"},
    {Role::kAdmin, "admin"},
}};

}  // namespace

std::string_view RoleName(Role role) {
  for (const auto& [value, name] : kNames) {
    if (value == role) return name;
  }
  return {};
}

std::optional<Role> ParseRole(std::string_view name) {
  for (const auto& [value, text] : kNames) {
    if (text == name) return value;
  }
  return std::nullopt;
}

}  // namespace kedge::server
