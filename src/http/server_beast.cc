// The server over Boost.Beast 1.74 and Asio coroutines. Boost stays in this one file.
//
// Threads: one thread runs the loop; all connection state belongs to it. A complete request goes to
// the handler pool as an Exchange; its answer comes back through the Mailbox, which is the only
// thing that other threads touch, and which outlives the loop, so that a responder that is called
// after the end does nothing.
// SPDX-License-Identifier: Apache-2.0
// clang-format off
#include "http/server_connection.h"
// clang-format on

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/log.h"
#include "http/body_budget.h"
#include "http/body_receiver.h"
#include "http/framing.h"
#include "http/handler_pool.h"
#include "http/server.h"

namespace kedge::http {

namespace {

using Parser = beast::http::request_parser<beast::http::buffer_body>;

constexpr size_t kReadBytes = 64u << 10;
constexpr size_t kHeadPieceBytes = 4096;
constexpr size_t kKeptBufferBytes = 8u << 10;  // of a connection between its requests
constexpr size_t kFilePieceBytes = 256u << 10;
constexpr uint64_t kTimedBytes = 1u << 20;  // body_timeout is for each so many bytes
// Of a chunked body: one line or trailer is at most so long, and all framing together that and so
// many bytes for each byte of content. A chunk of one byte has 5 or 6.
constexpr size_t kFramingBytesMax = 4096;
constexpr uint64_t kFramingBytesPerByteMax = 16;
// A client that was refused in the middle of its body gets this much more read, so that the answer
// is not lost in a reset.
constexpr size_t kDrainBytesMax = 1u << 20;
constexpr std::chrono::milliseconds kDrainTimeout{2'000};
constexpr std::chrono::milliseconds kAcceptPause{100};  // after "too many open files"

// The way into the loop for other threads: the loop is woken once for all that is posted until it
// looks, because a group commit answers a thousand requests at a stroke. Thread-safe; shared, as a
// wake-up under way holds it.
class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  explicit Mailbox(asio::io_context& loop) : loop_(&loop) {}
  void Post(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    if (loop_ == nullptr) return;
    posted_.push_back(std::move(task));
    if (posted_.size() == 1) asio::post(*loop_, [self = shared_from_this()] { self->Deliver(); });
  }
  void Close() {
    std::vector<std::function<void()>> dropped;
    const std::lock_guard lock(mutex_);
    loop_ = nullptr;
    dropped.swap(posted_);
  }

 private:
  void Deliver() {
    std::vector<std::function<void()>> tasks;
    {
      const std::lock_guard lock(mutex_);
      tasks.swap(posted_);
    }
    for (std::function<void()>& task : tasks) std::exchange(task, nullptr)();
  }

  std::mutex mutex_;
  asio::io_context* loop_;
  std::vector<std::function<void()>> posted_;  // bounded by the requests under way
};

// One request on its way through the handler. Shared: the coroutine waits for it, the handler and
// the responder hold it from other threads.
struct Exchange {
  explicit Exchange(BodyShare body_share) : share(std::move(body_share)) {}
  Request request;
  BodyShare share;                   // of its body
  std::atomic<bool> claimed{false};  // somebody has answered
  std::optional<Response> answer;    // loop thread only, like the next one
  Gate* waiting = nullptr;           // opened when the answer is there
};

void Answer(const std::shared_ptr<Exchange>& exchange, Mailbox& mailbox, Response response) {
  if (exchange->claimed.exchange(true)) return;
  mailbox.Post([exchange, response = std::move(response)]() mutable {
    exchange->answer = std::move(response);
    if (exchange->waiting != nullptr) exchange->waiting->Open();
  });
}

// Shared by all copies of a responder; answers if nobody did.
class ResponderState {
 public:
  ResponderState(std::shared_ptr<Exchange> exchange, std::shared_ptr<Mailbox> mailbox,
                 std::shared_ptr<const ErrorBody> error_body)
      : exchange_(std::move(exchange)),
        mailbox_(std::move(mailbox)),
        error_body_(std::move(error_body)) {}
  ~ResponderState() {
    if (exchange_->claimed.load()) return;
    Response response = (*error_body_)(500, "the request got no answer");
    response.status = 500;
    Answer(exchange_, *mailbox_, std::move(response));
  }
  ResponderState(const ResponderState&) = delete;
  ResponderState& operator=(const ResponderState&) = delete;
  void Send(Response response) { Answer(exchange_, *mailbox_, std::move(response)); }

