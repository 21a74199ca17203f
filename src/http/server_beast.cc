// The server over Boost.Beast 1.74 and Asio coroutines. Boost stays in this one file.
//
// Threads: one thread runs the loop; all connection state belongs to it. A complete request goes to
// the handler pool as an Exchange; its answer comes back through the Mailbox, which is the only
// thing that other threads touch, and which outlives the loop, so that a responder that is called
// after the end does nothing.
// SPDX-License-Identifier: Apache-2.0
// clang-format off
#include <utility>  // before Asio: its headers forget it
// clang-format on

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/log.h"
#include "http/body_receiver.h"
#include "http/framing.h"
#include "http/handler_pool.h"
#include "http/server.h"

namespace kedge::http {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;
using Parser = beast::http::request_parser<beast::http::buffer_body>;

constexpr size_t kReadBytes = 64u << 10;
constexpr size_t kKeptBufferBytes = 8u << 10;  // of a connection between its requests
constexpr size_t kFilePieceBytes = 256u << 10;
constexpr uint64_t kTimedBytes = 1u << 20;  // body_timeout is for each so many bytes
// A client that was refused in the middle of its body gets this much more read, so that the answer
// is not lost in a reset.
constexpr size_t kDrainBytesMax = 1u << 20;
constexpr std::chrono::milliseconds kDrainTimeout{2'000};
constexpr std::chrono::milliseconds kAcceptPause{100};  // after "too many open files"

// co_await f(..., Into(error)): the error is stored instead of thrown.
auto Into(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

// The way into the loop for other threads. Thread-safe.
class Mailbox {
 public:
  explicit Mailbox(asio::io_context& loop) : loop_(&loop) {}
  void Post(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    if (loop_ != nullptr) asio::post(*loop_, std::move(task));
  }
  void Close() {
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
  }

 private:
  std::mutex mutex_;
  asio::io_context* loop_;
};

// One request on its way through the handler. Shared: the coroutine waits for it, the handler and
// the responder hold it from other threads.
struct Exchange {
  Request request;
  std::atomic<bool> claimed{false};       // somebody has answered
  std::optional<Response> answer;         // loop thread only, like the next one
  asio::steady_timer* waiting = nullptr;  // cancelled when the answer is there
};

void Answer(const std::shared_ptr<Exchange>& exchange, Mailbox& mailbox, Response response) {
  if (exchange->claimed.exchange(true)) return;
  mailbox.Post([exchange, response = std::move(response)]() mutable {
    exchange->answer = std::move(response);
    if (exchange->waiting != nullptr) exchange->waiting->cancel();
  });
}

// Shared by all copies of a responder; answers if nobody did.
class ResponderState {
 public:
  ResponderState(std::shared_ptr<Exchange> exchange, std::shared_ptr<Mailbox> mailbox,
                 Response if_forgotten)
      : exchange_(std::move(exchange)),
        mailbox_(std::move(mailbox)),
        if_forgotten_(std::move(if_forgotten)) {}
  ~ResponderState() { Answer(exchange_, *mailbox_, std::move(if_forgotten_)); }
  ResponderState(const ResponderState&) = delete;
  ResponderState& operator=(const ResponderState&) = delete;
  void Send(Response response) { Answer(exchange_, *mailbox_, std::move(response)); }

 private:
  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<Mailbox> mailbox_;
  Response if_forgotten_;
};

// Loop thread only.
struct Connection {
  Connection(tcp::socket socket, const ServerOptions& options)
      : stream(std::move(socket)), buffer(options.header_bytes_max + kReadBytes) {}
  beast::tcp_stream stream;
  beast::flat_buffer buffer;  // what has arrived and is not yet consumed
  std::string peer;
  bool idle = true;     // between requests
  bool closed = false;  // by Stop()
  asio::steady_timer* waiting = nullptr;
};

class BeastServer final : public Server {
 public:
  BeastServer(const ServerOptions& options, Handler handler, ErrorBody error_body)
      : options_(options),
        handler_(std::move(handler)),
        error_body_(std::move(error_body)),
        acceptor_(loop_),
        accept_pause_(loop_),
        mailbox_(std::make_shared<Mailbox>(loop_)),
        pool_(options.handler_threads, options.queue_max) {}
  ~BeastServer() override { Stop(std::chrono::milliseconds(0)); }

  Status Bind();
  void Run();
  uint16_t port() const override { return port_; }
  ServerCounts counts() const override;
  void Stop(std::chrono::milliseconds grace) override;

 private:
  enum class HeadRead { kComplete, kClosed, kRefused };

  asio::awaitable<void> Accept();
  asio::awaitable<void> Serve(std::shared_ptr<Connection> connection);
  asio::awaitable<bool> ServeOne(Connection& connection);
  asio::awaitable<HeadRead> ReadHead(Connection& connection, size_t& head_bytes, Refusal& refusal);
  asio::awaitable<bool> ReadBody(Connection& connection, Parser& parser, Request& request,
                                 std::optional<Refusal>& refusal);
  asio::awaitable<std::optional<Response>> Handle(Connection& connection, Request request);
  asio::awaitable<bool> Write(Connection& connection, const Response& response, bool keep_alive,
                              bool is_head_request);
  asio::awaitable<bool> WriteFile(Connection& connection, const Response& response);
  asio::awaitable<void> Refuse(Connection& connection, const Refusal& refusal);
  Response ErrorResponse(int status, std::string_view message) const {
    Response response = error_body_(status, message);
    response.status = status;
    return response;
  }
  void OnLoop(std::function<void()> task) { mailbox_->Post(std::move(task)); }
  bool WaitUntilNoConnections(std::optional<std::chrono::milliseconds> at_most);
  void Forget(Connection* connection);

  const ServerOptions options_;
  const Handler handler_;
  const ErrorBody error_body_;
  const SystemClock clock_;
  asio::io_context loop_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer accept_pause_;
  std::shared_ptr<Mailbox> mailbox_;  // shared: responders may outlive the server
  HandlerPool pool_;
  uint16_t port_ = 0;
  std::thread thread_;

  bool stopping_ = false;  // loop thread only
  std::set<Connection*> connections_;
  mutable std::mutex counts_mutex_;
  std::condition_variable none_open_;
  ServerCounts counts_;
};

Status BeastServer::Bind() {
  error_code error;
  const asio::ip::address address = asio::ip::make_address(options_.address, error);
  if (error) return InvalidArgument("'" + options_.address + "' is not an IP address");
  const tcp::endpoint endpoint(address, options_.port);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    return Unavailable("listening on " + options_.address + ":" + std::to_string(options_.port) +
                       ": " + error.message());
  port_ = acceptor_.local_endpoint(error).port();
  return {};
}

void BeastServer::Run() {
  asio::co_spawn(loop_, Accept(), asio::detached);
  thread_ = std::thread([this] {
    const auto guard = asio::make_work_guard(loop_);
    loop_.run();
  });
}

ServerCounts BeastServer::counts() const {
  const std::lock_guard lock(counts_mutex_);
  return counts_;
}

asio::awaitable<void> BeastServer::Accept() {
  while (!stopping_) {
    error_code error;
    tcp::socket socket(loop_);
    co_await acceptor_.async_accept(socket, Into(error));
    if (stopping_) break;
    if (error) {
      LogWarning("accepting a connection failed", {{"error", error.message()}});
      accept_pause_.expires_after(kAcceptPause);
      co_await accept_pause_.async_wait(Into(error));
      continue;
    }
    const bool full = connections_.size() >= options_.connections_max;
    {
      const std::lock_guard lock(counts_mutex_);
      ++(full ? counts_.connections_refused : counts_.connections_accepted);
      if (!full) ++counts_.connections_open;
    }
    if (full) continue;
    socket.set_option(tcp::no_delay(true), error);
    const tcp::endpoint peer = socket.remote_endpoint(error);
    auto connection = std::make_shared<Connection>(std::move(socket), options_);
    connection->peer = error ? "" : peer.address().to_string() + ":" + std::to_string(peer.port());
    connections_.insert(connection.get());
    asio::co_spawn(loop_, Serve(std::move(connection)), asio::detached);
  }
}

void BeastServer::Forget(Connection* connection) {
  connections_.erase(connection);
  const std::lock_guard lock(counts_mutex_);
  if (--counts_.connections_open == 0) none_open_.notify_all();
}

asio::awaitable<void> BeastServer::Serve(std::shared_ptr<Connection> connection) {
  try {
    bool go_on = true;
    while (go_on && !stopping_ && !connection->closed) go_on = co_await ServeOne(*connection);
    error_code ignored;
    connection->stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
  } catch (const std::exception& error) {  // out of memory
    LogError("a connection was dropped", {{"error", error.what()}});
  }
  Forget(connection.get());
}

// Copies what the parser read into plain types.
void TakeHead(const Parser::value_type& message, Request& request) {
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  for (const auto& field : message)
    request.headers.list.emplace_back(std::string(field.name_string()), std::string(field.value()));
}

// One request and its answer. False: the connection ends.
asio::awaitable<bool> BeastServer::ServeOne(Connection& connection) {
  size_t head_bytes = 0;
  Refusal refusal;
  const HeadRead read = co_await ReadHead(connection, head_bytes, refusal);
  if (read == HeadRead::kClosed) co_return false;

  Parser parser;
  parser.header_limit(options_.header_bytes_max);
  parser.body_limit(std::numeric_limits<uint64_t>::max());  // BodyReceiver knows the limit
  Request request;
  request.peer = connection.peer;
  std::optional<Refusal> refused;
  if (read == HeadRead::kRefused) {
    refused = refusal;
  } else {
    error_code error;
    parser.put(asio::buffer(connection.buffer.data().data(), head_bytes), error);
    connection.buffer.consume(head_bytes);
    if ((error && error != beast::http::error::need_more) || !parser.is_header_done()) {
      refused = Refusal{400, "the request's head is malformed: " + error.message()};
    } else {
      TakeHead(parser.get(), request);
      refused = CheckHead(request, parser.get().version());
    }
  }
  const bool keep_alive = !refused && parser.keep_alive();
  if (!refused && !co_await ReadBody(connection, parser, request, refused)) co_return false;
  if (refused) {
    co_await Refuse(connection, *refused);
    co_return false;
  }
  const bool is_head_request = request.method == "HEAD";
  const std::optional<Response> response = co_await Handle(connection, std::move(request));
  if (!response) co_return false;
  const bool go_on = keep_alive && !stopping_;
  const bool written = co_await Write(connection, *response, go_on, is_head_request);
  co_return written&& go_on;
}

asio::awaitable<BeastServer::HeadRead> BeastServer::ReadHead(Connection& connection,
                                                             size_t& head_bytes, Refusal& refusal) {
  size_t scanned = 0;
  bool first = connection.buffer.size() == 0;
  connection.idle = first;
  connection.stream.expires_after(first ? options_.idle_timeout : options_.header_timeout);
  for (;;) {
    const std::string_view arrived(static_cast<const char*>(connection.buffer.data().data()),
                                   connection.buffer.size());
    const HeadScan scan = ScanHead(arrived, scanned);
    scanned = arrived.size();
    if (scan.state == HeadScan::State::kMalformed) {
      refusal = {400, "the request's head has a byte or line end that no head can have"};
      co_return HeadRead::kRefused;
    }
    const bool complete = scan.state == HeadScan::State::kComplete;
    if ((complete ? scan.bytes : arrived.size()) > options_.header_bytes_max) {
      refusal = {431, "the request's head is longer than " +
                          std::to_string(options_.header_bytes_max) + " bytes"};
      co_return HeadRead::kRefused;
    }
    head_bytes = scan.bytes;
    if (complete) co_return HeadRead::kComplete;

    error_code error;
    const size_t n =
        co_await connection.stream.async_read_some(connection.buffer.prepare(4096), Into(error));
    connection.buffer.commit(n);
    connection.idle = false;
    if (error) co_return HeadRead::kClosed;  // a timeout has closed the socket already
    if (first) connection.stream.expires_after(options_.header_timeout);
    first = false;
  }
}

// An error of the parser, as opposed to one of the connection.
bool IsMalformed(const error_code& error) {
  return error.category() ==
             beast::http::make_error_code(beast::http::error::bad_chunk).category() &&
         error != beast::http::error::partial_message;
}

// False: the connection is gone. Sets `refusal` if the request is to be refused.
asio::awaitable<bool> BeastServer::ReadBody(Connection& connection, Parser& parser,
                                            Request& request, std::optional<Refusal>& refusal) {
  if (parser.content_length().value_or(0) > options_.body_bytes_max) {
    refusal = Refusal{
        413, "the body is longer than " + std::to_string(options_.body_bytes_max) + " bytes"};
    co_return true;
  }
  error_code error;
  if (!parser.is_done() && request.headers.Find("Expect") != nullptr &&
      connection.buffer.size() == 0) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    connection.stream.expires_after(options_.header_timeout);
    co_await asio::async_write(connection.stream, asio::buffer(kContinue), Into(error));
    if (error) co_return false;
  }
  BodyReceiver sink(options_, request);
  // Only as large as needed: a fleet holds thousands of connections open.
  std::vector<char> piece(
      std::min<uint64_t>(kReadBytes, parser.content_length().value_or(kReadBytes)));
  uint64_t timed_bytes = kTimedBytes;
  while (!parser.is_done()) {
    if (timed_bytes >= kTimedBytes) {
      connection.stream.expires_after(options_.body_timeout);
      timed_bytes = 0;
    }
    auto& body = parser.get().body();
    body.data = piece.data();
    body.size = piece.size();
    co_await beast::http::async_read_some(connection.stream, connection.buffer, parser,
                                          Into(error));
    const size_t n = piece.size() - body.size;
    timed_bytes += n;
    if (n > 0) {
      refusal = sink.Append({reinterpret_cast<const uint8_t*>(piece.data()), n});
      if (refusal) co_return true;
    }
    if (error == beast::http::error::need_buffer) error = {};
    if (IsMalformed(error)) {
      refusal = Refusal{400, "the request's body is malformed: " + error.message()};
      co_return true;
    }
    if (error) co_return false;
  }
  sink.Finish();
  if (connection.buffer.size() == 0 && connection.buffer.capacity() > kKeptBufferBytes)
    connection.buffer.shrink_to_fit();
  co_return true;
}

// Nothing if the server is stopping before there is an answer.
asio::awaitable<std::optional<Response>> BeastServer::Handle(Connection& connection,
                                                             Request request) {
  auto exchange = std::make_shared<Exchange>();
  exchange->request = std::move(request);
  auto responder = std::make_shared<ResponderState>(
      exchange, mailbox_, ErrorResponse(500, "the request got no answer"));
  const bool posted = pool_.TryPost([this, exchange, responder] {
    handler_(exchange->request,
             [responder](Response response) { responder->Send(std::move(response)); });
  });
  responder.reset();
  {
    const std::lock_guard lock(counts_mutex_);
    ++(posted ? counts_.requests : counts_.requests_refused);
  }
  if (!posted) {
    Response full = ErrorResponse(503, "the server is busy, try again");
    full.headers.Set("Retry-After", "1");
    co_return full;
  }
  connection.stream.expires_never();
  asio::steady_timer timer(loop_);
  timer.expires_at(std::chrono::steady_clock::time_point::max());
  exchange->waiting = &timer;
  connection.waiting = &timer;
  while (!exchange->answer && !connection.closed) {
    error_code cancelled;
    co_await timer.async_wait(Into(cancelled));
  }
  exchange->waiting = nullptr;
  connection.waiting = nullptr;
  co_return std::move(exchange->answer);
}

asio::awaitable<bool> BeastServer::Write(Connection& connection, const Response& response,
                                         bool keep_alive, bool is_head_request) {
  const std::string head = FormatHead(
      response,
      {.keep_alive = keep_alive, .is_head_request = is_head_request, .now = clock_.NowMs()});
  const bool has_body = HasBody(response, is_head_request);
  const bool in_memory = has_body && response.file == nullptr;
  const std::array<asio::const_buffer, 2> buffers = {
      asio::buffer(head), in_memory ? asio::buffer(response.body) : asio::const_buffer()};
  error_code error;
  connection.stream.expires_after(options_.body_timeout);
  co_await asio::async_write(connection.stream, buffers, Into(error));
  if (error) co_return false;
  if (!has_body || in_memory) co_return true;
  co_return co_await WriteFile(connection, response);
}

// Reads and writes piece by piece: memory stays constant whatever the file's length.
asio::awaitable<bool> BeastServer::WriteFile(Connection& connection, const Response& response) {
  std::vector<char> piece(std::min<uint64_t>(kFilePieceBytes, response.file_bytes));
  uint64_t sent = 0;
  while (sent < response.file_bytes) {
    const size_t wanted = std::min<uint64_t>(piece.size(), response.file_bytes - sent);
    const ssize_t n = ::pread(response.file->get(), piece.data(), wanted,
                              static_cast<off_t>(response.file_offset + sent));
    if (n <= 0) {
      LogError("a file that was being sent ended early", {{"sent_bytes", std::to_string(sent)}});
      co_return false;
    }
    error_code error;
    connection.stream.expires_after(options_.body_timeout);
    co_await asio::async_write(connection.stream,
                               asio::buffer(piece.data(), static_cast<size_t>(n)), Into(error));
    if (error) co_return false;
    sent += static_cast<uint64_t>(n);
  }
  co_return true;
}

// Answers, then reads on for a moment, so that the client sees the answer and not a reset.
asio::awaitable<void> BeastServer::Refuse(Connection& connection, const Refusal& refusal) {
  {
    const std::lock_guard lock(counts_mutex_);
    ++counts_.requests_refused;
  }
  const Response response = ErrorResponse(refusal.status, refusal.message);
  const bool written = co_await Write(connection, response, /*keep_alive=*/false, false);
  if (!written) co_return;
  error_code error;
  connection.stream.socket().shutdown(tcp::socket::shutdown_send, error);
  connection.stream.expires_after(kDrainTimeout);
  std::array<char, 4096> drain;
  for (size_t drained = 0; !error && drained < kDrainBytesMax;) {
    drained += co_await connection.stream.async_read_some(asio::buffer(drain), Into(error));
  }
}

bool BeastServer::WaitUntilNoConnections(std::optional<std::chrono::milliseconds> at_most) {
  std::unique_lock lock(counts_mutex_);
  const auto none = [this] { return counts_.connections_open == 0; };
  if (at_most.has_value()) return none_open_.wait_for(lock, *at_most, none);
  none_open_.wait(lock, none);
  return true;
}

void BeastServer::Stop(std::chrono::milliseconds grace) {
  if (!thread_.joinable()) return;
  OnLoop([this] {
    stopping_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    accept_pause_.cancel();
    for (Connection* connection : connections_) {
      if (connection->idle) connection->stream.close();
    }
  });
  if (!WaitUntilNoConnections(grace)) {
    OnLoop([this] {
      for (Connection* connection : connections_) {
        connection->closed = true;
        connection->stream.close();
        if (connection->waiting != nullptr) connection->waiting->cancel();
      }
    });
    WaitUntilNoConnections(std::nullopt);
  }
  pool_.Stop();
  mailbox_->Close();
  loop_.stop();
  thread_.join();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, Handler handler,
                                              ErrorBody error_body) {
  auto server = std::make_unique<BeastServer>(options, std::move(handler), std::move(error_body));
  KEDGE_TRY_STATUS(server->Bind());
  server->Run();
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace kedge::http
