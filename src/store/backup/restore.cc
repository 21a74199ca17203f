// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/json/json.h"
#include "store/backup/backup.h"
#include "store/migrate.h"
#include "store/shape.h"
#include "store/tables/deployments.h"

namespace kedge::store {
namespace {

constexpr size_t kRowsAtOnce = 1000;
constexpr size_t kLineBytesMax = 64u << 20;
constexpr size_t kReadBytes = 1 << 20;

Error Damaged(const std::string& what) { return DataLoss("the backup is damaged: " + what); }

// Lines from the descriptor. The digest covers the lines before the one that was given last.
class LineReader {
 public:
  explicit LineReader(int descriptor) : descriptor_(descriptor) {}

  // kDataLoss at the end: no caller expects it.
  Result<json::Value> Next() {
    KEDGE_TRY(const bool has_line, Fill());
    if (!has_line) return Damaged("it ends early");
    hasher_.Update(AsBytes(last_));
    last_ = buffer_.substr(start_, end_ - start_ + 1);
    start_ = end_ + 1;
    bytes_ += last_.size();
    auto value = json::Parse(std::string_view(last_).substr(0, last_.size() - 1),
                             {.bytes_max = kLineBytesMax});
    if (!value) return Damaged("a line is no JSON");
    return value;
  }
  // Nothing follows the last line.
  Result<bool> AtEnd() {
    KEDGE_TRY(const bool has_line, Fill());
    return !has_line && start_ == buffer_.size();
  }
  std::string Digest() { return HexEncode(hasher_.Finish()); }  // once
  uint64_t bytes() const { return bytes_; }

 private:
  // A whole line stands at start_, ended at end_; false if there is none any more.
  Result<bool> Fill() {
    size_t searched = start_;
    for (;;) {
      end_ = buffer_.find('\n', searched);
      if (end_ != std::string::npos) return true;
      searched = buffer_.size() - start_;
      buffer_.erase(0, start_);
      start_ = 0;
      if (buffer_.size() > kLineBytesMax) return Damaged("a line is too long");
      const size_t had = buffer_.size();
      buffer_.resize(had + kReadBytes);
      ssize_t count = 0;
      do {
        count = read(descriptor_, buffer_.data() + had, kReadBytes);
      } while (count < 0 && errno == EINTR);
      buffer_.resize(had + static_cast<size_t>(std::max<ssize_t>(count, 0)));
      if (count < 0) return ErrnoError(errno, "reading the backup");
      if (count == 0) return false;
    }
  }

  const int descriptor_;
  crypto::Hasher hasher_;
  std::string buffer_;
  std::string last_;
  size_t start_ = 0;
  size_t end_ = 0;
  uint64_t bytes_ = 0;
};

Result<Value> FromJson(const json::Value& value) {
  if (value.is_null()) return Value(std::monostate());
  if (const auto* integer = value.AsInt()) return Value(*integer);
  if (const auto* real = value.AsDouble()) return Value(*real);
  if (const auto* text = value.AsString()) return Value(*text);
  return Damaged("a value is of no kind that a column has");
}

// One table's statement, and the rows that wait for it.
class TableFiller {
 public:
  // kDataLoss: the database has no such table or column.
  static Result<TableFiller> Make(const std::vector<TableShape>& shapes, const json::Value& line) {
    const std::string name = line.StringOr("table", "");
    const auto shape = std::find_if(shapes.begin(), shapes.end(),
                                    [&](const TableShape& one) { return one.name == name; });
    const json::Value* columns = line.Find("columns");
    if (shape == shapes.end() || columns == nullptr || columns->AsArray() == nullptr) {
      return Damaged("there is no table '" + name + "' in its schema");
    }
    TableFiller filler;
    filler.columns_ = columns->AsArray()->size();
    std::string names;
    std::string places;
    for (const json::Value& column : *columns->AsArray()) {
      const std::string* text = column.AsString();
      const auto same = [&](const TableShape::Column& one) { return text && one.name == *text; };
      if (std::none_of(shape->columns.begin(), shape->columns.end(), same)) {
        return Damaged("table '" + name + "' has a column that is not in its schema");
      }
      const std::string separator = names.empty() ? "" : ", ";
      names += separator + *text;
      places += separator + "$" + std::to_string(++filler.places_);
    }
    filler.sql_ = "INSERT INTO " + name + " (" + names + ") VALUES (" + places + ")";
    return filler;
  }

  Status Add(Transaction& transaction, const json::Array& values) {
    if (values.size() != columns_) return Damaged("a row has another number of values");
    std::vector<Value> row;
    row.reserve(values.size());
    for (const json::Value& value : values) {
      KEDGE_TRY(Value read, FromJson(value));
      row.push_back(std::move(read));
    }
    rows_.push_back(std::move(row));
    return rows_.size() < kRowsAtOnce ? Status() : Flush(transaction);
  }
  Status Flush(Transaction& transaction) {
    KEDGE_TRY([[maybe_unused]] const int64_t changed, transaction.ExecuteMany(sql_, rows_));
    rows_.clear();
    return {};
  }