 private:
  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<Mailbox> mailbox_;
  std::shared_ptr<const ErrorBody> error_body_;  // shared: may outlive the server
};

// When a file was last changed, as one text; "" if it is not there.
std::string StampOf(const Path& file) {
  struct stat found{};
  if (::stat(file.c_str(), &found) != 0) return "";
  return std::to_string(found.st_ino) + " " + std::to_string(found.st_size) + " " +
         std::to_string(found.st_mtim.tv_sec) + "." + std::to_string(found.st_mtim.tv_nsec);
}

std::string StampOf(const ServerTls& tls) {
  return StampOf(tls.certificate_file) + StampOf(tls.key_file);
}

class BeastServer final : public Server {
 public:
  BeastServer(const ServerOptions& options, Handler handler, ErrorBody error_body)
      : options_(options),
        handler_(std::move(handler)),
        error_body_(std::make_shared<const ErrorBody>(std::move(error_body))),
        acceptor_(loop_),
        accept_pause_(loop_),
        mailbox_(std::make_shared<Mailbox>(loop_)),
        pool_(options.handler_threads, options.queue_max),
        handshake_pool_(options.tls ? options.tls->handshake_threads : 0,
                        options.tls ? options.tls->handshakes_max : 0),
        file_poll_(loop_),
        files_seen_(options.tls ? StampOf(*options.tls) : ""),
        budget_(std::make_shared<BodyBudget>(options.bodies_in_memory_max)) {}
  ~BeastServer() override { Stop(std::chrono::milliseconds(0)); }

  Status Bind();
  Status ReloadTls() override;
  void Run();
  uint16_t port() const override { return port_; }
  ServerCounts counts() const override;
  void Stop(std::chrono::milliseconds grace) override;

 private:
  enum class HeadRead { kComplete, kClosed, kRefused };
  // A request on its way in, and why it is not to go on.
  struct Incoming {
    explicit Incoming(const std::shared_ptr<BodyBudget>& budget) : share(budget) {}
    Request request;
    BodyShare share;
    uint64_t body_bytes_max = 0;
    std::optional<Response> refused;
  };

  asio::awaitable<void> Accept();
  asio::awaitable<void> Serve(std::shared_ptr<Connection> connection);
  asio::awaitable<bool> Handshake(Connection& connection);
  asio::awaitable<TlsSession::Step> HandshakeStep(Connection& connection);
  asio::awaitable<void> WatchFiles();
  asio::awaitable<bool> ServeOne(Connection& connection);
  asio::awaitable<HeadRead> ReadHead(Connection& connection, size_t& head_bytes, Refusal& refusal);
  bool NeedsCheck(const Parser& parser) const;
  asio::awaitable<bool> CheckBeforeBody(Connection& connection, Incoming& incoming);
  asio::awaitable<bool> ReadBody(Connection& connection, Parser& parser, Incoming& incoming);
  asio::awaitable<std::optional<Response>> Handle(Connection& connection, Incoming incoming);
  asio::awaitable<std::optional<Response>> AwaitAnswer(Connection& connection, Exchange& exchange);
  Response Busy() const { return ErrorResponse(503, "the server is busy, try again"); }
  asio::awaitable<bool> Write(Connection& connection, const Response& response, bool keep_alive,
                              bool is_head_request);
  asio::awaitable<bool> WriteFile(Connection& connection, const Response& response);
  asio::awaitable<void> Refuse(Connection& connection, const Response& response);
  Response ErrorResponse(int status, std::string_view message) const {
    Response response = (*error_body_)(status, message);
    response.status = status;
    if (status == 503) response.headers.Set("Retry-After", "1");
    return response;
  }
  void OnLoop(std::function<void()> task) { mailbox_->Post(std::move(task)); }
  bool WaitUntilNoConnections(std::optional<std::chrono::milliseconds> at_most);
  void Forget(Connection* connection);

