// The HTTP/1.1 server: one event loop thread for the connections, a pool of threads for the
// handler.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "http/http.h"
#include "http/tls.h"

namespace kedge::http {

// What a look at a request's head decides before its body is read.
struct HeadVerdict {
  std::optional<Response> refusal;       // set: the answer; the body is not read
  uint64_t body_bytes_max = UINT64_MAX;  // above: 413; besides ServerOptions::body_bytes_max
};
// Called on a handler thread with a request that has no body yet. Whoever signs a request signs its
// head, so this is where a long body of nobody is stopped.
using HeadCheck = std::function<HeadVerdict(const Request& head)>;

struct ServerOptions {
  std::string address = "127.0.0.1";
  uint16_t port = 0;  // 0: a free one
  uint32_t handler_threads = 16;
  uint32_t connections_max = 8192;           // above: accepted and closed
  uint32_t connections_per_peer_max = 6144;  // of one address, which may be a proxy's; likewise
  uint32_t queue_max = 4096;  // requests waiting for a handler thread; above: 503 with Retry-After
  uint64_t body_bytes_max = uint64_t{5} << 30;  // above: 413
  uint64_t body_in_memory_max = 4u << 20;       // larger bodies are spooled to a file
  uint64_t bodies_in_memory_max = 256u << 20;   // of all requests; above: 503 with Retry-After
  HeadCheck head_check;                         // empty: none
  uint64_t unchecked_body_max = 256u << 10;     // longer bodies, or of unknown length, are checked
  Path spool_directory;  // for those files; empty: large bodies are refused with 413
  uint32_t header_bytes_max = 32u << 10;  // above: 431
  // A client that is slower than one of these is cut off without an answer.
  std::chrono::milliseconds header_timeout{15'000};
  std::chrono::milliseconds body_timeout{300'000};  // for each MiB of a body, in either direction
  std::chrono::milliseconds idle_timeout{75'000};
  std::optional<ServerTls> tls;  // absent: plain HTTP
};

// Sends the response of one request; may be kept and called later, from any thread, once. If all
// copies of it go away uncalled, the client gets a 500. After the server has stopped it does
// nothing.
using Responder = std::function<void(Response)>;
// Called on a handler thread. Must call the responder, at once or later. The request lives until
// the responder has been called or the handler has returned, whichever is later.
using Handler = std::function<void(const Request&, Responder)>;
// Makes the body of errors that the server itself answers with (400, 413, 431, 503 ...), so that
// they have the API's form.
using ErrorBody = std::function<Response(int status, std::string_view message)>;

struct ServerCounts {
  uint64_t connections_open = 0;
  uint64_t connections_accepted = 0;
  uint64_t connections_refused = 0;  // above connections_max, ..._per_peer_max or handshakes_max
  uint64_t requests = 0;             // handed to the handler
  uint64_t requests_refused = 0;     // answered by the server itself
  uint64_t tls_full = 0;             // handshakes with all signatures
  uint64_t tls_resumed = 0;          // handshakes that went on from a ticket
  uint64_t tls_failed = 0;
};

// Requests of one connection are answered in their order, one after the other (pipelining-safe).
// Refused with 400, as they are how requests are smuggled: bare LF, folded header lines, more than
// one Content-Length or Host, Content-Length with Transfer-Encoding, another coding than chunked, a
// target that does not begin with '/'.
class Server {
 public:
  virtual ~Server() = default;  // stops without grace
  // Binds and serves at once. kUnavailable if the address is taken, kInvalidArgument if it is none;
  // errors of TlsContext::Make for certificates that cannot be used.
  static Result<std::unique_ptr<Server>> Start(const ServerOptions& options, Handler handler,
                                               ErrorBody error_body);
  virtual uint16_t port() const = 0;
  virtual ServerCounts counts() const = 0;
  // Reads certificate and key again, for connections that come later; those that are open go on. On
  // an error the former ones stay in use. Thread-safe. Nothing to do without TLS.
  virtual Status ReloadTls() = 0;
  // Stops accepting, lets running requests end for at most `grace`, then closes everything and
  // waits for the handlers that still run.
  virtual void Stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace kedge::http
