// Rows for tables whose meaning a test does not know, and all rows of a database.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "store/shape.h"
#include "store/store.h"

namespace kedge::store {

// Two rows in every table but schema_migrations. Row n has the text "row n", the number n or n +
// 0.5 in every column, so that every foreign key finds its row. Rows that exist are left alone.
Status FillEveryTable(Store& store);

// The tables but schema_migrations, as they are now.
Result<std::vector<TableShape>> ShapesToFill(Store& store);
// A row in every table of `shapes`, with a value in each of their columns: as a program writes that
// knows these tables and no newer column. Text "row n", number n or n + 0.5, so that foreign keys
// find their rows. Existing rows are left alone.
Status FillTables(Store& store, const std::vector<TableShape>& shapes, int64_t number);

// Of each table but schema_migrations, in the order of the primary key: column to value.
using Content = std::map<std::string, std::vector<std::map<std::string, Value>>>;
Result<Content> AllRows(Store& store);

}  // namespace kedge::store