  const ServerOptions options_;
  const Handler handler_;
  const std::shared_ptr<const ErrorBody> error_body_;
  const SystemClock clock_;
  asio::io_context loop_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer accept_pause_;
  std::shared_ptr<Mailbox> mailbox_;  // shared: responders may outlive the server
  HandlerPool pool_;
  HandlerPool handshake_pool_;  // signatures take a millisecond: too long for the loop
  asio::steady_timer file_poll_;
  // Of before the files were first read, so that no change in between is missed; then the loop's.
  std::string files_seen_;
  uint16_t port_ = 0;
  std::thread thread_;

  bool stopping_ = false;  // loop thread only
  std::set<Connection*> connections_;
  std::map<std::string, uint32_t> connections_of_peer_;  // by address; loop thread only
  const std::shared_ptr<BodyBudget> budget_;
  size_t handshakes_open_ = 0;  // loop thread only
  std::mutex tls_mutex_;
  std::shared_ptr<const TlsContext> tls_context_;  // null: plain
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
  if (options_.tls && !options_.tls->certificate_file.empty()) {
    asio::co_spawn(loop_, WatchFiles(), asio::detached);
  }
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
    const tcp::endpoint peer = socket.remote_endpoint(error);
    const std::string address = error ? "" : peer.address().to_string();
    const auto of_peer = connections_of_peer_.find(address);
    const bool full = connections_.size() >= options_.connections_max ||
                      (of_peer != connections_of_peer_.end() &&
                       of_peer->second >= options_.connections_per_peer_max);
    {
      const std::lock_guard lock(counts_mutex_);
      ++(full ? counts_.connections_refused : counts_.connections_accepted);
      if (!full) ++counts_.connections_open;
    }
    if (full) continue;
    socket.set_option(tcp::no_delay(true), error);
    auto connection = std::make_shared<Connection>(loop_, std::move(socket),
                                                   options_.header_bytes_max + kReadBytes);
    connection->peer = address.empty() ? "" : address + ":" + std::to_string(peer.port());
    connection->peer_address = address;
    ++connections_of_peer_[address];
    connections_.insert(connection.get());
    asio::co_spawn(loop_, Serve(std::move(connection)), asio::detached);
  }
}

void BeastServer::Forget(Connection* connection) {
  connections_.erase(connection);
  const auto of_peer = connections_of_peer_.find(connection->peer_address);
  if (--of_peer->second == 0) connections_of_peer_.erase(of_peer);
  const std::lock_guard lock(counts_mutex_);
  if (--counts_.connections_open == 0) none_open_.notify_all();
}

asio::awaitable<void> BeastServer::Serve(std::shared_ptr<Connection> connection) {
  try {
    bool go_on = !options_.tls || co_await Handshake(*connection);
    while (go_on && !stopping_ && !connection->cut()) go_on = co_await ServeOne(*connection);
    if (!connection->cut()) {
      connection->ExpireAfter(kDrainTimeout);
      co_await connection->EndOfWriting();
    }
  } catch (const std::exception& error) {  // out of memory
    LogError("a connection was dropped", {{"error", error.what()}});
  }
  Forget(connection.get());
}

// A connection's handshake. Its steps run on the handshake pool, one at a time: meanwhile the loop
// leaves the TLS session alone. False: the connection ends.
asio::awaitable<bool> BeastServer::Handshake(Connection& connection) {
  if (handshakes_open_ >= options_.tls->handshakes_max) {
    const std::lock_guard lock(counts_mutex_);
    ++counts_.connections_refused;
    co_return false;
  }
  ++handshakes_open_;
  {
    const std::lock_guard lock(tls_mutex_);
    connection.BeginTls(tls_context_);
  }
  connection.ExpireAfter(options_.tls->handshake_timeout);
  error_code error;
  TlsSession::Step step = TlsSession::Step::kNeedsRead;  // the client speaks first
  while (step != TlsSession::Step::kDone && !error) {
    co_await connection.Wait(step, error);
    if (!error) step = co_await HandshakeStep(connection);
  }
  --handshakes_open_;
  const std::lock_guard lock(counts_mutex_);
  if (error) {
    ++counts_.tls_failed;
    if (const std::string& why = connection.tls()->failure(); !why.empty()) {
      LogWarning("a TLS handshake failed", {{"peer", connection.peer}, {"error", why}});
    }
    co_return false;
  }
  ++(connection.tls()->resumed() ? counts_.tls_resumed : counts_.tls_full);
  co_return true;
}

asio::awaitable<TlsSession::Step> BeastServer::HandshakeStep(Connection& connection) {
  auto done = std::make_shared<std::optional<TlsSession::Step>>();
  Gate gate;
  const bool posted = handshake_pool_.TryPost(
      [&gate, done, kept = connection.shared_from_this(), mailbox = mailbox_]() mutable {
        const TlsSession::Step step = kept->tls()->Handshake();
        if (step == TlsSession::Step::kDone) kept->peer_certificate = kept->tls()->Peer();
        // The last owner lets go on the loop, where the connection belongs.
        mailbox->Post([&gate, done, step, kept = std::move(kept)] {
          *done = step;
          gate.Open();
        });
      });
  if (!posted) co_return TlsSession::Step::kClosed;
  while (!done->has_value()) co_await gate.Wait();
  co_return done->value();
}

Status BeastServer::ReloadTls() {
  if (!options_.tls) return {};
  KEDGE_TRY(auto context, TlsContext::Make(*options_.tls));
  const std::lock_guard lock(tls_mutex_);
  tls_context_ = std::move(context);
  return {};
}

// Takes new files without a signal. A pair that does not fit together (only one of the two has been
// written yet) is refused, and looked at again at the next change.
asio::awaitable<void> BeastServer::WatchFiles() {
  const ServerTls& tls = *options_.tls;
  while (!stopping_) {
    error_code cancelled;
    file_poll_.expires_after(tls.file_poll);
    co_await file_poll_.async_wait(Into(cancelled));
    std::string now = StampOf(tls);
    if (cancelled || now == files_seen_) continue;
    files_seen_ = std::move(now);
    if (const Status status = ReloadTls(); !status) {
      LogError("the new TLS certificate is not used", {{"error", status.error().message}});
    } else {
      LogInfo("took the new TLS certificate", {{"file", tls.certificate_file.string()}});
    }
  }
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
  Incoming incoming(budget_);
  Request& request = incoming.request;
  request.peer = connection.peer;
  request.peer_certificate = connection.peer_certificate;
  request.over_tls = options_.tls.has_value();
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
  if (refused) {
    incoming.refused = ErrorResponse(refused->status, refused->message);
  } else {
    incoming.body_bytes_max = options_.body_bytes_max;
    if (NeedsCheck(parser) && !co_await CheckBeforeBody(connection, incoming)) co_return false;
    if (!incoming.refused && !co_await ReadBody(connection, parser, incoming)) co_return false;
  }
  if (incoming.refused) {
    co_await Refuse(connection, *incoming.refused);
    co_return false;
  }
  const bool keep_alive = parser.keep_alive();
  const bool is_head_request = request.method == "HEAD";
  const std::optional<Response> response = co_await Handle(connection, std::move(incoming));
  if (!response) co_return false;
  const bool go_on = keep_alive && !stopping_;
  const bool written = co_await Write(connection, *response, go_on, is_head_request);
  co_return written&& go_on;
}

asio::awaitable<BeastServer::HeadRead> BeastServer::ReadHead(Connection& connection,
                                                             size_t& head_bytes, Refusal& refusal) {
  size_t scanned = 0;
  connection.idle = connection.buffer.size() == 0;
  bool timed = !connection.idle;  // the head has begun, and its time too
  connection.ExpireAfter(timed ? options_.header_timeout : options_.idle_timeout);
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
    if (!connection.idle && !timed) {
      connection.ExpireAfter(options_.header_timeout);
      timed = true;
    }
    error_code error;
    const asio::mutable_buffer room = connection.buffer.prepare(kHeadPieceBytes);
    const size_t n = co_await connection.Read(room.data(), room.size(), error);
    connection.buffer.commit(n);
    connection.idle = false;
    if (error) co_return HeadRead::kClosed;
  }
}

