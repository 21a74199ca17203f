// Group commit as in SQLite: each work of a batch runs inside a savepoint of one transaction, which
// is committed once. A work runs exactly once, whatever happens: nothing is ever run again behind
// its back, because works keep what they found in variables of their caller.
//
// Several nodes. A work reads, decides and writes, so it needs the rows that it read to stay as
// they are. Instead of SERIALIZABLE, which undoes transactions and would have to run their works
// again, writers take turns: a batch begins by taking one advisory lock, which ends with its
// transaction, after the commit is durable and visible. Under READ COMMITTED each statement then
// sees all that was committed before, and nobody else writes: batches are serial, as with SQLite.
// While another node holds the turn, this node's next batch gathers, so the turn costs latency, not
// throughput: 64 threads of single-row works made 139 to 369 works a second through one node and
// 312 to 560 through two (PostgreSQL 15 and both on two busy cores; its fsync is what limits).
// A node that is stopped inside its transaction is thrown out after 5 s, by the server or by
// another node (turn_watch.h).
//
// A lost connection fails the batch: if it broke during the commit, nobody knows whether the writes
// are stored, so nobody is told success. The next batch connects again.
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/postgres_store.h"

#include <algorithm>
#include <chrono>
#include <mutex>

#include "base/log.h"
#include "store/migrate.h"
#include "store/pool.h"
#include "store/postgres/connection.h"
#include "store/postgres/notifications.h"
#include "store/postgres/turn_watch.h"
#include "store/write_queue.h"

namespace kedge::store {
namespace {

using postgres::Connection;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kReadersMax = 8;  // connections; further readers wait
constexpr milliseconds kBackoffMin{50};
constexpr milliseconds kBackoffMax{2000};
constexpr int64_t kVersionMin = 150000;

// Connects, but after a failure not at once again: whoever comes meanwhile gets the same error.
// Thread-safe.
class Connector {
 public:
  Connector(std::string url, std::chrono::seconds stillness_max)
      : url_(std::move(url)), stillness_max_(stillness_max) {}

  Result<std::unique_ptr<Connection>> Connect() {
    {
      const std::lock_guard lock(mutex_);
      if (failed_ && steady_clock::now() < next_) return *failed_;
    }
    auto connection = Connection::Open(url_, stillness_max_);
    const std::lock_guard lock(mutex_);
    if (connection) {
      if (failed_) LogInfo("the database answers again");
      failed_.reset();
      backoff_ = kBackoffMin;
      return connection;
    }
    if (!failed_) LogError("the database is away", {{"error", connection.error().message}});
    failed_ = Unavailable(connection.error().message);
    next_ = steady_clock::now() + backoff_;
    backoff_ = std::min(backoff_ * 2, kBackoffMax);
    return *failed_;
  }

 private:
  const std::string url_;
  const std::chrono::seconds stillness_max_;
  std::mutex mutex_;
  std::optional<Error> failed_;
  steady_clock::time_point next_;
  milliseconds backoff_ = kBackoffMin;
};

class PostgresStore final : public Store {
 public:
  PostgresStore(PostgresOptions options, std::unique_ptr<Connection> writer)
      : connector_(options.url, options.stillness_max),
        turn_watch_([this] { return connector_.Connect(); }, options.stillness_max),
        notifications_(options.url, [this](std::string_view channel) { Hear(channel); }),
        writer_(std::move(writer)),
        queue_([this](std::vector<QueuedWrite>& batch) { CommitBatch(batch); }) {}

  void WriteLater(Work work, std::function<void(Status)> done) override {
    queue_.Add(std::move(work), std::move(done));
  }
  Status Read(const Work& work) override;
  bool failed() const override { return false; }  // when the database is back, so are we
  void Notify(std::string_view channel) override {
    Hear(channel);
    notifications_.Send(channel);
  }

 private:
  void CommitBatch(std::vector<QueuedWrite>& batch);
  Status RunWorks(std::vector<QueuedWrite>& batch);
  Status RunWork(QueuedWrite& write);

