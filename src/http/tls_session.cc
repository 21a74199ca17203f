// SPDX-License-Identifier: Apache-2.0
#include "http/tls_session.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/crypto/crypto.h"
#include "base/crypto/openssl_owners.h"

namespace kedge::http {
namespace {

// OpenSSL's own socket BIO writes with write(), which ends a program that has not ignored SIGPIPE.

int SocketOf(BIO* bio) { return static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio))); }

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

int OnWrite(BIO* bio, const char* from, int bytes) {
  BIO_clear_retry_flags(bio);
  const ssize_t n =
      ::send(SocketOf(bio), from, static_cast<size_t>(bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0 && WouldBlock()) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

int OnRead(BIO* bio, char* to, int room) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = ::recv(SocketOf(bio), to, static_cast<size_t>(room), MSG_DONTWAIT);
  if (n < 0 && WouldBlock()) BIO_set_retry_read(bio);
  if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(n);
}

long OnControl(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* SocketMethod() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "kedge socket");
    KEDGE_CHECK(method != nullptr);
    BIO_meth_set_write(method, OnWrite);
    BIO_meth_set_read(method, OnRead);
    BIO_meth_set_ctrl(method, OnControl);
    return method;
  }();
  return kMethod;
}

std::string SerialText(const X509* certificate) {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
  const std::string hex =
      HexEncode({ASN1_STRING_get0_data(serial), static_cast<size_t>(ASN1_STRING_length(serial))});
  const size_t begin = std::min(hex.find_first_not_of('0'), hex.size());
  return hex.substr(begin);
}

std::string SubjectText(const X509* certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new(BIO_s_mem()), &BIO_free_all);
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  const char* text = nullptr;
  const long bytes = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<size_t>(std::max(0L, bytes)));
}

std::vector<std::string> Uris(const X509* certificate) {
  const openssl::GeneralNames names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  return openssl::UrisOf(names.get());
}

EpochMs TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return static_cast<EpochMs>(timegm(&parts)) * 1000;
}

}  // namespace

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, int socket)
    : context_(std::move(context)), ssl_(SSL_new(context_->get())) {
  BIO* bio = BIO_new(SocketMethod());
  KEDGE_CHECK(ssl_ != nullptr && bio != nullptr);
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(socket)));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);  // takes it
  SSL_set_accept_state(ssl_.get());
}

TlsSession::Step TlsSession::Judge(int result) {
  if (result > 0) return Step::kDone;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Step::kNeedsRead;
    case SSL_ERROR_WANT_WRITE:
      return Step::kNeedsWrite;
    case SSL_ERROR_SSL:
      failure_ = TlsErrorText();
      return Step::kClosed;
    default:
      ERR_clear_error();
      return Step::kClosed;
  }
}

TlsSession::Step TlsSession::Handshake() {
  ERR_clear_error();
  return Judge(SSL_do_handshake(ssl_.get()));
}

TlsSession::Step TlsSession::Read(void* to, size_t room, size_t& n) {
  ERR_clear_error();
  return Judge(SSL_read_ex(ssl_.get(), to, room, &n));
}

TlsSession::Step TlsSession::Write(const void* from, size_t bytes, size_t& n) {
  ERR_clear_error();
  return Judge(SSL_write_ex(ssl_.get(), from, bytes, &n));
}

TlsSession::Step TlsSession::Close() {
  ERR_clear_error();
  const int result = SSL_shutdown(ssl_.get());
  return result == 0 ? Step::kDone : Judge(result);
}

std::shared_ptr<const PeerCertificate> TlsSession::Peer() const {
  const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return nullptr;
  auto peer = std::make_shared<PeerCertificate>();
  unsigned char* der = nullptr;
  const int bytes = i2d_X509(certificate, &der);
  KEDGE_CHECK(bytes > 0);
  peer->fingerprint = crypto::Sha256Hex({der, static_cast<size_t>(bytes)});
  OPENSSL_free(der);
  peer->subject = SubjectText(certificate);
  peer->uris = Uris(certificate);
  peer->serial = SerialText(certificate);
  peer->not_before = TimeOf(X509_get0_notBefore(certificate));
  peer->not_after = TimeOf(X509_get0_notAfter(certificate));
  return peer;
}

}  // namespace kedge::http
