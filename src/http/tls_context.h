// What a server's TLS connections share, over OpenSSL. Inside http/ only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <openssl/ssl.h>

#include "base/result.h"
#include "http/tls.h"

namespace kedge::http {

// Made once for each set of certificate files; connections keep the one that they began with.
// Thread-safe.
class TlsContext {
 public:
  // kInvalidArgument for a certificate, key or root that cannot be used, naming it; errors of the
  // disk for files.
  static Result<std::shared_ptr<const TlsContext>> Make(const ServerTls& options);

  SSL_CTX* get() const { return context_.get(); }

 private:
  struct TicketKeys;
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  explicit TlsContext(const ServerTls& options);

  Status UseCertificate(const ServerTls& options);
  Status AskForClientCertificate(const ServerTls& options);
  void UseTickets(const ServerTls& options);
  static int OnTicketKey(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                         EVP_MAC_CTX* mac, int encrypt);
  static int OnVerify(X509_STORE_CTX* chain, void* self);

  std::unique_ptr<SSL_CTX, Free> context_;
  std::array<uint8_t, 32> ticket_secret_{};
  bool accept_expired_ = false;
};

// OpenSSL's queue of errors as one sentence; the queue is emptied.
std::string TlsErrorText();

}  // namespace kedge::http
