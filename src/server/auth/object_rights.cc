// SPDX-License-Identifier: Apache-2.0
#include "server/auth/object_rights.h"

#include "base/json/json.h"
#include "server/api/desired_state.h"

namespace kedge::server {
namespace {

// Empty: there is no such fleet.
Result<std::string> FindFolder(store::Transaction& transaction, const std::string& fleet) {
  KEDGE_TRY(const auto found, store::FindFleet(transaction, fleet));
  if (!found) return std::string();
  return FolderOfFleet(*found);
}

Result<bool> IsAssigned(store::Transaction& transaction, const Identity& identity,
                        const std::string& uri) {
  KEDGE_TRY(const auto desired, DesiredState(transaction, identity.fleet, identity.device));
  for (const auto& deployment : desired.deployments) {
    for (const auto& definition : deployment.definitions) {
      if (definition.s3_url == uri) return true;
    }
  }
  return false;
}

Result<bool> MayDevice(store::Transaction& transaction, const Identity& identity,
                       ObjectAction action, const std::string& uri) {
  if (action == ObjectAction::kRead) return IsAssigned(transaction, identity, uri);
  if (action != ObjectAction::kWrite) return false;
  KEDGE_TRY(const std::string folder, FindFolder(transaction, identity.fleet));
  if (folder.empty() || !uri.starts_with(folder)) return false;
  const std::string_view name = std::string_view(uri).substr(uri.rfind('/') + 1);
  return uri.starts_with(folder + identity.device + "/") || name.starts_with(identity.device + ".");
}

// Whether a key lies in the folder of a fleet that the caller may use. A fleet's folder has its
// name as a segment, so only the key's own segments are looked up.
Result<bool> IsInFolderOfFleets(store::Transaction& transaction, const Identity& identity,
                                const blob::ObjectName& object) {
  const std::string uri = object.Uri();
  const std::string_view key = object.key;
  for (size_t start = 0; start < key.size();) {
    const size_t end = key.find('/', start);
    if (end == std::string_view::npos) break;  // what follows the last '/' is no folder
    const std::string segment(key.substr(start, end - start));
    start = end + 1;
    if (segment.empty() || !identity.MayUseFleet(segment)) continue;
    KEDGE_TRY(const std::string folder, FindFolder(transaction, segment));
    if (!folder.empty() && uri.starts_with(folder)) return true;
  }
  return false;
}

bool RoleMay(Role role, ObjectAction action) {
  if (role >= Role::kOperator) return true;
  return role == Role::kViewer && (action == ObjectAction::kRead || action == ObjectAction::kList ||
                                   action == ObjectAction::kListBuckets);
}

}  // namespace

Result<std::string> FolderOfFleet(const store::Fleet& fleet) {
  const auto config = json::Parse(fleet.output_config);
  if (!config) return Wrap(config.error(), "output config of fleet '" + fleet.name + "'");
  std::string location = config->StringOr("S3OutputLocation", "");
  if (location.empty()) return std::string();
  while (location.ends_with('/')) location.pop_back();
  return location + "/" + fleet.name + "/";
}

Result<bool> MayUseObject(store::Store& store, const Identity& identity, ObjectAction action,
                          const blob::ObjectName& object) {
  if (!identity.IsDevice()) {
    if (!RoleMay(identity.role, action)) return false;
    if (!identity.IsRestricted()) return true;
  }
  bool allowed = false;
  KEDGE_TRY_STATUS(store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(allowed, identity.IsDevice() ? MayDevice(transaction, identity, action, object.Uri())
                                           : IsInFolderOfFleets(transaction, identity, object));
    return {};
  }));
  return allowed;
}

}  // namespace kedge::server
