// SPDX-License-Identifier: Apache-2.0
#include "server/auth/password.h"

#include <argon2.h>

#include "base/crypto/crypto.h"

namespace kedge::server {
namespace {

constexpr size_t kSaltBytes = 16;
constexpr size_t kHashBytes = 32;

// A hash with our parameters that nobody knows a password to.
constexpr const char* kNobodys =
    "$argon2id$v=19$m=32768,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

}  // namespace

Status Passwords::Enter() {
  std::unique_lock lock(mutex_);
  if (computing_ >= kAtOnceMax && waiting_ >= kWaitingMax) {
    return ResourceExhausted("too many passwords are being checked");
  }
  ++waiting_;
  freed_.wait(lock, [&] { return computing_ < kAtOnceMax; });
  --waiting_;
  ++computing_;
  return {};
}

void Passwords::Leave() {
  const std::lock_guard lock(mutex_);
  --computing_;
  freed_.notify_one();
}

// One of the kAtOnceMax turns, given back at its end.
class Passwords::Turn {
 public:
  explicit Turn(Passwords& passwords) : passwords_(passwords) {}
  ~Turn() { passwords_.Leave(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Passwords& passwords_;
};

Result<std::string> Passwords::Hash(const std::string& password) {
  KEDGE_TRY_STATUS(Enter());
  const Turn turn(*this);
  const ByteBuffer salt = crypto::RandomBytes(kSaltBytes);
  std::string encoded(argon2_encodedlen(kPasses, kMemoryKiB, 1, kSaltBytes, kHashBytes, Argon2_id),
                      '\0');
  const int code =
      argon2id_hash_encoded(kPasses, kMemoryKiB, 1, password.data(), password.size(), salt.data(),
                            salt.size(), kHashBytes, encoded.data(), encoded.size());
  if (code != ARGON2_OK) return Internal(std::string("argon2: ") + argon2_error_message(code));
  encoded.resize(encoded.find('\0'));
  return encoded;
}

Result<bool> Passwords::Matches(const std::string& hash, const std::string& password) {
  KEDGE_TRY_STATUS(Enter());
  const Turn turn(*this);
  const char* encoded = hash.empty() ? kNobodys : hash.c_str();
  const int code = argon2id_verify(encoded, password.data(), password.size());
  if (code == ARGON2_VERIFY_MISMATCH) return false;
  if (code != ARGON2_OK) return DataLoss(std::string("argon2: ") + argon2_error_message(code));
  return !hash.empty();
}

}  // namespace kedge::server
