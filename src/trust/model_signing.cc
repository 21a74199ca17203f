// SPDX-License-Identifier: Apache-2.0
#include "trust/model_signing.h"

#include <algorithm>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <set>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "trust/bundle.h"
#include "trust/openssl.h"

namespace kedge::trust {

namespace {

using namespace openssl;  // NOLINT(google-build-using-namespace): inside trust/ only

constexpr size_t kReadBytes = 256 << 10;
constexpr size_t kFolderFilesMax = 100'000;

struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
using CertificateStack = std::unique_ptr<STACK_OF(X509), FreeStack>;
using Store = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;

// The digest that goes with a key's curve; null for a key that OMS does not allow.
const EVP_MD* DigestFor(EVP_PKEY* key) {
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return nullptr;
  switch (EVP_PKEY_get_bits(key)) {
    case 256:
      return EVP_sha256();
    case 384:
      return EVP_sha384();
    case 521:
      return EVP_sha512();
    default:
      return nullptr;
  }
}

Status CheckSignature(EVP_PKEY* key, const ModelBundle& bundle) {
  const EVP_MD* digest = DigestFor(key);
  if (digest == nullptr) return InvalidArgument("key is none of P-256, P-384 and P-521");
  const std::string message = PreAuthenticationEncoding(kPayloadType, bundle.payload);
  if (!VerifyEcdsa(key, digest, AsBytes(message), bundle.signature))
    return PermissionDenied("signature does not match the statement");
  return {};
}

Result<Key> ReadPublicKey(std::string_view pem) {
  Key key;
  if (pem.starts_with("-----BEGIN CERTIFICATE-----")) {
    KEDGE_TRY(const ByteBuffer der, ParsePem(pem, "CERTIFICATE"));
    KEDGE_TRY(const Certificate certificate, ParseCertificateDer(der));
    key.reset(X509_get_pubkey(certificate.get()));
  } else {
    KEDGE_TRY(const ByteBuffer der, ParsePem(pem, "PUBLIC KEY"));
    const uint8_t* at = der.data();
    key.reset(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
  }
  if (!key) return OpensslError(Code::kInvalidArgument, "reading the public key");
  return key;
}

Status CheckByKey(const ModelBundle& bundle, std::string_view pem) {
  KEDGE_TRY(const Key key, ReadPublicKey(pem));
  KEDGE_TRY(const std::string key_id, KeyId(key.get()));
  if (!bundle.key_hint.empty() && bundle.key_hint != key_id)
    return PermissionDenied("signed by key '" + bundle.key_hint + "', not by '" + key_id + "'");
  return CheckSignature(key.get(), bundle);
}

Result<Store> MakeStore(const ModelTrust& trust) {
  Store store(X509_STORE_new());
  if (!store) return OpensslError(Code::kInternal, "making a certificate store");
  for (const std::string& pem : trust.certificates) {
    KEDGE_TRY(const ByteBuffer der, ParsePem(pem, "CERTIFICATE"));
    KEDGE_TRY(const Certificate certificate, ParseCertificateDer(der));
    if (X509_STORE_add_cert(store.get(), certificate.get()) != 1)
      return OpensslError(Code::kInternal, "adding a certificate");
  }
  return store;
}

Status CheckByCertificate(const ModelBundle& bundle, const ModelTrust& trust) {
  KEDGE_TRY(const Store store, MakeStore(trust));
  const CertificateStack chain(sk_X509_new_null());
  for (const ByteBuffer& der : bundle.certificates) {
    KEDGE_TRY(Certificate certificate, ParseCertificateDer(der));
    if (!chain || sk_X509_push(chain.get(), certificate.get()) == 0)
      return OpensslError(Code::kInternal, "collecting certificates");
    certificate.release();
  }
  X509* leaf = sk_X509_value(chain.get(), 0);
  const StoreContext context(X509_STORE_CTX_new());
  if (!context || X509_STORE_CTX_init(context.get(), store.get(), leaf, chain.get()) != 1)
    return OpensslError(Code::kInternal, "checking certificates");
  X509_STORE_CTX_set_time(context.get(), 0, static_cast<time_t>(trust.now / 1000));
  if (X509_verify_cert(context.get()) != 1) {
    ERR_clear_error();
    return PermissionDenied(std::string("certificate chain is refused: ") +
                            X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
  }
  if ((X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0)
    return PermissionDenied("certificate is not for digital signatures");
  return CheckSignature(X509_get0_pubkey(leaf), bundle);
}

Result<std::string> DigestOfFile(const Path& path) {
  KEDGE_TRY(const FileDescriptor file, OpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  crypto::Hasher hasher;
  ByteBuffer part(kReadBytes);
  for (;;) {
    const ssize_t n = ::read(file.get(), part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(errno, "reading '" + path.string() + "'");
    if (n == 0) return HexEncode(hasher.Finish());
    hasher.Update(Bytes(part).first(static_cast<size_t>(n)));
  }
}

// Section 6.2: top-level names that are out of scope by default, and what the statement ignores.
bool IsIgnored(const std::string& name, const std::vector<std::string>& ignored) {
  const auto below = [&name](std::string_view path) {
    return name == path || (name.starts_with(path) && name[path.size()] == '/');
  };
  constexpr std::string_view kDefault[] = {".git", ".gitignore", ".gitattributes", ".github"};
  return std::any_of(std::begin(kDefault), std::end(kDefault), below) ||
         std::any_of(ignored.begin(), ignored.end(), below);
}

// Names of the files in scope below a folder, '/' between parts.
Result<std::vector<std::string>> FilesBelow(const Path& folder, const Path& signature,
                                            const std::vector<std::string>& ignored) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto at = std::filesystem::recursive_directory_iterator(folder, error);
       !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error)) {
    const std::string name = at->path().lexically_relative(folder).generic_string();
    std::error_code none;
    if (IsIgnored(name, ignored) || std::filesystem::equivalent(at->path(), signature, none)) {
      if (at->is_directory(none)) at.disable_recursion_pending();
      continue;
    }
    const auto type = at->symlink_status(none).type();
    if (type == std::filesystem::file_type::directory) continue;
    if (type != std::filesystem::file_type::regular)
      return PermissionDenied("'" + name + "' is a link or no regular file");
    if (names.size() == kFolderFilesMax) return ResourceExhausted("folder has too many files");
    names.push_back(name);
  }
  if (error) return ErrnoError(error.value(), "listing '" + folder.string() + "'");
  return names;
}

Status CheckOneFile(const Path& path, const std::string& name, const std::string& wanted) {
  KEDGE_TRY(const std::string digest, DigestOfFile(path));
  if (digest != wanted) return PermissionDenied("'" + name + "' is not what was signed");
  return {};
}

Status CheckFolder(const Path& folder, const Path& signature, const ModelStatement& statement) {
  KEDGE_TRY(const std::vector<std::string> names, FilesBelow(folder, signature, statement.ignored));
  for (const std::string& name : names) {
    const auto found = statement.digests.find(name);
    if (found == statement.digests.end())
      return PermissionDenied("'" + name + "' is not in the signature");
    KEDGE_TRY_STATUS(CheckOneFile(folder / name, name, found->second));
  }
  const std::set<std::string> present(names.begin(), names.end());
  for (const auto& [name, digest] : statement.digests) {
    if (!present.contains(name)) return PermissionDenied("signed file '" + name + "' is missing");
  }
  return {};
}

}  // namespace

Result<ModelStatement> VerifyModelBundle(const ModelBundle& bundle, const ModelTrust& trust) {
  switch (bundle.method) {
    case SigningMethod::kKey:
      KEDGE_TRY_STATUS(CheckByKey(bundle, trust.public_key));
      break;
    case SigningMethod::kCertificate:
      KEDGE_TRY_STATUS(CheckByCertificate(bundle, trust));
      break;
    case SigningMethod::kSigstore:
      return Unimplemented("bundle is signed by Sigstore's keyless method");
  }
  return ParseModelStatement(bundle.payload);
}

Result<ModelStatement> VerifyModel(const Path& model, const Path& signature,
                                   const ModelTrust& trust) {
  PosixFileSystem disk;
  KEDGE_TRY(const ByteBuffer text, disk.Read(signature, 16 << 20));
  KEDGE_TRY(const ModelBundle bundle, ParseModelBundle(AsText(text)));
  KEDGE_TRY(ModelStatement statement, VerifyModelBundle(bundle, trust));
  std::error_code error;
  if (std::filesystem::is_directory(model, error)) {
    KEDGE_TRY_STATUS(CheckFolder(model, signature, statement));
    return statement;
  }
  // One file: named by itself, or "." before v1.1.
  const std::string name = model.filename().string();
  const auto& [signed_name, digest] = *statement.digests.begin();
  if (statement.digests.size() != 1 || (signed_name != name && signed_name != "."))
    return PermissionDenied("signature is not for the single file '" + name + "'");
  KEDGE_TRY_STATUS(CheckOneFile(model, name, digest));
  return statement;
}

}  // namespace kedge::trust
