// SPDX-License-Identifier: Apache-2.0
#include "http/tls_context.h"

#include <algorithm>
#include <cstring>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/check.h"
#include "base/crypto/crypto.h"
#include "base/crypto/openssl_owners.h"

namespace kedge::http {
namespace {

constexpr int kIntermediatesMax = 1;
constexpr int64_t kTicketKeyLifeMs = 12 * 3600 * 1000;  // a ticket lives for one to two of these
constexpr size_t kTicketNameBytes = 16;                 // OpenSSL's
constexpr uint64_t kPemBytesMax = 1 << 20;
constexpr char kCiphersOfTls12[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr char kGroups[] = "X25519:P-256";

using openssl::Bio;
using openssl::Certificate;
using openssl::Key;

Bio OverText(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<std::vector<Certificate>> ParseCertificates(std::string_view pem, std::string_view what) {
  const Bio bio = OverText(pem);
  std::vector<Certificate> certificates;
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(certificate);
  }
  const unsigned long end = ERR_peek_last_error();
  if (certificates.empty() || ERR_GET_REASON(end) != PEM_R_NO_START_LINE) {
    return InvalidArgument(std::string(what) + " is not PEM certificates: " + TlsErrorText());
  }
  ERR_clear_error();
  return certificates;
}

Result<std::string> TextOf(const Path& file, const std::string& text) {
  if (file.empty()) return text;
  PosixFileSystem disk;
  KEDGE_TRY(const ByteBuffer bytes, disk.Read(file, kPemBytesMax));
  return std::string(AsText(bytes));
}

// HTTP/1.1 is all that is spoken: a client that offers only other protocols is told so.
int OnAlpn(SSL*, const unsigned char** chosen, unsigned char* chosen_bytes,
           const unsigned char* offered, unsigned offered_bytes, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* out = nullptr;
  if (SSL_select_next_proto(&out, chosen_bytes, kHttp11, sizeof kHttp11 - 1, offered,
                            offered_bytes) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = out;
  return SSL_TLSEXT_ERR_OK;
}

bool HasP256Key(X509* certificate) {
  EVP_PKEY* key = X509_get0_pubkey(certificate);
  char group[32] = {};
  return key != nullptr && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
         EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) == 1 &&
         std::string_view(group) == "prime256v1";
}

// The profile, before anything walks a chain that a stranger sent.
bool FitsProfile(X509* leaf, const STACK_OF(X509) * sent) {
  const int bytes = i2d_X509(leaf, nullptr);
  if (bytes <= 0 || static_cast<size_t>(bytes) > kClientCertificateBytesMax) return false;
  if (X509_get_signature_nid(leaf) != NID_ecdsa_with_SHA256 || !HasP256Key(leaf)) return false;
  return sent == nullptr || sk_X509_num(sent) <= 1 + kIntermediatesMax + 1;
}

// Lets the one error pass that renewing an expired certificate needs.
int AllowWrongTime(int ok, X509_STORE_CTX* chain) {
  const int error = X509_STORE_CTX_get_error(chain);
  const bool is_leaf = X509_STORE_CTX_get_error_depth(chain) == 0;
  const bool is_time =
      error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID;
  if (ok == 1 || !is_leaf || !is_time) return ok;
  X509_STORE_CTX_set_error(chain, X509_V_OK);
  return 1;
}

int ContextIndex() {
  static const int kIndex = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return kIndex;
}

}  // namespace

std::string TlsErrorText() {
  char text[256] = "no cause given";
  if (const unsigned long error = ERR_peek_last_error(); error != 0) {
    ERR_error_string_n(error, text, sizeof text);
  }
  ERR_clear_error();
  return text;
}

TlsContext::TlsContext(const ServerTls& options)
    : context_(SSL_CTX_new(TLS_server_method())), accept_expired_(options.accept_expired) {
  KEDGE_CHECK(context_ != nullptr);
  SSL_CTX* context = context_.get();
  KEDGE_CHECK(SSL_CTX_set_ex_data(context, ContextIndex(), this) == 1);
  KEDGE_CHECK(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
  KEDGE_CHECK(SSL_CTX_set_cipher_list(context, kCiphersOfTls12) == 1);
  KEDGE_CHECK(SSL_CTX_set1_groups_list(context, kGroups) == 1);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // A fleet holds thousands of idle connections: their buffers go back between records.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);  // one system call a record instead of two
  SSL_CTX_set_alpn_select_cb(context, OnAlpn, nullptr);
}

Result<std::shared_ptr<const TlsContext>> TlsContext::Make(const ServerTls& options) {
  const std::shared_ptr<TlsContext> context(new TlsContext(options));
  KEDGE_TRY_STATUS(context->UseCertificate(options));
  if (options.client_certificate != ClientCertificate::kNotAsked) {
    KEDGE_TRY_STATUS(context->AskForClientCertificate(options));
  }
  context->UseTickets(options);
  return std::shared_ptr<const TlsContext>(context);
}

Status TlsContext::UseCertificate(const ServerTls& options) {
  KEDGE_TRY(const std::string chain, TextOf(options.certificate_file, options.certificate_pem));
  KEDGE_TRY(const std::string key_pem, TextOf(options.key_file, options.key_pem));
  const std::string name = options.certificate_file.string();
  KEDGE_TRY(const auto certificates, ParseCertificates(chain, "the server's certificate " + name));
  const Bio bio = OverText(key_pem);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!key) {
    return InvalidArgument("the key " + options.key_file.string() +
                           " is not an unencrypted PEM private key: " + TlsErrorText());
  }
  if (SSL_CTX_use_certificate(context_.get(), certificates.front().get()) != 1) {
    return InvalidArgument("the server's certificate " + name + " is refused: " + TlsErrorText());
  }
  for (size_t i = 1; i < certificates.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context_.get(), certificates[i].get()) != 1) {
      return InvalidArgument("an intermediate of " + name + " is refused: " + TlsErrorText());
    }
  }
  if (SSL_CTX_use_PrivateKey(context_.get(), key.get()) != 1 ||
      SSL_CTX_check_private_key(context_.get()) != 1) {
    return InvalidArgument("the key " + options.key_file.string() +
                           " does not belong to the certificate " + name + ": " + TlsErrorText());
  }
  return {};
}

