// One connection of the server: bytes in and out, plain or TLS, under one deadline. Internal to
// server_beast.cc, the one file that includes Boost.
// SPDX-License-Identifier: Apache-2.0
#pragma once

// clang-format off
#include <utility>  // before Asio: its headers forget it
// clang-format on

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "http/tls_session.h"

namespace kedge::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;

// co_await f(..., Into(error)): the error is stored instead of thrown.
inline auto Into(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

// Where one coroutine waits until somebody else on the loop's thread lets it go on. Cheaper than a
// timer that never fires: no queue, no way through the loop.
class Gate {
 public:
  asio::awaitable<void> Wait() {
    return asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
        [this](auto handler) {
          waiting_ = std::make_unique<Held<decltype(handler)>>(std::move(handler));
        },
        asio::use_awaitable);
  }
  // The coroutine, if one waits, goes on inside this call.
  void Open() {
    if (const auto held = std::move(waiting_); held != nullptr) held->Resume();
  }

 private:
  struct Waiting {
    virtual ~Waiting() = default;
    virtual void Resume() = 0;
  };
  template <class Handler>
  struct Held final : Waiting {
    explicit Held(Handler resumes) : handler(std::move(resumes)) {}
    void Resume() override { std::move(handler)(); }
    Handler handler;
  };
  std::unique_ptr<Waiting> waiting_;
};

// Loop thread only, but for what Handshake's comment in server_beast.cc says.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Milliseconds = std::chrono::milliseconds;

  Connection(asio::io_context& loop, tcp::socket socket, size_t buffer_bytes_max)
      : buffer(buffer_bytes_max), socket_(std::move(socket)), timer_(loop) {}

  // From now on TLS; the handshake is the caller's.
  void BeginTls(std::shared_ptr<const TlsContext> context) {
    tls_ = std::make_unique<TlsSession>(std::move(context), socket_.native_handle());
  }
  TlsSession* tls() { return tls_.get(); }

  // The connection is cut when the time is over, unless another call comes before.
  void ExpireAfter(Milliseconds time) {
    deadline_ = Now() + time;
    // Mostly a deadline moves away from an armed timer, which then looks again when it fires.
    if (!armed_ || deadline_ < timer_.expiry()) Arm();
  }
  void ExpireNever() { deadline_ = Time::max(); }

  // Ends all reading, writing and waiting. The descriptor lives on until the connection does:
  // another thread may be in a handshake on it.
  void Cut() {
    error_code ignored;
    cut_ = true;
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    socket_.cancel(ignored);
  }
  bool cut() const { return cut_; }

  // At least one byte, or an error.
  asio::awaitable<size_t> Read(void* to, size_t room, error_code& error) {
    if (tls_ == nullptr)
      co_return co_await socket_.async_read_some(asio::buffer(to, room), Into(error));
    for (;;) {
      size_t n = 0;
      const TlsSession::Step step = tls_->Read(to, room, n);
      if (step == TlsSession::Step::kDone) co_return n;
      co_await Wait(step, error);
      if (error) co_return 0;
    }
  }

  // Both buffers wholly, or an error.
  asio::awaitable<void> Write(asio::const_buffer first, asio::const_buffer second,
                              error_code& error) {
    if (tls_ == nullptr) {
      co_await asio::async_write(socket_, std::array{first, second}, Into(error));
      co_return;
    }
    std::string joined;  // one record and one system call for a small answer
    if (first.size() + second.size() <= kRecordBytes) {
      joined.append(static_cast<const char*>(first.data()), first.size());
      joined.append(static_cast<const char*>(second.data()), second.size());
      first = asio::buffer(joined);
      second = {};
    }
    for (asio::const_buffer rest : {first, second}) {
      while (rest.size() > 0 && !error) {
        size_t n = 0;
        const TlsSession::Step step = tls_->Write(rest.data(), rest.size(), n);
        if (step == TlsSession::Step::kDone) {
          rest += n;
        } else {
          co_await Wait(step, error);
        }
      }
    }
  }

  // Says that nothing follows: close_notify under TLS, without which a client cannot tell the end
  // from a cut.
  asio::awaitable<void> EndOfWriting() {
    if (ended_) co_return;
    ended_ = true;
    error_code error;
    if (tls_ != nullptr && tls_->established()) {
      for (TlsSession::Step step = tls_->Close(); step == TlsSession::Step::kNeedsWrite && !error;
           step = tls_->Close()) {
        co_await Wait(step, error);
      }
    }
    socket_.shutdown(tcp::socket::shutdown_send, error);
  }

  // Waits until the socket is ready for what a TLS step needs; an error if it is closed.
  asio::awaitable<void> Wait(TlsSession::Step step, error_code& error) {
    if (step == TlsSession::Step::kClosed) error = asio::error::eof;
    if (step == TlsSession::Step::kNeedsRead) {
      co_await socket_.async_wait(tcp::socket::wait_read, Into(error));
    }
    if (step == TlsSession::Step::kNeedsWrite) {
      co_await socket_.async_wait(tcp::socket::wait_write, Into(error));
    }
    if (!error && cut_) error = asio::error::operation_aborted;
  }

  beast::flat_buffer buffer;  // what has arrived and is not yet consumed
  std::string peer;
  std::string peer_address;  // the same without the port
  std::shared_ptr<const PeerCertificate> peer_certificate;
  bool idle = true;         // between requests
  Gate* waiting = nullptr;  // for an answer

 private:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr size_t kRecordBytes = 16 << 10;
  static Time Now() { return std::chrono::steady_clock::now(); }

  void Arm() {
    armed_ = true;
    timer_.expires_at(deadline_);
    timer_.async_wait([weak = weak_from_this()](const error_code& cancelled) {
      const auto self = weak.lock();
      if (cancelled || self == nullptr) return;
      self->armed_ = false;
      if (Now() >= self->deadline_) return self->Cut();
      if (self->deadline_ != Time::max()) self->Arm();
    });
  }

  tcp::socket socket_;
  std::unique_ptr<TlsSession> tls_;
  asio::steady_timer timer_;
  Time deadline_ = Time::max();
  bool armed_ = false;
  bool cut_ = false;
  bool ended_ = false;  // EndOfWriting() was called
};

}  // namespace kedge::http