// An error of the parser, as opposed to one of the connection.
bool IsMalformed(const error_code& error) {
  return error.category() ==
             beast::http::make_error_code(beast::http::error::bad_chunk).category() &&
         error != beast::http::error::partial_message;
}

// Parses what has arrived of a body, or what arrives next. `error` is the parser's or the
// connection's.
asio::awaitable<size_t> ReadPiece(Connection& connection, Parser& parser, error_code& error) {
  beast::flat_buffer& buffer = connection.buffer;
  for (size_t consumed = 0;;) {
    if (buffer.size() > 0) {
      const size_t n = parser.put(buffer.data(), error);
      consumed += n;
      buffer.consume(n);
      if (error != beast::http::error::need_more) co_return consumed;
      // The line of a chunk, or the trailer, is not whole yet.
      error = {};
      if (buffer.size() > kFramingBytesMax) error = beast::http::error::bad_chunk_extension;
      if (error) co_return consumed;
    }
    const asio::mutable_buffer room =
        buffer.prepare(std::min(kReadBytes, buffer.max_size() - buffer.size()));
    const size_t n = co_await connection.Read(room.data(), room.size(), error);
    buffer.commit(n);
    if (error) co_return consumed;
  }
}

// Whether so long a body may come is somebody else's decision. Bodies without a length are chunked.
bool BeastServer::NeedsCheck(const Parser& parser) const {
  return options_.head_check && !parser.is_done() &&
         parser.content_length().value_or(UINT64_MAX) > options_.unchecked_body_max;
}

