// Fleets and the devices in them, as rows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/list_statement.h"

namespace kedge::store {

struct Fleet {
  std::string name;
  std::optional<std::string> description;
  std::optional<std::string> role_arn;
  std::string output_config;  // JSON as given
  bool has_role_alias = false;
  EpochMs created = 0;
  EpochMs modified = 0;
};

enum class FleetOrder { kName, kCreated, kModified };

struct FleetFilter {
  std::vector<std::string> visible_fleets;  // names, or prefixes with '*'; empty: all
  std::optional<std::string> name_contains;
  TimeWindow window;
  FleetOrder order = FleetOrder::kCreated;
};

// kAlreadyExists.
Status InsertFleet(Transaction& transaction, const Fleet& fleet);
Result<std::optional<Fleet>> FindFleet(Transaction& transaction, const std::string& name);
// Everything but the name and when it was made. False if there is none.
Result<bool> UpdateFleet(Transaction& transaction, const Fleet& fleet);
// False if there is none. kFailedPrecondition while devices or plans refer to it.
Result<bool> DeleteFleet(Transaction& transaction, const std::string& name);
Result<PageOf<Fleet>> ListFleets(Transaction& transaction, const FleetFilter& filter,
                                 const Page& page);

}  // namespace kedge::store
