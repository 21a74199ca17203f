// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/notifications.h"

#include <algorithm>
#include <cstdint>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"

namespace kedge::store::postgres {
namespace {

constexpr int kBackoffMinMs = 50;
constexpr int kBackoffMaxMs = 2000;

// One channel of PostgreSQL's for all of the store's, which are its payloads. A hint need not be
// durable, so its transaction does not wait for a sync.
constexpr const char* kListen = "SET synchronous_commit = off; LISTEN kedge";
constexpr const char* kNotify = "SELECT pg_notify('kedge', $1)";

}  // namespace

void Notifications::Finish::operator()(pg_conn* connection) const { PQfinish(connection); }

Notifications::Notifications(std::string url, Hear hear)
    : url_(std::move(url)),
      hear_(std::move(hear)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { Run(); }) {}

Notifications::~Notifications() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

void Notifications::Send(std::string_view channel) {
  {
    const std::lock_guard lock(mutex_);
    if (queued_.size() >= kHintsQueuedMax) return;
    queued_.emplace(channel);
  }
  eventfd_write(wake_.get(), 1);
}

bool Notifications::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

std::string Notifications::TakeQueued() {
  const std::lock_guard lock(mutex_);
  if (queued_.empty()) return "";
  return queued_.extract(queued_.begin()).value();
}

void Notifications::Run() {
  int backoff_ms = 0;
  while (!stopping()) {
    if (connection_ == nullptr) {
      Wait(backoff_ms);
      backoff_ms = std::clamp(2 * backoff_ms, kBackoffMinMs, kBackoffMaxMs);
      Connect();
      continue;
    }
    if (SendNext()) Wait(-1);
    // It listens once what was sent has ended well.
    if (connection_ != nullptr && Receive() && !sending_) backoff_ms = 0;
  }
}

void Notifications::Connect() {
  // What stands in the URL comes last and wins.
  const char* const names[] = {"client_encoding",
                               "connect_timeout",
                               "keepalives_idle",
                               "tcp_user_timeout",
                               "application_name",
                               "dbname",
                               nullptr};
  const char* const values[] = {"UTF8", "5", "10", "30000", "kedge listen", url_.c_str(), nullptr};
  connection_.reset(PQconnectdbParams(names, values, 1));
  sending_ = flushing_ = false;
  if (PQstatus(connection_.get()) != CONNECTION_OK || PQsetnonblocking(connection_.get(), 1) != 0 ||
      PQsendQuery(connection_.get(), kListen) != 1) {
    connection_.reset();  // the store's own connections tell of a database that is away
    return;
  }
  sending_ = flushing_ = true;
}

// Pushes on what is being sent, or begins the next hint.
bool Notifications::SendNext() {
  if (!sending_) {
    const std::string channel = TakeQueued();
    if (channel.empty()) return true;
    const char* const value = channel.c_str();
    if (PQsendQueryParams(connection_.get(), kNotify, 1, nullptr, &value, nullptr, nullptr, 0) !=
        1) {
      ForgetConnection("sending");
      return false;
    }
    sending_ = true;
  }
  const int left = PQflush(connection_.get());
  flushing_ = left == 1;
  if (left >= 0) return true;
  ForgetConnection("sending");
  return false;
}

bool Notifications::Receive() {
  pg_conn* const raw = connection_.get();
  if (PQconsumeInput(raw) != 1) {
    ForgetConnection("receiving");
    return false;
  }
  while (sending_ && PQisBusy(raw) == 0) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQgetResult(raw), &PQclear);
    if (result == nullptr) {
      sending_ = false;
    } else if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) {
      ForgetConnection("a statement");
      return false;
    }
  }
  while (PGnotify* const told = PQnotifies(raw)) {
    if (told->be_pid != PQbackendPID(raw)) hear_(told->extra);
    PQfreemem(told);
  }
  return true;
}

// Until the database says something, somebody has a hint to send, or the time is over (-1: never).
void Notifications::Wait(int timeout_ms) {
  {
    // A hint that is queued while another is being sent has already raised the eventfd.
    const std::lock_guard lock(mutex_);
    if (connection_ != nullptr && !sending_ && !queued_.empty()) return;
  }
  pollfd wanted[2] = {{.fd = wake_.get(), .events = POLLIN, .revents = 0},
                      {.fd = -1, .events = POLLIN, .revents = 0}};
  if (connection_ != nullptr) {
    wanted[1].fd = PQsocket(connection_.get());
    if (flushing_) wanted[1].events |= POLLOUT;
  }
  if (poll(wanted, 2, timeout_ms) > 0 && wanted[0].revents != 0) {
    eventfd_t count = 0;
    eventfd_read(wake_.get(), &count);
  }
}

void Notifications::ForgetConnection(std::string_view why) {
  const std::string_view said = PQerrorMessage(connection_.get());
  LogInfo("hints of other nodes are not heard until the database answers",
          {{"at", std::string(why)}, {"error", std::string(said.substr(0, said.find('\n')))}});
  connection_.reset();
}

}  // namespace kedge::store::postgres
