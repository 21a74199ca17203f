// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/connection.h"

#include <sqlite3.h>

namespace kedge::store::sqlite {
namespace {

constexpr int64_t kApplicationId = 0x4B454447;  // "KEDG", so that `file` and we know our databases
constexpr size_t kStatementsMax = 256;          // prepared texts kept; above, all are dropped
constexpr int kBusyTimeoutMs = 10'000;

Status Bind(sqlite3_stmt* statement, std::span<const Value> parameters) {
  if (sqlite3_bind_parameter_count(statement) != static_cast<int>(parameters.size())) {
    return Internal("statement has " + std::to_string(sqlite3_bind_parameter_count(statement)) +
                    " parameters, got " + std::to_string(parameters.size()) + ": " +
                    sqlite3_sql(statement));
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    const int index = static_cast<int>(i) + 1;
    const Value& value = parameters[i];
    int result = SQLITE_OK;
    if (const auto* number = std::get_if<int64_t>(&value)) {
      result = sqlite3_bind_int64(statement, index, *number);
    } else if (const auto* real = std::get_if<double>(&value)) {
      result = sqlite3_bind_double(statement, index, *real);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      // Borrowed: the statement is reset before the caller's values die.
      result = sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC,
                                   SQLITE_UTF8);
    } else {
      result = sqlite3_bind_null(statement, index);
    }
    if (result != SQLITE_OK) return Internal(std::string("binding: ") + sqlite3_errstr(result));
  }
  return {};
}

Value ColumnOf(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return static_cast<int64_t>(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
      const void* data = sqlite3_column_blob(statement, column);
      const auto size = static_cast<size_t>(sqlite3_column_bytes(statement, column));
      return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
    }
    default:
      return std::monostate();
  }
}

// Leaves a kept statement ready for its next use.
class Reset {
 public:
  explicit Reset(sqlite3_stmt* statement) : statement_(statement) {}
  ~Reset() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Reset(const Reset&) = delete;
  Reset& operator=(const Reset&) = delete;

 private:
  sqlite3_stmt* statement_;
};

}  // namespace

Result<std::unique_ptr<Connection>> Connection::Open(const Options& options) {
  sqlite3* db = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                    SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_PRIVATECACHE;
  const int result = sqlite3_open_v2(options.file.c_str(), &db, flags,
                                     options.vfs.empty() ? nullptr : options.vfs.c_str());
  std::unique_ptr<Connection> connection(new Connection(db));
  if (result != SQLITE_OK) {
    return Unavailable("opening database '" + options.file.string() +
                       "': " + sqlite3_errstr(result));
  }
  if (auto status = connection->Configure(options.read_only); !status) {
    return Wrap(status.error(), "opening database '" + options.file.string() + "'");
  }
  return connection;
}

Connection::~Connection() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

