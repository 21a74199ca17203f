// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <sys/stat.h>

#include "base/file.h"
#include "trust/openssl.h"
#include "trust/signing.h"

namespace kedge::trust {

namespace {

constexpr uint64_t kCertificateBytesMax = 64 << 10;
constexpr size_t kRootsMax = 64;

Result<std::string> ReadRoot(const Path& path, bool require_read_only) {
  KEDGE_TRY(const FileDescriptor file, OpenFile(path, O_RDONLY));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return ErrnoError(errno, "stat '" + path.string() + "'");
  if (require_read_only && (info.st_mode & 0222) != 0) {
    return PermissionDenied("root certificate '" + path.string() +
                            "' can be written, set its mode to 0444");
  }
  KEDGE_TRY(const ByteBuffer text, ReadAll(file.get(), kCertificateBytesMax));
  return std::string(AsText(text));
}

Result<std::vector<Path>> RootFiles(const Path& path, bool require_read_only) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return ErrnoError(errno, "stat '" + path.string() + "'");
  if (!S_ISDIR(info.st_mode)) return std::vector<Path>{path};
  if (require_read_only && (info.st_mode & 0022) != 0) {
    return PermissionDenied("folder of root certificates '" + path.string() +
                            "' can be written by others than its owner");
  }
  KEDGE_TRY(const std::vector<std::string> names, PosixFileSystem().List(path));
  std::vector<Path> files;
  for (const std::string& name : names) {
    if (name.ends_with(".pem")) files.push_back(path / name);
  }
  if (files.empty()) return NotFound("no *.pem in '" + path.string() + "'");
  return files;
}

}  // namespace

struct TrustedRoots::State {
  mutable std::shared_mutex mutex;
  std::map<std::string, openssl::Key, std::less<>> keys;  // by key id
};

TrustedRoots::TrustedRoots() : state_(std::make_unique<State>()) {}
TrustedRoots::~TrustedRoots() = default;
TrustedRoots::TrustedRoots(TrustedRoots&&) noexcept = default;
TrustedRoots& TrustedRoots::operator=(TrustedRoots&&) noexcept = default;

Result<TrustedRoots> TrustedRoots::Load(const std::string& path, bool require_read_only) {
  TrustedRoots roots;
  KEDGE_TRY(const std::vector<Path> files, RootFiles(path, require_read_only));
  for (const Path& file : files) {
    KEDGE_TRY(const std::string pem, ReadRoot(file, require_read_only));
    if (Status status = roots.Add(pem); !status)
      return Wrap(status.error(), "root certificate '" + file.string() + "'");
  }
  return roots;
}

Status TrustedRoots::Add(std::string_view certificate_pem) {
  KEDGE_TRY(const ByteBuffer der, openssl::ParsePem(certificate_pem, "CERTIFICATE"));
  KEDGE_TRY(const openssl::Certificate certificate, openssl::ParseCertificateDer(der));
  openssl::Key key(X509_get_pubkey(certificate.get()));
  if (!key)
    return openssl::OpensslError(Code::kInvalidArgument, "reading the certificate's public key");
  KEDGE_TRY_STATUS(openssl::CheckP256(key.get()));
  KEDGE_TRY(std::string key_id, openssl::KeyId(key.get()));
  if (state_->keys.size() >= kRootsMax)
    return ResourceExhausted("more than " + std::to_string(kRootsMax) + " root certificates");
  state_->keys.emplace(std::move(key_id), std::move(key));
  return {};
}

void TrustedRoots::Replace(TrustedRoots others) {
  const std::unique_lock lock(state_->mutex);
  state_->keys = std::move(others.state_->keys);
}

size_t TrustedRoots::size() const {
  const std::shared_lock lock(state_->mutex);
  return state_->keys.size();
}

Status TrustedRoots::Verify(std::string_view key_id, Bytes message, Bytes signature) const {
  const std::shared_lock lock(state_->mutex);
  const auto found = state_->keys.find(key_id);
  if (found == state_->keys.end()) {
    return PermissionDenied("signed by the unknown key '" + std::string(key_id.substr(0, 64)) +
                            "', none of " + std::to_string(state_->keys.size()) + " trusted roots");
  }
  if (!openssl::IsCanonicalSignature(signature))
    return PermissionDenied("signature is not strict DER with low s");
  if (!openssl::VerifyEcdsa(found->second.get(), EVP_sha256(), message, signature))
    return PermissionDenied("signature does not match what it should sign");
  return {};
}

Result<std::string> KeyIdOfCertificate(Bytes certificate_der) {
  KEDGE_TRY(const openssl::Certificate certificate, openssl::ParseCertificateDer(certificate_der));
  const openssl::Key key(X509_get_pubkey(certificate.get()));
  if (!key)
    return openssl::OpensslError(Code::kInvalidArgument, "reading the certificate's public key");
  return openssl::KeyId(key.get());
}

}  // namespace kedge::trust
