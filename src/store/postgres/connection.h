// RAII over one PostgreSQL connection. It stays in libpq's pipeline mode: statements that begin,
// mark or undo are not sent alone but in front of the next real one, so a transaction of one
// statement costs two round trips (the statement, and the commit), and each further statement one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/store.h"

struct pg_conn;
struct pg_result;

namespace kedge::store::postgres {

// A node that is frozen inside a transaction must not keep others from writing.
constexpr std::chrono::seconds kStillnessMax{5};
// The advisory lock that is a writer's turn: "KEDGE".
constexpr int64_t kTurn = 323284649797;

// One thread at a time.
class Connection final : public Transaction {
 public:
  // Connects with our session settings. kInvalidArgument: the URL is malformed; kUnavailable,
  // kPermissionDenied or kFailedPrecondition: no answer, not let in, no such database.
  // A transaction that stands still between two statements for longer than `stillness_max` is
  // ended by the server.
  static Result<std::unique_ptr<Connection>> Open(
      const std::string& url, std::chrono::seconds stillness_max = kStillnessMax);
  ~Connection() override;

  Engine engine() const override { return Engine::kPostgres; }
  Result<Rows> Query(std::string_view sql, std::span<const Value> parameters) override;
  Result<int64_t> Execute(std::string_view sql, std::span<const Value> parameters) override;
  Result<int64_t> ExecuteMany(std::string_view sql,
                              std::span<const std::vector<Value>> rows) override;
  Status ExecuteScript(const std::string& sql) override;
  using Transaction::Execute;
  using Transaction::Query;

  // A transaction from here to Commit() or Rollback(). A write waits for its turn: one transaction
  // at a time over all nodes (see postgres_store.cc). A read sees one snapshot.
  void BeginWrite();
  void BeginRead();
  // An error: it is not certain that the transaction is committed and durable.
  Status Commit();
  void Rollback();

  // Inside a transaction: what was done since the mark can be undone alone. One mark at a time.
  void SetMark();
  void KeepSinceMark();
  void UndoSinceMark();

  // A statement failed since the mark (or the beginning). PostgreSQL refuses further ones then.
  bool statement_failed() const { return statement_failed_; }
  // Beginning or marking failed: all that is left to do is Rollback().
  bool transaction_failed() const { return lost() || transaction_failed_; }
  // The connection is gone: all that is left to do is to destroy it.
  bool lost() const { return lost_.has_value(); }
  // False if the server closed an idle connection (it was restarted).
  bool StillThere();

 private:
  struct Outcome {
    Rows rows;
    int64_t changed = 0;
    std::string tag;  // "COMMIT"
  };
  using PgResult = std::unique_ptr<pg_result, void (*)(pg_result*)>;
  enum class Sent { kNo, kWaiting, kYes };  // kWaiting: in before_

  explicit Connection(pg_conn* connection) : connection_(connection) {}
  Status Configure(std::chrono::seconds stillness_max);
  Result<Outcome> Run(std::string_view sql, std::span<const Value> parameters);
  Result<Outcome> RoundTrip(std::string_view sql, std::span<const std::span<const Value>> rows);
  Status SendAll(std::string_view sql, std::span<const std::span<const Value>> rows, bool prepare);
  Result<Outcome> ReceiveAll(std::string_view sql, size_t rows, bool prepare);
  Result<Outcome> SendBefore();
  Result<Outcome> Receive(std::string_view sql);
  Status ReceiveSync();
  PgResult Next(std::chrono::milliseconds patience);
  void Lose(std::string_view why);
  Error Lost(std::string_view why);  // the same, and its error

  pg_conn* connection_;
  std::vector<const char*> before_;                          // sent in front of the next statement
  std::unordered_map<std::string, std::string> statements_;  // prepared: text to name
  uint64_t statements_made_ = 0;
  Sent transaction_ = Sent::kNo;
  Sent mark_ = Sent::kNo;
  bool transaction_failed_ = false;
  bool statement_failed_ = false;
  std::optional<Error> lost_;
};

}  // namespace kedge::store::postgres
