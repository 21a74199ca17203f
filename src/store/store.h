// The database's door: transactions over SQL text that both engines understand.
//
// One text a statement, with parameters $1..$n in order of first appearance; column types bigint,
// text and double precision; times are bigint milliseconds since the epoch. The typed functions of
// store/tables/ are written over this; an engine implements these two classes and passes
// store/conformance_test.
//
// Both engines sort and compare texts by their bytes; LIKE tells cases apart. A text holds no zero
// byte.
//
// Durability: a write that was answered with success was committed and synced before. After an I/O
// error of a disk of ours nothing is written any more (see Store::failed); when a database server
// is away, writes and reads fail with kUnavailable until it is back.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace kedge::store {

// std::monostate is NULL.
using Value = std::variant<std::monostate, int64_t, double, std::string>;

Value Optional(const std::optional<std::string>& text);
Value Optional(const std::optional<int64_t>& number);

// One row of a result. Reading a column as another type than it has is a broken promise (checked):
// our own statements name the columns.
class Row {
 public:
  explicit Row(std::vector<Value> values) : values_(std::move(values)) {}
  const Value& At(size_t column) const;
  bool IsNull(size_t column) const;
  const std::string& Text(size_t column) const;
  int64_t Integer(size_t column) const;
  double Real(size_t column) const;
  std::optional<std::string> TextOrNull(size_t column) const;
  std::optional<int64_t> IntegerOrNull(size_t column) const;
  size_t size() const { return values_.size(); }

 private:
  std::vector<Value> values_;
};

using Rows = std::vector<Row>;

enum class Engine { kSqlite, kPostgres };

// kInvalidArgument if a text holds a zero byte, which PostgreSQL cannot store.
Status CheckParameters(std::span<const Value> values);

// One thread, only inside the function it was handed to. Errors: kAlreadyExists (primary key or
// unique), kFailedPrecondition (foreign key), kInvalidArgument (a zero byte in a text),
// kUnavailable (the engine failed), kInternal (statement).
class Transaction {
 public:
  virtual ~Transaction() = default;
  // For statements on the engine's own catalogue; all others are the same on both.
  virtual Engine engine() const = 0;
  virtual Result<Rows> Query(std::string_view sql, std::span<const Value> parameters) = 0;
  // Rows inserted, changed or deleted.
  virtual Result<int64_t> Execute(std::string_view sql, std::span<const Value> parameters) = 0;
  // The statement once for each row of parameters, in their order; the rows inserted, changed or
  // deleted in all. Stops at the first error. An engine behind a network sends them together, so
  // this is how many rows are written at once.
  virtual Result<int64_t> ExecuteMany(std::string_view sql,
                                      std::span<const std::vector<Value>> rows);
  // Several statements without parameters: migrations.
  virtual Status ExecuteScript(const std::string& sql) = 0;

  Result<Rows> Query(std::string_view sql, std::initializer_list<Value> parameters = {}) {
    return Query(sql, std::span<const Value>(parameters.begin(), parameters.size()));
  }
  Result<int64_t> Execute(std::string_view sql, std::initializer_list<Value> parameters) {
    return Execute(sql, std::span<const Value>(parameters.begin(), parameters.size()));
  }
};

// What runs inside a transaction. An error undoes what this function did, and only that. It runs at
// most once, maybe on another thread; it must not call the store again and must not wait for
// anything. After the error of a statement no other can follow: return it.
//
// Works that write are serial, over all nodes of one database: what one reads stays as it is until
// it is committed.
using Work = std::function<Status(Transaction&)>;

constexpr size_t kWritesQueuedMax = 65'536;  // above: kUnavailable at once

// Thread-safe.
class Store {
 public:
  Store();
  virtual ~Store() = default;  // finishes queued writes

  // Queues the work; `done` is called once, from another thread, with the work's own error or,
  // after the commit is durable, with success. Works that are queued while a commit runs are
  // committed together (group commit). kUnavailable: the queue is full, the disk is full (nothing
  // was changed), or the store failed.
  virtual void WriteLater(Work work, std::function<void(Status)> done) = 0;

  // Runs the work on a consistent view that holds every write answered before.
  virtual Status Read(const Work& work) = 0;

  // After an error of the disk below an embedded database no write is accepted any more: the
  // program should end and start again, which replays the log. True from then on. A database
  // server does that by itself: always false.
  virtual bool failed() const = 0;

  // WriteLater, waiting for its end. Never from inside a Work.
  Status Write(Work work);

  // A hint, after a committed write, that rows of some kind have changed: listeners of the channel
  // look at once instead of at their next poll, with PostgreSQL on every node. It may be lost:
  // polls are the truth.
  virtual void Notify(std::string_view channel) { Hear(channel); }
  // Calls `listener`, from any thread, whenever the channel is notified, until the returned object
  // is gone. The listener must be quick and must not listen or stop listening.
  class Listening;
  std::shared_ptr<Listening> Listen(std::string channel, std::function<void()> listener);

 protected:
  // Calls the listeners of this process.
  void Hear(std::string_view channel);

 private:
  struct Listeners;
  std::shared_ptr<Listeners> listeners_;  // shared: a Listening may outlive the store
};

}  // namespace kedge::store