Status TlsContext::AskForClientCertificate(const ServerTls& options) {
  KEDGE_TRY(const auto roots, ParseCertificates(options.client_roots_pem, "a client root"));
  X509_STORE* store = SSL_CTX_get_cert_store(context_.get());
  for (const Certificate& root : roots) {
    if (X509_STORE_add_cert(store, root.get()) != 1 ||
        SSL_CTX_add_client_CA(context_.get(), root.get()) != 1) {
      return InvalidArgument("a client root is refused: " + TlsErrorText());
    }
  }
  const bool required = options.client_certificate == ClientCertificate::kRequired;
  SSL_CTX_set_verify(context_.get(),
                     SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  SSL_CTX_set_verify_depth(context_.get(), kIntermediatesMax + 1);
  SSL_CTX_set_cert_verify_callback(context_.get(), OnVerify, this);
  return {};
}

int TlsContext::OnVerify(X509_STORE_CTX* chain, void* self) {
  X509* leaf = X509_STORE_CTX_get0_cert(chain);
  if (leaf == nullptr || !FitsProfile(leaf, X509_STORE_CTX_get0_untrusted(chain))) {
    X509_STORE_CTX_set_error(chain, X509_V_ERR_CERT_REJECTED);
    return 0;
  }
  if (static_cast<const TlsContext*>(self)->accept_expired_) {
    X509_STORE_CTX_set_verify_cb(chain, AllowWrongTime);
  }
  return X509_verify_cert(chain);
}

// Without a session id context OpenSSL refuses to resume a session that has a client's certificate
// (alert 80). Ours is a digest of the client roots: when they change, no session of before counts.
void TlsContext::UseTickets(const ServerTls& options) {
  ticket_secret_ = options.ticket_secret;
  if (ticket_secret_ == std::array<uint8_t, 32>{}) {
    const ByteBuffer random = crypto::RandomBytes(ticket_secret_.size());
    std::copy(random.begin(), random.end(), ticket_secret_.begin());
  }
  const auto roots = crypto::Sha256(AsBytes(options.client_roots_pem));
  static_assert(sizeof roots <= SSL_MAX_SID_CTX_LENGTH);
  KEDGE_CHECK(SSL_CTX_set_session_id_context(context_.get(), roots.data(), roots.size()) == 1);
  SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);  // tickets only
  SSL_CTX_set_timeout(context_.get(), kTicketKeyLifeMs / 1000);
  SSL_CTX_set_num_tickets(context_.get(), 1);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context_.get(), OnTicketKey);
}

// The keys of one period: each node derives the same.
struct TlsContext::TicketKeys {
  TicketKeys(const std::array<uint8_t, 32>& secret, int64_t period) {
    const auto derive = [&](std::string_view use) {
      return crypto::HmacSha256(
          secret, AsBytes("tls ticket " + std::string(use) + " " + std::to_string(period)));
    };
    const auto name_bytes = derive("name");
    std::copy_n(name_bytes.begin(), kTicketNameBytes, name.begin());
    cipher = derive("cipher");
    mac = derive("mac");
  }
  std::array<uint8_t, kTicketNameBytes> name;
  crypto::Sha256Digest cipher;
  crypto::Sha256Digest mac;
};

// OpenSSL's protocol: 0 an unknown ticket (a full handshake follows), 1 go on, 2 go on and give a
// new ticket, -1 an error.
int TlsContext::OnTicketKey(SSL* ssl, unsigned char* name, unsigned char* iv,
                            EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt) {
  const auto* self =
      static_cast<const TlsContext*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ContextIndex()));
  const int64_t period = SystemClock().NowMs() / kTicketKeyLifeMs;
  TicketKeys keys(self->ticket_secret_, period);
  // Under TLS 1.3 a client uses a ticket once, so each resumption must bring the next one.
  int answer = encrypt == 0 && SSL_version(ssl) == TLS1_3_VERSION ? 2 : 1;
  if (encrypt == 1) {
    std::copy(keys.name.begin(), keys.name.end(), name);
    const ByteBuffer random = crypto::RandomBytes(EVP_MAX_IV_LENGTH);
    std::copy(random.begin(), random.end(), iv);
  } else if (std::memcmp(name, keys.name.data(), kTicketNameBytes) != 0) {
    keys = TicketKeys(self->ticket_secret_, period - 1);
    if (std::memcmp(name, keys.name.data(), kTicketNameBytes) != 0) return 0;
    answer = 2;
  }
  static EVP_CIPHER* const kCipher = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  if (EVP_CipherInit_ex2(cipher, kCipher, keys.cipher.data(), iv, encrypt, nullptr) != 1) return -1;
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, keys.mac.data(), keys.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters) == 1 ? answer : -1;
}

}  // namespace kedge::http
