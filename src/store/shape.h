// What tables a database has, asked from the engine's own catalogue: for what treats all tables
// alike, as backup and the tests of migrations.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "store/store.h"

namespace kedge::store {

struct TableShape {
  struct Column {
    std::string name;
    std::string type;  // as the engine prints it, in lower case: "bigint"
    friend bool operator==(const Column&, const Column&) = default;
  };
  std::string name;
  std::vector<Column> columns;           // in their order
  std::vector<std::string> primary_key;  // columns
  std::vector<std::string> parents;      // other tables that foreign keys name, sorted
};

// All tables but the engine's own; a partitioned table counts once. Parents come before the tables
// that name them, otherwise sorted by name. kInternal if tables name each other in a circle.
Result<std::vector<TableShape>> TableShapes(Transaction& transaction);

}  // namespace kedge::store
