// Erasing what is held of one device: its rows at once, and a record of the captured objects that
// are still to be deleted.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "store/tables/list_statement.h"

namespace kedge::store {

struct DeviceTable {
  std::string_view name;
  bool row_stays = false;  // without the names: a certificate must stay revoked
};
// The tables with columns `fleet` and `device`; a test compares them with the schema, so that a new
// table cannot be forgotten. `devices` itself is not one of them.
std::span<const DeviceTable> TablesOfDevices();

// Deletes or empties the device's rows of all those tables; how many. The device itself, its tags,
// its place in running stages and the revocation of its certificates are the caller's, before this.
Result<int64_t> EraseDeviceRows(Transaction& transaction, const std::string& fleet,
                                const std::string& device);

// An erasure whose objects are being deleted.
struct Erasure {
  std::string id;
  std::string fleet;
  std::string device;
  std::string locations;    // JSON list of "s3://bucket/prefix" still to be walked
  std::string start_after;  // the key in the first of them after which to go on
  int64_t objects_deleted = 0;
  EpochMs requested = 0;
};

Status InsertErasure(Transaction& transaction, const Erasure& erasure);
// The oldest first.
Result<std::vector<Erasure>> ListErasures(Transaction& transaction, int64_t rows_max);
// locations, start_after and objects_deleted.
Status UpdateErasure(Transaction& transaction, const Erasure& erasure);
Status DeleteErasure(Transaction& transaction, const std::string& id);

}  // namespace kedge::store