Status Connection::Configure(bool read_only) {
  sqlite3_busy_timeout(db_, kBusyTimeoutMs);
  KEDGE_TRY(const Rows id, Query("PRAGMA application_id"));
  KEDGE_TRY(const Rows tables, Query("SELECT COUNT(*) FROM sqlite_schema"));
  const bool is_new = tables.at(0).Integer(0) == 0;
  if (id.at(0).Integer(0) != kApplicationId && !is_new) {
    return FailedPrecondition("the file is another program's database");
  }
  // Each switch answers with what is in force, which is checked: SQLite keeps the old value
  // silently when it cannot change it.
  KEDGE_TRY_STATUS(ExpectPragma("journal_mode = WAL", std::string("wal")));
  KEDGE_TRY_STATUS(
      ExecuteScript("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                    "PRAGMA case_sensitive_like = ON; PRAGMA journal_size_limit = 67108864;"));
  KEDGE_TRY_STATUS(ExpectPragma("synchronous", int64_t{2}));
  KEDGE_TRY_STATUS(ExpectPragma("foreign_keys", int64_t{1}));
  if (is_new && !read_only) {
    KEDGE_TRY_STATUS(ExecuteScript("PRAGMA application_id = " + std::to_string(kApplicationId)));
  }
  if (read_only) KEDGE_TRY_STATUS(ExecuteScript("PRAGMA query_only = ON"));
  return {};
}

Status Connection::ExpectPragma(const std::string& pragma, const Value& want) {
  KEDGE_TRY(const Rows rows, Query("PRAGMA " + pragma));
  if (rows.size() != 1) return Internal("pragma " + pragma + " gave no row");
  const bool same = std::holds_alternative<std::string>(want)
                        ? rows[0].Text(0) == std::get<std::string>(want)
                        : rows[0].Integer(0) == std::get<int64_t>(want);
  if (!same) return FailedPrecondition("pragma " + pragma + " did not take effect");
  return {};
}

Result<sqlite3_stmt*> Connection::Prepare(std::string_view sql) {
  if (const auto found = statements_.find(std::string(sql)); found != statements_.end()) {
    return found->second;
  }
  if (statements_.size() >= kStatementsMax) {
    for (auto& [text, statement] : statements_) sqlite3_finalize(statement);
    statements_.clear();
  }
  sqlite3_stmt* statement = nullptr;
  const int result = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result != SQLITE_OK) return MakeError(result, sql);
  statements_.emplace(std::string(sql), statement);
  return statement;
}

Result<Rows> Connection::Query(std::string_view sql, std::span<const Value> parameters) {
  if (statement_failed_) return FailedPrecondition("a statement of this work failed before");
  KEDGE_TRY(sqlite3_stmt * statement, Prepare(sql));
  const Reset reset(statement);
  KEDGE_TRY_STATUS(CheckParameters(parameters));
  KEDGE_TRY_STATUS(Bind(statement, parameters));
  Rows rows;
  for (;;) {
    const int result = sqlite3_step(statement);
    if (result == SQLITE_DONE) return rows;
    if (result != SQLITE_ROW) return MakeError(result, sql);
    std::vector<Value> values;
    const int columns = sqlite3_column_count(statement);
    values.reserve(static_cast<size_t>(columns));
    for (int i = 0; i < columns; ++i) values.push_back(ColumnOf(statement, i));
    rows.emplace_back(std::move(values));
  }
}

Result<int64_t> Connection::Execute(std::string_view sql, std::span<const Value> parameters) {
  KEDGE_TRY([[maybe_unused]] const Rows rows, Query(sql, parameters));
  return static_cast<int64_t>(sqlite3_changes64(db_));
}

Status Connection::ExecuteScript(const std::string& sql) {
  const int result = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return MakeError(result, sql);
  return {};
}

Status Connection::Run(std::string_view sql) {
  KEDGE_TRY(sqlite3_stmt * statement, Prepare(sql));
  const Reset reset(statement);
  const int result = sqlite3_step(statement);
  if (result != SQLITE_DONE) return MakeError(result, sql);
  return {};
}

void Connection::ForgetDiskFull() {
  if (health_ == Health::kDiskFull) health_ = Health::kGood;
}

bool Connection::InTransaction() const { return sqlite3_get_autocommit(db_) == 0; }

Error Connection::MakeError(int result_code, std::string_view sql) {
  const std::string text = sqlite3_errmsg(db_);
  statement_failed_ = true;
  switch (result_code & 0xFF) {
    case SQLITE_CONSTRAINT:
      if (result_code == SQLITE_CONSTRAINT_PRIMARYKEY || result_code == SQLITE_CONSTRAINT_UNIQUE) {
        return AlreadyExists("row exists: " + text);
      }
      if (result_code == SQLITE_CONSTRAINT_FOREIGNKEY) {
        return FailedPrecondition("row is referred to, or refers to none: " + text);
      }
      return Internal("constraint: " + text);
    case SQLITE_FULL:
      if (health_ == Health::kGood) health_ = Health::kDiskFull;
      return Unavailable("the disk of the database is full");
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
      health_ = Health::kBroken;
      return Unavailable("the database failed: " + text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Unavailable("the database is locked: " + text);
    case SQLITE_NOMEM:
      return Unavailable("the database is out of memory");
    default:
      return Internal("statement '" + std::string(sql.substr(0, 80)) + "': " + text);
  }
}

}  // namespace kedge::store::sqlite
