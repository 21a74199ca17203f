// One TLS connection of a server over a socket that never blocks, over OpenSSL. Inside http/ only.
//
// OpenSSL works on the socket itself, so an idle connection holds no buffers of ours (Asio's own
// TLS stream keeps 34 KiB for each). The caller waits for the socket as the steps say.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <openssl/ssl.h>

#include "base/bytes.h"
#include "http/tls.h"
#include "http/tls_context.h"

namespace kedge::http {

// One thread at a time. The socket must outlive it.
class TlsSession {
 public:
  enum class Step {
    kDone,
    kNeedsRead,   // call again when the socket is readable
    kNeedsWrite,  // ... writable
    kClosed,      // the peer said goodbye or is gone, or the protocol failed
  };

  TlsSession(std::shared_ptr<const TlsContext> context, int socket);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  Step Handshake();
  // kDone: `n` bytes came, at least one.
  Step Read(void* to, size_t room, size_t& n);
  // kDone: `n` bytes went, at least one.
  Step Write(const void* from, size_t bytes, size_t& n);
  // Says goodbye; kDone when that is on its way. Not after kClosed.
  Step Close();

  // After the handshake. Null if the client gave no certificate.
  std::shared_ptr<const PeerCertificate> Peer() const;
  bool established() const { return SSL_is_init_finished(ssl_.get()) == 1; }
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  // Why the handshake failed; "" if the peer just went away.
  const std::string& failure() const { return failure_; }

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  Step Judge(int result);

  std::shared_ptr<const TlsContext> context_;  // shared: a reload makes another for later ones
  std::unique_ptr<SSL, Free> ssl_;
  std::string failure_;
};

}  // namespace kedge::http
