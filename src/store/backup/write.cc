// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/crypto.h"
#include "base/json/json.h"
#include "store/backup/backup.h"
#include "store/migrate.h"
#include "store/shape.h"

namespace kedge::store {
namespace {

constexpr int64_t kPageRows = 1000;
constexpr size_t kBufferBytes = 1 << 20;  // written at once

// Lines on their way to the descriptor, counted and hashed.
class LineWriter {
 public:
  explicit LineWriter(int descriptor) : descriptor_(descriptor) {}

  Status Add(const json::Value& value) {
    buffer_ += json::Write(value);
    buffer_ += '\n';
    return buffer_.size() < kBufferBytes ? Status() : Flush();
  }
  Status Flush() {
    hasher_.Update(AsBytes(buffer_));
    bytes_ += buffer_.size();
    KEDGE_TRY_STATUS(WriteAll(descriptor_, AsBytes(buffer_)));
    buffer_.clear();
    return {};
  }
  // Of what was flushed. Once.
  std::string Digest() { return HexEncode(hasher_.Finish()); }
  uint64_t bytes() const { return bytes_ + buffer_.size(); }

 private:
  const int descriptor_;
  crypto::Hasher hasher_;
  std::string buffer_;
  uint64_t bytes_ = 0;
};

json::Value ToJson(const Value& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return *integer;
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return nullptr;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : ", ") + word;
  return joined;
}

// Reads a table page by page, in the order of its primary key.
class TableReader {
 public:
  TableReader(Transaction& transaction, const TableShape& shape)
      : transaction_(transaction), shape_(shape) {}

  // Empty at the end.
  Result<Rows> NextPage() {
    std::string sql = "SELECT ";
    for (const auto& column : shape_.columns) sql += column.name + ", ";
    sql += Joined(shape_.primary_key) + " FROM " + shape_.name;  // the key once more, at the end
    if (!after_.empty()) {
      std::vector<std::string> places;
      for (size_t i = 1; i <= after_.size(); ++i) places.push_back("$" + std::to_string(i));
      sql += " WHERE (" + Joined(shape_.primary_key) + ") > (" + Joined(places) + ")";
    }
    sql += " ORDER BY " + Joined(shape_.primary_key) + " LIMIT " + std::to_string(kPageRows);
    KEDGE_TRY(Rows rows, transaction_.Query(sql, after_));
    after_.clear();
    if (rows.empty()) return rows;
    for (size_t i = 0; i < shape_.primary_key.size(); ++i) {
      after_.push_back(rows.back().At(shape_.columns.size() + i));
    }
    return rows;
  }

 private:
  Transaction& transaction_;
  const TableShape& shape_;
  std::vector<Value> after_;
};

Status WriteTable(Transaction& snapshot, const TableShape& shape, LineWriter& lines,
                  BackupCounts& counts, const BackupProgress& progress) {
  if (shape.primary_key.empty()) return Internal("table '" + shape.name + "' has no primary key");
  json::Array columns;
  for (const auto& column : shape.columns) columns.emplace_back(column.name);
  KEDGE_TRY_STATUS(lines.Add(json::Object{{"table", shape.name}, {"columns", std::move(columns)}}));
  TableReader reader(snapshot, shape);
  int64_t written = 0;
  for (;;) {
    KEDGE_TRY(const Rows rows, reader.NextPage());
    for (const Row& row : rows) {
      json::Array values;
      for (size_t i = 0; i < shape.columns.size(); ++i) values.push_back(ToJson(row.At(i)));
      KEDGE_TRY_STATUS(lines.Add(std::move(values)));
    }
    written += static_cast<int64_t>(rows.size());
    counts.rows += static_cast<int64_t>(rows.size());
    counts.bytes = lines.bytes();
    progress(shape.name, counts);
    if (static_cast<int64_t>(rows.size()) < kPageRows) break;
  }
  ++counts.tables;
  return lines.Add(json::Object{{"rows", written}});
}

}  // namespace

Result<BackupCounts> WriteBackup(Transaction& snapshot, EpochMs now, int descriptor,
                                 const BackupProgress& progress) {
  BackupCounts counts;
  KEDGE_TRY(counts.schema, SchemaVersion(snapshot));
  if (counts.schema == 0) return FailedPrecondition("the database is empty");
  KEDGE_TRY(const std::vector<TableShape> shapes, TableShapes(snapshot));
  LineWriter lines(descriptor);
  KEDGE_TRY_STATUS(lines.Add(json::Object{{"kedge_backup", 1},
                                          {"schema", counts.schema},
                                          {"program", KEDGE_VERSION},
                                          {"taken_ms", now}}));
  for (const TableShape& shape : shapes) {
    if (shape.name == kMigrationsTable) continue;
    KEDGE_TRY_STATUS(WriteTable(snapshot, shape, lines, counts, progress));
  }
  KEDGE_TRY_STATUS(lines.Flush());
  const std::string digest = lines.Digest();
  const std::string last = json::Write(
      json::Object{{"tables", counts.tables}, {"rows", counts.rows}, {"sha256", digest}});
  KEDGE_TRY_STATUS(WriteAll(descriptor, AsBytes(last + "\n")));
  counts.bytes = lines.bytes() + last.size() + 1;
  return counts;
}

}  // namespace kedge::store
