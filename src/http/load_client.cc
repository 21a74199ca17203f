// SPDX-License-Identifier: Apache-2.0
#include "http/load_client.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <deque>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "base/crypto/openssl_owners.h"
#include "base/file.h"
#include "http/http.h"

namespace kedge::http {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr size_t kReadBytes = 16 << 10;
constexpr size_t kAnswerBytesMax = 1 << 20;
constexpr int kEventsMax = 512;

using openssl::Bio;
using openssl::Certificate;
using openssl::Deleter;
using openssl::Key;
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Deleter<SSL_free>>;
using Ticket = std::unique_ptr<SSL_SESSION, Deleter<SSL_SESSION_free>>;

Bio TextBio(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Status Trust(SSL_CTX* context, const std::string& pem) {
  const Bio bio = TextBio(pem);
  int added = 0;
  while (true) {
    const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) break;
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get()) == 1) ++added;
  }
  if (added == 0) return InvalidArgument("the trusted certificates hold no PEM certificate");
  return {};
}

Status Identify(SSL* session, const std::string& chain_pem, const std::string& key_pem) {
  if (chain_pem.empty()) return {};
  const Bio chain = TextBio(chain_pem);
  const Certificate leaf(PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr));
  const Bio key_bio = TextBio(key_pem);
  const Key key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
  if (leaf == nullptr || key == nullptr || SSL_use_certificate(session, leaf.get()) != 1 ||
      SSL_use_PrivateKey(session, key.get()) != 1) {
    return InvalidArgument("a client's certificate or key cannot be used");
  }
  while (true) {
    const Certificate more(PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr));
    if (more == nullptr) return {};
    SSL_add1_chain_cert(session, more.get());
  }
}

// The answer at the beginning of `text`: its bytes in all, 0 if it is not complete, and what it is.
size_t ReadAnswer(std::string_view text, LoadAnswer& answer) {
  const size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  answer.head = text.substr(0, end + 2);
  const std::string_view status = text.substr(std::min<size_t>(9, end), 3);
  std::from_chars(status.data(), status.data() + status.size(), answer.status);
  size_t length = 0;
  const std::string_view value = answer.Header("Content-Length");
  std::from_chars(value.data(), value.data() + value.size(), length);
  if (text.size() < end + 4 + length) return 0;
  answer.body = text.substr(end + 4, length);
  return end + 4 + length;
}

struct Connection {
  FileDescriptor socket;
  Session tls;
  Ticket ticket;  // of a former session
  bool open = false;
  bool busy = false;
  std::string out;
  size_t written = 0;
  std::string in;
  std::function<void(const LoadAnswer&)> done;
  SteadyTime deadline;
};

class EpollLoadClient final : public LoadClient {
 public:
  EpollLoadClient(LoadClientOptions options, sockaddr_in address, Context context,
                  FileDescriptor epoll)
      : options_(std::move(options)),
        address_(address),
        context_(std::move(context)),
        epoll_(std::move(epoll)),
        connections_(options_.connections_max) {}

  void Send(size_t connection, std::string request,
            std::function<void(const LoadAnswer&)> done) override;
  bool Busy(size_t connection) const override { return connections_[connection].busy; }
  void Close(size_t connection) override { Shut(connections_[connection]); }
  void Poll(std::chrono::milliseconds wait_max) override;
  const LoadCounts& counts() const override { return counts_; }

 private:
  bool Open(size_t place);
  void Shut(Connection& connection);
  void Fail(Connection& connection);
  void Go(Connection& connection);
  bool Write(Connection& connection);
  bool Read(Connection& connection);
  void FailLate();

  LoadClientOptions options_;
  sockaddr_in address_;
  Context context_;
  FileDescriptor epoll_;
  std::vector<Connection> connections_;
  std::deque<size_t> failed_;  // to be told by the next Poll
  SteadyTime next_look_;
  LoadCounts counts_;
};

bool EpollLoadClient::Open(size_t place) {
  Connection& connection = connections_[place];
  FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return false;
  const int on = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const auto* address = reinterpret_cast<const sockaddr*>(&address_);
  if (::connect(socket.get(), address, sizeof(address_)) != 0 && errno != EINPROGRESS) return false;
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = place;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event) != 0) return false;
  ++counts_.connects;
  connection.socket = std::move(socket);
  connection.open = true;
  connection.in.clear();
  if (context_ == nullptr) return true;
  connection.tls.reset(SSL_new(context_.get()));
  SSL_set_connect_state(connection.tls.get());
  if (SSL_set_fd(connection.tls.get(), connection.socket.get()) != 1) return false;
  if (connection.ticket != nullptr) SSL_set_session(connection.tls.get(), connection.ticket.get());
  if (!options_.tls->identity) return true;
  const auto [chain, key] = options_.tls->identity(place);
  return Identify(connection.tls.get(), chain, key).has_value();
}

void EpollLoadClient::Shut(Connection& connection) {
  if (connection.tls != nullptr && connection.open) {
    connection.ticket.reset(SSL_get1_session(connection.tls.get()));
    SSL_shutdown(connection.tls.get());
  }
  connection.tls.reset();
  connection.socket = FileDescriptor();
  connection.open = false;
}

void EpollLoadClient::Send(size_t place, std::string request,
                           std::function<void(const LoadAnswer&)> done) {
  Connection& connection = connections_[place];
  KEDGE_CHECK(!connection.busy);
  connection.busy = true;
  connection.out = std::move(request);
  connection.written = 0;
  connection.done = std::move(done);
  connection.deadline = std::chrono::steady_clock::now() + options_.timeout;
  if (!connection.open && !Open(place)) {
    Shut(connection);
    failed_.push_back(place);
    return;
  }
  if (!Write(connection)) failed_.push_back(place);
}