// False: the connection is gone. Sets `refused` or the limit of the body.
asio::awaitable<bool> BeastServer::CheckBeforeBody(Connection& connection, Incoming& incoming) {
  auto exchange = std::make_shared<Exchange>(BodyShare(budget_));
  exchange->request = std::move(incoming.request);
  auto verdict = std::make_shared<HeadVerdict>();
  const bool posted = pool_.TryPost([this, exchange, verdict] {
    *verdict = options_.head_check(exchange->request);
    Answer(exchange, *mailbox_, Response());  // orders the verdict before the loop reads it
  });
  if (!posted) {
    incoming.refused = Busy();
    co_return true;
  }
  const std::optional<Response> answered = co_await AwaitAnswer(connection, *exchange);
  if (!answered) co_return false;
  incoming.request = std::move(exchange->request);
  incoming.refused = std::move(verdict->refusal);
  incoming.body_bytes_max = std::min(verdict->body_bytes_max, options_.body_bytes_max);
  co_return true;
}

// False: the connection is gone. Sets `refused` if the request is to be refused.
asio::awaitable<bool> BeastServer::ReadBody(Connection& connection, Parser& parser,
                                            Incoming& incoming) {
  Request& request = incoming.request;
  if (parser.content_length().value_or(0) > incoming.body_bytes_max) {
    incoming.refused = ErrorResponse(
        413, "the body is longer than " + std::to_string(incoming.body_bytes_max) + " bytes");
    co_return true;
  }
  error_code error;
  if (!parser.is_done() && request.headers.Find("Expect") != nullptr &&
      connection.buffer.size() == 0) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    connection.ExpireAfter(options_.header_timeout);
    co_await connection.Write(asio::buffer(kContinue), {}, error);
    if (error) co_return false;
  }
  BodyReceiver sink(options_, incoming.body_bytes_max, request, incoming.share);
  const auto refuse = [&](const Refusal& why) {
    incoming.refused = ErrorResponse(why.status, why.message);
  };
  // Only as large as needed: a fleet holds thousands of connections open.
  std::vector<char> piece(
      std::min<uint64_t>(kReadBytes, parser.content_length().value_or(kReadBytes)));
  uint64_t timed_bytes = kTimedBytes;
  uint64_t framing_bytes = 0;  // sizes and extensions of chunks, and the trailer
  while (!parser.is_done()) {
    if (timed_bytes >= kTimedBytes) {
      connection.ExpireAfter(options_.body_timeout);
      timed_bytes = 0;
    }
    auto& body = parser.get().body();
    body.data = piece.data();
    body.size = piece.size();
    const size_t consumed = co_await ReadPiece(connection, parser, error);
    const size_t n = piece.size() - body.size;
    timed_bytes += n;
    framing_bytes += consumed - n;
    if (n > 0) {
      if (const auto why = sink.Append({reinterpret_cast<const uint8_t*>(piece.data()), n})) {
        refuse(*why);
        co_return true;
      }
    }
    if (error == beast::http::error::need_buffer) error = {};
    if (framing_bytes > kFramingBytesMax + kFramingBytesPerByteMax * request.body_bytes) {
      refuse({400, "the request's body has more framing than content"});
      co_return true;
    }
    if (IsMalformed(error)) {
      refuse({400, "the request's body is malformed: " + error.message()});
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
                                                             Incoming incoming) {
  auto exchange = std::make_shared<Exchange>(std::move(incoming.share));
  exchange->request = std::move(incoming.request);
  auto responder = std::make_shared<ResponderState>(exchange, mailbox_, error_body_);
  const bool posted = pool_.TryPost([this, exchange, responder] {
    handler_(exchange->request,
             [responder](Response response) { responder->Send(std::move(response)); });
  });
  responder.reset();
  {
    const std::lock_guard lock(counts_mutex_);
    ++(posted ? counts_.requests : counts_.requests_refused);
  }
  if (!posted) co_return Busy();
  co_return co_await AwaitAnswer(connection, *exchange);
}

// Nothing if the connection was cut before there was an answer.
asio::awaitable<std::optional<Response>> BeastServer::AwaitAnswer(Connection& connection,
                                                                  Exchange& exchange) {
  connection.ExpireNever();
  Gate gate;
  exchange.waiting = &gate;
  connection.waiting = &gate;
  while (!exchange.answer && !connection.cut()) co_await gate.Wait();
  exchange.waiting = nullptr;
  connection.waiting = nullptr;
  co_return std::move(exchange.answer);
}

asio::awaitable<bool> BeastServer::Write(Connection& connection, const Response& response,
                                         bool keep_alive, bool is_head_request) {
  const std::string head = FormatHead(
      response,
      {.keep_alive = keep_alive, .is_head_request = is_head_request, .now = clock_.NowMs()});
  const bool has_body = HasBody(response, is_head_request);
  const bool in_memory = has_body && response.file == nullptr;
  error_code error;
  connection.ExpireAfter(options_.body_timeout);
  co_await connection.Write(asio::buffer(head),
                            in_memory ? asio::buffer(response.body) : asio::const_buffer(), error);
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
    connection.ExpireAfter(options_.body_timeout);
    co_await connection.Write(asio::buffer(piece.data(), static_cast<size_t>(n)), {}, error);
    if (error) co_return false;
    sent += static_cast<uint64_t>(n);
  }
  co_return true;
}

