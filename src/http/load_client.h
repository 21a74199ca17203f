// Many keep-alive connections to one server from one thread, for simulated devices and benchmarks:
// a request costs a few microseconds, so that the server is what is measured. Plain HTTP or TLS,
// one request at a time a connection. Not for clients that must be careful: no redirects, no
// chunked answers, no proxies. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"

namespace kedge::http {

struct LoadTls {
  std::string trusted_pem;  // who may have signed the server's certificate
  // The client's certificate chain and key of a connection, PEM; empty: none.
  std::function<std::pair<std::string, std::string>(size_t connection)> identity;
};

struct LoadClientOptions {
  std::string url;  // "http://127.0.0.1:8080" or https; the host is a numeric address
  size_t connections_max = 1;
  std::unique_ptr<LoadTls> tls;  // for https
  std::chrono::milliseconds timeout{60'000};
};

struct LoadAnswer {
  int status = 0;  // 0: none came, the connection is closed
  std::string_view head;
  std::string_view body;
  // A header's value, found without regard to case; empty if absent.
  std::string_view Header(std::string_view name) const;
};

struct LoadCounts {
  uint64_t connects = 0;
  uint64_t tls_resumed = 0;
  uint64_t failures = 0;  // connections that ended under a request
};

// One thread.
class LoadClient {
 public:
  // kInvalidArgument: the URL, or PEM texts that cannot be used.
  static Result<std::unique_ptr<LoadClient>> Make(LoadClientOptions options);
  virtual ~LoadClient() = default;

  // The connection must have no request under way; it is opened if it is closed. `done` is called
  // once, by Poll(); it may call Send() again. `request` is the whole text, head and body.
  virtual void Send(size_t connection, std::string request,
                    std::function<void(const LoadAnswer&)> done) = 0;
  virtual bool Busy(size_t connection) const = 0;
  // Of a connection that is not busy; the next request opens it again.
  virtual void Close(size_t connection) = 0;
  // Does what is ready, waiting for it at most so long.
  virtual void Poll(std::chrono::milliseconds wait_max) = 0;
  virtual const LoadCounts& counts() const = 0;
};

}  // namespace kedge::http