// Writes what the socket takes. False: the connection is broken.
bool EpollLoadClient::Write(Connection& connection) {
  while (connection.written < connection.out.size()) {
    const char* data = connection.out.data() + connection.written;
    const size_t size = connection.out.size() - connection.written;
    ssize_t n = 0;
    if (connection.tls != nullptr) {
      n = SSL_write(connection.tls.get(), data, static_cast<int>(size));
      if (n <= 0) {
        const int why = SSL_get_error(connection.tls.get(), static_cast<int>(n));
        return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
      }
    } else {
      n = ::send(connection.socket.get(), data, size, MSG_NOSIGNAL);
      if (n < 0) return errno == EAGAIN || errno == EINPROGRESS || errno == ENOTCONN;
    }
    connection.written += static_cast<size_t>(n);
  }
  return true;
}

// Reads what there is. False: the connection has ended or is broken.
bool EpollLoadClient::Read(Connection& connection) {
  std::array<char, kReadBytes> piece;
  while (connection.in.size() < kAnswerBytesMax) {
    ssize_t n = 0;
    if (connection.tls != nullptr) {
      n = SSL_read(connection.tls.get(), piece.data(), static_cast<int>(piece.size()));
      if (n <= 0) {
        const int why = SSL_get_error(connection.tls.get(), static_cast<int>(n));
        return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
      }
    } else {
      n = ::recv(connection.socket.get(), piece.data(), piece.size(), 0);
      if (n < 0) return errno == EAGAIN || errno == EINPROGRESS || errno == ENOTCONN;
      if (n == 0) return false;
    }
    connection.in.append(piece.data(), static_cast<size_t>(n));
    if (connection.tls == nullptr && static_cast<size_t>(n) < piece.size()) return true;
  }
  return false;
}

void EpollLoadClient::Fail(Connection& connection) {
  Shut(connection);
  if (!connection.busy) return;
  ++counts_.failures;
  connection.busy = false;
  const auto done = std::move(connection.done);
  done(LoadAnswer{});
}

// Goes on as far as the socket lets.
void EpollLoadClient::Go(Connection& connection) {
  if (!connection.open) return;
  const bool wrote = Write(connection);
  const bool read = Read(connection);
  LoadAnswer answer;
  const size_t bytes = connection.busy ? ReadAnswer(connection.in, answer) : 0;
  if (bytes == 0) {
    if (!wrote || !read) Fail(connection);
    return;
  }
  const std::string text = std::move(connection.in);
  static_cast<void>(ReadAnswer(text, answer));
  connection.in = text.substr(bytes);
  connection.busy = false;
  if (!read || EqualIgnoringCase(answer.Header("Connection"), "close")) Shut(connection);
  const auto done = std::move(connection.done);
  done(answer);
}

void EpollLoadClient::FailLate() {
  const SteadyTime now = std::chrono::steady_clock::now();
  if (now < next_look_) return;
  next_look_ = now + std::chrono::seconds(1);
  for (Connection& connection : connections_) {
    if (connection.busy && now > connection.deadline) Fail(connection);
  }
}

void EpollLoadClient::Poll(std::chrono::milliseconds wait_max) {
  std::array<epoll_event, kEventsMax> events;
  const int wait_ms = failed_.empty() ? static_cast<int>(wait_max.count()) : 0;
  const int n = epoll_wait(epoll_.get(), events.data(), kEventsMax, wait_ms);
  for (int i = 0; i < n; ++i) Go(connections_[events[static_cast<size_t>(i)].data.u64]);
  for (std::deque<size_t> failed = std::exchange(failed_, {}); !failed.empty();
       failed.pop_front()) {
    Fail(connections_[failed.front()]);
  }
  FailLate();
}

Result<Context> MakeContext(const LoadTls& tls) {
  Context context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) return ResourceExhausted("no TLS context");
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  KEDGE_TRY_STATUS(Trust(context.get(), tls.trusted_pem));
  return context;
}

Result<sockaddr_in> ReadAddress(const Url& url) {
  const size_t colon = url.authority.rfind(':');
  const std::string host = url.authority.substr(0, colon);
  int port = url.scheme == "https" ? 443 : 80;
  if (colon != std::string::npos) port = std::atoi(url.authority.c_str() + colon + 1);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (port < 1 || port > 65535 || inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    return InvalidArgument("'" + url.authority + "' is not a numeric address and a port");
  }
  return address;
}

}  // namespace

std::string_view LoadAnswer::Header(std::string_view name) const {
  for (size_t line = head.find("\r\n"); line != std::string_view::npos;) {
    const size_t begin = line + 2;
    line = head.find("\r\n", begin);
    if (line == std::string_view::npos) return {};
    const std::string_view field = head.substr(begin, line - begin);
    const size_t colon = field.find(':');
    if (colon == std::string_view::npos || !EqualIgnoringCase(field.substr(0, colon), name)) {
      continue;
    }
    std::string_view value = field.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    return value;
  }
  return {};
}

Result<std::unique_ptr<LoadClient>> LoadClient::Make(LoadClientOptions options) {
  KEDGE_TRY(const Url url, SplitUrl(options.url));
  KEDGE_TRY(const sockaddr_in address, ReadAddress(url));
  Context context;
  if (url.scheme == "https") {
    if (options.tls == nullptr) return InvalidArgument("https needs trusted certificates");
    KEDGE_TRY(context, MakeContext(*options.tls));
  }
  FileDescriptor epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return ErrnoError(errno, "epoll_create1");
  return std::unique_ptr<LoadClient>(std::make_unique<EpollLoadClient>(
      std::move(options), address, std::move(context), std::move(epoll)));
}

}  // namespace kedge::http
