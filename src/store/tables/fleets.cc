// SPDX-License-Identifier: Apache-2.0
#include "store/tables/fleets.h"

namespace kedge::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT name, description, role_arn, output_config, role_alias, created_ms, modified_ms "
    "FROM fleets";

Fleet ReadFleet(const Row& row) {
  return {.name = row.Text(0),
          .description = row.TextOrNull(1),
          .role_arn = row.TextOrNull(2),
          .output_config = row.Text(3),
          .has_role_alias = row.Integer(4) != 0,
          .created = row.Integer(5),
          .modified = row.Integer(6)};
}

}  // namespace

Status InsertFleet(Transaction& transaction, const Fleet& fleet) {
  KEDGE_TRY(
      [[maybe_unused]] const int64_t rows,
      transaction.Execute(
          "INSERT INTO fleets (name, description, role_arn, output_config, role_alias, "
          "created_ms, modified_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)",
          {fleet.name, Optional(fleet.description), Optional(fleet.role_arn), fleet.output_config,
           int64_t{fleet.has_role_alias}, fleet.created, fleet.modified}));
  return {};
}

Result<std::optional<Fleet>> FindFleet(Transaction& transaction, const std::string& name) {
  KEDGE_TRY(const Rows rows, transaction.Query(std::string(kSelect) + " WHERE name = $1", {name}));
  if (rows.empty()) return std::optional<Fleet>();
  return std::optional<Fleet>(ReadFleet(rows[0]));
}

Result<bool> UpdateFleet(Transaction& transaction, const Fleet& fleet) {
  KEDGE_TRY(const int64_t rows,
            transaction.Execute(
                "UPDATE fleets SET description = $1, role_arn = $2, output_config = $3, role_alias "
                "= $4, modified_ms = $5 WHERE name = $6",
                {Optional(fleet.description), Optional(fleet.role_arn), fleet.output_config,
                 int64_t{fleet.has_role_alias}, fleet.modified, fleet.name}));
  return rows > 0;
}

Result<bool> DeleteFleet(Transaction& transaction, const std::string& name) {
  KEDGE_TRY(const int64_t rows, transaction.Execute("DELETE FROM fleets WHERE name = $1", {name}));
  return rows > 0;
}

Result<PageOf<Fleet>> ListFleets(Transaction& transaction, const FleetFilter& filter,
                                 const Page& page) {
  ListStatement statement(kSelect);
  statement.WhereOneOf("name", filter.visible_fleets);
  statement.WhereContains("name", filter.name_contains);
  statement.Where(filter.window);
  const char* column = filter.order == FleetOrder::kName       ? "name"
                       : filter.order == FleetOrder::kModified ? "modified_ms"
                                                               : "created_ms";
  KEDGE_TRY(const Rows rows, statement.Run(transaction, column, "name", page));
  return MakePage<Fleet>(rows, page, ReadFleet, [&](const Fleet& fleet) {
    if (filter.order == FleetOrder::kName) return Cursor{fleet.name, fleet.name};
    return Cursor{filter.order == FleetOrder::kModified ? fleet.modified : fleet.created,
                  fleet.name};
  });
}

}  // namespace kedge::store
