// SPDX-License-Identifier: Apache-2.0
#include "store/shape.h"

#include <algorithm>
#include <map>
#include <set>

namespace kedge::store {
namespace {

// Each statement has the table's name as its one parameter, but for the first.
struct CatalogueStatements {
  const char* tables;
  const char* columns;  // name, type, 1-based place in the primary key or 0
  const char* parents;
};

constexpr CatalogueStatements kSqlite = {
    .tables =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' "
        "ESCAPE '~' ORDER BY name",
    .columns = "SELECT name, lower(type), pk FROM pragma_table_info($1) ORDER BY cid",
    .parents = "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list($1) ORDER BY 1"};

constexpr CatalogueStatements kPostgres = {
    .tables =
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
        "AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY relname",
    .columns =
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), "
        "COALESCE((SELECT k.place FROM pg_constraint p, "
        "unnest(p.conkey) WITH ORDINALITY k (number, place) "
        "WHERE p.conrelid = a.attrelid AND p.contype = 'p' AND k.number = a.attnum), 0) "
        "FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 "
        "AND NOT a.attisdropped ORDER BY a.attnum",
    .parents =
        "SELECT DISTINCT r.relname FROM pg_constraint c JOIN pg_class r "
        "ON r.oid = c.confrelid WHERE c.conrelid = to_regclass($1) AND c.contype = 'f' "
        "AND c.conparentid = 0 ORDER BY 1"};

Result<TableShape> ReadShape(Transaction& transaction, const CatalogueStatements& statements,
                             const std::string& name) {
  TableShape shape{.name = name};
  KEDGE_TRY(const Rows columns, transaction.Query(statements.columns, {name}));
  std::map<int64_t, std::string> key;
  for (const Row& row : columns) {
    shape.columns.push_back({row.Text(0), row.Text(1)});
    if (row.Integer(2) > 0) key[row.Integer(2)] = row.Text(0);
  }
  for (const auto& [place, column] : key) shape.primary_key.push_back(column);
  KEDGE_TRY(const Rows parents, transaction.Query(statements.parents, {name}));
  for (const Row& row : parents) {
    if (row.Text(0) != name) shape.parents.push_back(row.Text(0));
  }
  return shape;
}

}  // namespace

Result<std::vector<TableShape>> TableShapes(Transaction& transaction) {
  const CatalogueStatements& statements =
      transaction.engine() == Engine::kSqlite ? kSqlite : kPostgres;
  KEDGE_TRY(const Rows names, transaction.Query(statements.tables));
  std::vector<TableShape> left;
  for (const Row& row : names) {
    KEDGE_TRY(TableShape shape, ReadShape(transaction, statements, row.Text(0)));
    left.push_back(std::move(shape));
  }
  std::vector<TableShape> sorted;
  std::set<std::string> placed;
  while (!left.empty()) {
    const auto ready = std::find_if(left.begin(), left.end(), [&](const TableShape& shape) {
      return std::all_of(shape.parents.begin(), shape.parents.end(),
                         [&](const std::string& parent) { return placed.contains(parent); });
    });
    if (ready == left.end()) {
      return Internal("foreign keys of table '" + left.front().name + "' go in a circle");
    }
    placed.insert(ready->name);
    sorted.push_back(std::move(*ready));
    left.erase(ready);
  }
  return sorted;
}

}  // namespace kedge::store