 private:
  std::string sql_;
  size_t columns_ = 0;
  size_t places_ = 0;
  std::vector<std::vector<Value>> rows_;
};

// The rows after a table's line, up to its "rows" line.
Status RestoreTable(Transaction& transaction, TableFiller& filler, const std::string& name,
                    LineReader& lines, BackupCounts& counts, const BackupProgress& progress) {
  for (int64_t rows = 0;;) {
    KEDGE_TRY(const json::Value line, lines.Next());
    counts.bytes = lines.bytes();
    if (const json::Array* values = line.AsArray()) {
      KEDGE_TRY_STATUS(filler.Add(transaction, *values));
      ++rows;
      ++counts.rows;
      if (rows % static_cast<int64_t>(kRowsAtOnce) == 0) progress(name, counts);
      continue;
    }
    if (line.IntOr("rows", -1) != rows) return Damaged("rows of '" + name + "' are missing");
    KEDGE_TRY_STATUS(filler.Flush(transaction));
    ++counts.tables;
    progress(name, counts);
    return {};
  }
}

// The tables as they were in the database that was backed up, without the rows of migrations.
Status MakeTables(Transaction& transaction, int64_t schema) {
  const auto migrations = Migrations(transaction.engine());
  const bool known = std::any_of(migrations.begin(), migrations.end(),
                                 [&](const Migration& one) { return one.version == schema; });
  if (!known) {
    return FailedPrecondition("the backup has schema version " + std::to_string(schema) +
                              ", this program knows versions up to " +
                              std::to_string(migrations.back().version));
  }
  for (int64_t version = 0; version < schema;) {
    KEDGE_TRY(const auto applied, ApplyNext(transaction));
    version = applied->version;
  }
  KEDGE_TRY(const std::vector<TableShape> shapes, TableShapes(transaction));
  for (auto shape = shapes.rbegin(); shape != shapes.rend(); ++shape) {
    if (shape->name == kMigrationsTable) continue;
    KEDGE_TRY([[maybe_unused]] const int64_t rows,
              transaction.Execute("DELETE FROM " + shape->name, {}));
  }
  return {};
}

// See docs/formats/backup.md: every number that devices or nodes may remember from after the
// backup.
Status RaiseEpochs(Transaction& transaction) {
  KEDGE_TRY(const int64_t start, NextStartNumber(transaction));
  KEDGE_TRY([[maybe_unused]] const int64_t epochs,
            transaction.Execute("UPDATE epochs SET number = $1 WHERE name = 'deployment_start'",
                                {start + kEpochStep}));
  for (const char* const sql : {"UPDATE leases SET token = token + $1, holder = '', expires_ms = 0",
                                "UPDATE compilation_jobs SET token = token + $1",
                                "UPDATE packaging_jobs SET token = token + $1",
                                "UPDATE certificate_epoch SET number = number + $1",
                                "UPDATE event_feed SET next_position = next_position + $1"}) {
    KEDGE_TRY([[maybe_unused]] const int64_t rows, transaction.Execute(sql, {kEpochStep}));
  }
  return {};
}

}  // namespace

Result<BackupCounts> RestoreBackup(Transaction& transaction, int descriptor,
                                   const BackupProgress& progress) {
  KEDGE_TRY(const std::vector<TableShape> before, TableShapes(transaction));
  if (!before.empty()) {
    return FailedPrecondition("the database is not empty: it has table '" + before[0].name + "'");
  }
  LineReader lines(descriptor);
  KEDGE_TRY(const json::Value head, lines.Next());
  if (head.IntOr("kedge_backup", 0) != 1) return DataLoss("this is no backup of version 1");
  BackupCounts counts{.schema = head.IntOr("schema", 0)};
  KEDGE_TRY_STATUS(MakeTables(transaction, counts.schema));
  KEDGE_TRY(const std::vector<TableShape> shapes, TableShapes(transaction));
  for (;;) {
    KEDGE_TRY(const json::Value line, lines.Next());
    const std::string digest = line.StringOr("sha256", "");
    if (!digest.empty()) {
      KEDGE_TRY(const bool at_end, lines.AtEnd());
      if (!at_end || digest != lines.Digest() || line.IntOr("rows", -1) != counts.rows ||
          line.IntOr("tables", -1) != counts.tables) {
        return Damaged("its digest or its counts differ");
      }
      break;
    }
    KEDGE_TRY(TableFiller filler, TableFiller::Make(shapes, line));
    KEDGE_TRY_STATUS(
        RestoreTable(transaction, filler, line.StringOr("table", ""), lines, counts, progress));
  }
  counts.bytes = lines.bytes();
  for (;;) {
    KEDGE_TRY(const auto applied, ApplyNext(transaction));
    if (!applied) break;
  }
  KEDGE_TRY_STATUS(RaiseEpochs(transaction));
  return counts;
}

}  // namespace kedge::store
