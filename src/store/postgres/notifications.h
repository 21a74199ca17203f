// Hints between the nodes of one database, by PostgreSQL's LISTEN and NOTIFY (Store::Notify).
//
// One connection and one thread of its own, so that neither a write nor its sync waits for a hint.
// While the database is away hints are lost: whoever listens polls too.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "base/descriptor.h"
#include "base/result.h"

struct pg_conn;

namespace kedge::store::postgres {

constexpr size_t kHintsQueuedMax = 64;  // distinct channels that wait to be sent; above: dropped

// Thread-safe.
class Notifications {
 public:
  // Called from the thread with the channel of each hint of another connection. Must not wait.
  using Hear = std::function<void(std::string_view channel)>;

  // Connects in the background, and again (after a wait that grows to 2 s) whenever it must.
  Notifications(std::string url, Hear hear);
  ~Notifications();
  Notifications(const Notifications&) = delete;
  Notifications& operator=(const Notifications&) = delete;

  // Tells the other connections; a channel that already waits is sent once.
  void Send(std::string_view channel);

 private:
  struct Finish {
    void operator()(pg_conn* connection) const;
  };

  void Run();
  bool stopping() const;
  void Connect();
  // False: the connection is lost.
  bool SendNext();
  bool Receive();
  void Wait(int timeout_ms);
  std::string TakeQueued();
  // Of a connection that is lost.
  void ForgetConnection(std::string_view why);

  const std::string url_;
  const Hear hear_;
  FileDescriptor wake_;  // an eventfd

  mutable std::mutex mutex_;
  std::set<std::string, std::less<>> queued_;
  bool stopping_ = false;

  // The thread's own.
  std::unique_ptr<pg_conn, Finish> connection_;
  bool sending_ = false;   // a statement was sent and has not ended
  bool flushing_ = false;  // bytes of it wait for the socket

  std::thread thread_;
};

}  // namespace kedge::store::postgres
