// RAII over one SQLite connection: statements are prepared once and kept.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <unordered_map>

#include "base/file.h"
#include "store/store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace kedge::store::sqlite {

// One thread at a time.
class Connection final : public Transaction {
 public:
  struct Options {
    Path file;
    std::string vfs;  // empty: the default; tests put a forgetful one in its place
    bool read_only = false;
  };
  // Opens (and makes) the database with our settings and checks that each took effect: WAL,
  // synchronous=FULL, foreign keys. kFailedPrecondition if the file is another program's.
  static Result<std::unique_ptr<Connection>> Open(const Options& options);
  ~Connection() override;

  Engine engine() const override { return Engine::kSqlite; }

  Result<Rows> Query(std::string_view sql, std::span<const Value> parameters) override;
  Result<int64_t> Execute(std::string_view sql, std::span<const Value> parameters) override;
  Status ExecuteScript(const std::string& sql) override;
  // One statement without parameters or rows, after a failed one too: BEGIN, COMMIT, ROLLBACK TO
  // ...
  Status Run(std::string_view sql);
  using Transaction::Execute;
  using Transaction::Query;

  // What the disk did to us since the connection was opened.
  enum class Health {
    kGood,
    kDiskFull,  // the transaction was or must be rolled back; later ones may work
    kBroken,    // an I/O error or corruption: nothing may be written through any connection
  };
  Health health() const { return health_; }
  void ForgetDiskFull();
  // A statement failed since the last BeginWork(): as on PostgreSQL, no other can follow it.
  bool statement_failed() const { return statement_failed_; }
  void BeginWork() { statement_failed_ = false; }
  // True inside a transaction: SQLite itself rolls back after some errors.
  bool InTransaction() const;

 private:
  explicit Connection(sqlite3* db) : db_(db) {}
  Status Configure(bool read_only);
  Status ExpectPragma(const std::string& pragma, const Value& want);
  Result<sqlite3_stmt*> Prepare(std::string_view sql);
  Error MakeError(int result_code, std::string_view sql);

  sqlite3* db_;
  std::unordered_map<std::string, sqlite3_stmt*> statements_;
  Health health_ = Health::kGood;
  bool statement_failed_ = false;
};

}  // namespace kedge::store::sqlite
