// SPDX-License-Identifier: Apache-2.0
#include "store/testing/fill.h"

#include "store/migrate.h"

namespace kedge::store {
namespace {

std::string ColumnList(const TableShape& shape) {
  std::string list;
  for (const auto& column : shape.columns) list += (list.empty() ? "" : ", ") + column.name;
  return list;
}

Status InsertRow(Transaction& transaction, const TableShape& shape, int64_t number) {
  std::string places;
  std::vector<Value> values;
  for (const auto& column : shape.columns) {
    if (column.type == "text") {
      values.emplace_back("row " + std::to_string(number));
    } else if (column.type == "bigint") {
      values.emplace_back(number);
    } else if (column.type == "double precision") {
      values.emplace_back(static_cast<double>(number) + 0.5);
    } else {
      return Internal(shape.name + "." + column.name + " has type " + column.type);
    }
    places += (places.empty() ? "$" : ", $") + std::to_string(values.size());
  }
  const std::string sql =
      "INSERT INTO " + shape.name + " (" + ColumnList(shape) + ") VALUES (" + places + ")";
  KEDGE_TRY([[maybe_unused]] const int64_t rows, transaction.Execute(sql, values));
  return {};
}

}  // namespace

Result<std::vector<TableShape>> ShapesToFill(Store& store) {
  std::vector<TableShape> shapes;
  KEDGE_TRY_STATUS(store.Read([&](Transaction& transaction) -> Status {
    KEDGE_TRY(shapes, TableShapes(transaction));
    return {};
  }));
  std::erase_if(shapes, [](const TableShape& shape) { return shape.name == kMigrationsTable; });
  return shapes;
}

Status FillTables(Store& store, const std::vector<TableShape>& shapes, int64_t number) {
  for (const TableShape& shape : shapes) {
    const auto status = store.Write(
        [&](Transaction& transaction) { return InsertRow(transaction, shape, number); });
    if (!status && status.error().code != Code::kAlreadyExists) {
      return Wrap(status.error(), shape.name);
    }
  }
  return {};
}

Status FillEveryTable(Store& store) {
  KEDGE_TRY(const std::vector<TableShape> shapes, ShapesToFill(store));
  KEDGE_TRY_STATUS(FillTables(store, shapes, 1));
  return FillTables(store, shapes, 2);
}

Result<Content> AllRows(Store& store) {
  KEDGE_TRY(const std::vector<TableShape> shapes, ShapesToFill(store));
  Content content;
  KEDGE_TRY_STATUS(store.Read([&](Transaction& transaction) -> Status {
    for (const TableShape& shape : shapes) {
      std::string key;
      for (const auto& column : shape.primary_key) key += (key.empty() ? "" : ", ") + column;
      KEDGE_TRY(const Rows rows, transaction.Query("SELECT " + ColumnList(shape) + " FROM " +
                                                   shape.name + " ORDER BY " + key));
      auto& all = content[shape.name];
      for (const Row& row : rows) {
        auto& values = all.emplace_back();
        for (size_t i = 0; i < row.size(); ++i) values[shape.columns[i].name] = row.At(i);
      }
    }
    return {};
  }));
  return content;
}

}  // namespace kedge::store