// Answers, then reads on for a moment, so that the client sees the answer and not a reset.
asio::awaitable<void> BeastServer::Refuse(Connection& connection, const Response& response) {
  {
    const std::lock_guard lock(counts_mutex_);
    ++counts_.requests_refused;
  }
  const bool written = co_await Write(connection, response, /*keep_alive=*/false, false);
  if (!written) co_return;
  connection.ExpireAfter(kDrainTimeout);
  co_await connection.EndOfWriting();
  error_code error;
  std::array<char, 4096> drain;
  for (size_t drained = 0; !error && drained < kDrainBytesMax;) {
    drained += co_await connection.Read(drain.data(), drain.size(), error);
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
    file_poll_.cancel();
    for (Connection* connection : connections_) {
      if (connection->idle) connection->Cut();
    }
  });
  if (!WaitUntilNoConnections(grace)) {
    OnLoop([this] {
      // A copy: a connection that goes on here ends here.
      for (Connection* connection : std::set<Connection*>(connections_)) {
        connection->Cut();
        if (connection->waiting != nullptr) connection->waiting->Open();
      }
    });
    WaitUntilNoConnections(std::nullopt);
  }
  pool_.Stop();
  handshake_pool_.Stop();
  mailbox_->Close();
  loop_.stop();
  thread_.join();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, Handler handler,
                                              ErrorBody error_body) {
  auto server = std::make_unique<BeastServer>(options, std::move(handler), std::move(error_body));
  if (options.tls) KEDGE_TRY_STATUS(server->ReloadTls());
  KEDGE_TRY_STATUS(server->Bind());
  server->Run();
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace kedge::http
