// Throws a frozen node out of its turn.
//
// The turn of a writer is a lock that ends with its transaction. A node that is frozen between two
// statements is thrown out by the server's idle_in_transaction_session_timeout. One that is frozen
// while it sends a long row of statements is not: its half-sent pipeline has no Sync yet, so for
// the server the session is active and waits for the rest of it for ever, and everybody for the
// turn. So whoever has a turn and lets the server wait for more of its statements for longer than
// `stillness_max`, while others wait for the turn, is ended from a session of its own, which every
// node has.
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "store/postgres/connection.h"

namespace kedge::store::postgres {

// One thread of its own.
class TurnWatch {
 public:
  using Open = std::function<Result<std::unique_ptr<Connection>>()>;

  // `open` gives it a connection when it needs one; it may be called until the destructor returns.
  TurnWatch(Open open, std::chrono::seconds stillness_max);
  ~TurnWatch();
  TurnWatch(const TurnWatch&) = delete;
  TurnWatch& operator=(const TurnWatch&) = delete;

 private:
  void Run();
  // The number of sessions that were ended.
  Result<int64_t> Evict(Connection& connection) const;

  const Open open_;
  const std::chrono::seconds stillness_max_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kedge::store::postgres