  Connector connector_;
  postgres::TurnWatch turn_watch_;
  postgres::Notifications notifications_;
  Pool<Connection> readers_{kReadersMax};
  std::unique_ptr<Connection> writer_;  // the queue's thread's; null or lost: to be made
  WriteQueue queue_;                    // the last: it ends before what its thread uses
};

void PostgresStore::CommitBatch(std::vector<QueuedWrite>& batch) {
  const Status status = RunWorks(batch);
  if (status) return;
  for (QueuedWrite& write : batch) write.status = status.error();
  if (writer_ == nullptr) return;
  writer_->Rollback();
  if (!writer_->lost()) return;
  LogError("the database failed", {{"error", status.error().message}});
  writer_ = nullptr;
}

// Runs and commits all works. An error is the batch's; errors of single works stay with them.
Status PostgresStore::RunWorks(std::vector<QueuedWrite>& batch) {
  if (writer_ == nullptr || !writer_->StillThere()) {
    writer_ = nullptr;
    KEDGE_TRY(writer_, connector_.Connect());
  }
  writer_->BeginWrite();
  for (QueuedWrite& write : batch) KEDGE_TRY_STATUS(RunWork(write));
  return writer_->Commit();
}

Status PostgresStore::RunWork(QueuedWrite& write) {
  writer_->SetMark();
  write.status = write.work(*writer_);
  if (writer_->transaction_failed()) {
    return write.status ? Status(Unavailable("the database failed")) : write.status;
  }
  if (write.status && writer_->statement_failed()) {
    write.status = Internal(kPassedOver);
  }
  if (write.status) {
    writer_->KeepSinceMark();
  } else {
    writer_->UndoSinceMark();
  }
  return {};
}

Status PostgresStore::Read(const Work& work) {
  KEDGE_TRY(std::unique_ptr<Connection> reader,
            readers_.Take([this] { return connector_.Connect(); }));
  if (!reader->StillThere()) {  // the server was restarted
    auto fresh = connector_.Connect();
    if (!fresh) {
      readers_.Return(nullptr);
      return fresh.error();
    }
    reader = std::move(*fresh);
  }
  reader->BeginRead();
  Status status = work(*reader);
  if (status && reader->statement_failed()) status = Internal(kPassedOver);
  if (status) {
    status = reader->Commit();
  } else {
    reader->Rollback();
  }
  readers_.Return(reader->lost() ? nullptr : std::move(reader));
  return status;
}

Result<std::string> Setting(Connection& connection, const std::string& name) {
  KEDGE_TRY(const Rows rows, connection.Query("SELECT current_setting($1)", {name}));
  return rows.at(0).Text(0);
}

// What an acknowledgement, and equal answers of both engines, rest on.
Status CheckServer(Connection& connection) {
  KEDGE_TRY(const std::string version, Setting(connection, "server_version_num"));
  if (std::stoll(version) < kVersionMin) {
    return FailedPrecondition("the server is PostgreSQL " + version + ", 15 or later is needed");
  }
  KEDGE_TRY(const std::string encoding, Setting(connection, "server_encoding"));
  KEDGE_TRY(const Rows rows,
            connection.Query("SELECT datname, datcollate, datlocprovider = 'c' FROM pg_database "
                             "WHERE datname = current_database()"));
  const std::string& collation = rows.at(0).Text(1);
  const bool by_bytes = collation == "C" || collation == "POSIX" || collation.starts_with("C.");
  if (encoding != "UTF8" || !by_bytes || rows.at(0).Integer(2) == 0) {
    return FailedPrecondition("database '" + rows.at(0).Text(0) + "' has encoding " + encoding +
                              " and collation " + collation +
                              ", but texts must be UTF8 and sort by their bytes: make it by "
                              "createdb --template=template0 --encoding=UTF8 --locale=C " +
                              rows.at(0).Text(0));
  }
  for (const char* name : {"fsync", "full_page_writes"}) {
    KEDGE_TRY(const std::string value, Setting(connection, name));
    if (value == "on") continue;
    LogWarning("the database may lose what it acknowledged", {{"setting", name}, {"is", value}});
  }
  KEDGE_TRY(const std::string synchronous, Setting(connection, "synchronous_commit"));
  if (synchronous != "off") return {};
  return Internal("synchronous_commit is off although this session set it");
}

// One migration a transaction, each by whoever holds the turn.
Status Migrate(Connection& connection) {
  for (;;) {
    connection.BeginWrite();
    const auto applied = ApplyNext(connection);
    Status status = applied ? connection.Commit() : Status(applied.error());
    if (!status) {
      connection.Rollback();
      return status;
    }
    if (!*applied) return {};
    LogInfo("database migrated", {{"migration", std::string((*applied)->name)}});
  }
}

}  // namespace

Result<std::unique_ptr<Store>> OpenPostgresStore(PostgresOptions options) {
  KEDGE_TRY(std::unique_ptr<Connection> writer,
            Connection::Open(options.url, options.stillness_max));
  KEDGE_TRY_STATUS(CheckServer(*writer));
  if (options.migrate) KEDGE_TRY_STATUS(Migrate(*writer));
  return std::unique_ptr<Store>(
      std::make_unique<PostgresStore>(std::move(options), std::move(writer)));
}

}  // namespace kedge::store
