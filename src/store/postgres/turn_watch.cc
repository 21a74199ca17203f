// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/turn_watch.h"

#include "base/log.h"

namespace kedge::store::postgres {
namespace {

// Ends those who have the turn of this database and from whom the server waits for more, while
// somebody waits for the turn. pg_locks shows a lock of one bigint as its two halves.
constexpr const char* kEvict =
    "SELECT COUNT(*) FROM (SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a "
    "JOIN pg_locks l ON l.pid = a.pid WHERE l.locktype = 'advisory' AND l.granted "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND CAST(l.classid AS bigint) = $1 AND CAST(l.objid AS bigint) = $2 AND l.objsubid = 1 "
    "AND a.wait_event_type = 'Client' AND a.wait_event = 'ClientRead' "
    "AND EXTRACT(EPOCH FROM clock_timestamp() - a.query_start) > $3 "
    "AND EXISTS (SELECT 1 FROM pg_locks w WHERE w.locktype = 'advisory' AND NOT w.granted "
    "AND w.database = l.database AND w.classid = l.classid AND w.objid = l.objid)) AS ended";

}  // namespace

TurnWatch::TurnWatch(Open open, std::chrono::seconds stillness_max)
    : open_(std::move(open)), stillness_max_(stillness_max), thread_([this] { Run(); }) {}

TurnWatch::~TurnWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

Result<int64_t> TurnWatch::Evict(Connection& connection) const {
  connection.BeginRead();
  const auto rows = connection.Query(kEvict, {int64_t{kTurn >> 32}, int64_t{kTurn & 0xffffffff},
                                              static_cast<double>(stillness_max_.count())});
  if (!rows) {
    connection.Rollback();
    return rows.error();
  }
  KEDGE_TRY_STATUS(connection.Commit());
  return rows->at(0).Integer(0);
}

void TurnWatch::Run() {
  std::unique_ptr<Connection> connection;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, stillness_max_ / 2.0, [this] { return stopping_; })) {
    lock.unlock();
    if (connection == nullptr || connection->lost() || !connection->StillThere()) {
      auto opened = open_();  // an error is told by whoever writes
      connection = opened ? std::move(*opened) : nullptr;
    }
    if (connection != nullptr) {
      const auto ended = Evict(*connection);
      if (ended && *ended > 0) {
        LogWarning("a node that stood still in its turn to write was thrown out",
                   {{"sessions", std::to_string(*ended)}});
      }
      if (!ended) LogWarning("cannot look for frozen nodes", {{"error", ended.error().message}});
    }
    lock.lock();
  }
}

}  // namespace kedge::store::postgres
