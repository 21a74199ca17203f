// SPDX-License-Identifier: Apache-2.0
#include "server/auth/session_token.h"

#include <charconv>
#include <cstdio>

namespace kedge::server {
namespace {

constexpr std::string_view kPrefix = "KEDT";
constexpr std::string_view kTokenPurpose = "session token";
constexpr size_t kExpiryDigits = 10;
constexpr size_t kSecretBytes = 30;
constexpr size_t kSerialDigitsMax = 40;
constexpr std::string_view kHexDigits = "0123456789abcdef";

}  // namespace

std::string TemporaryKeys::SecretOf(std::string_view id) const {
  const auto digest = crypto::HmacSha256(derived_, AsBytes("secret " + std::string(id)));
  return Base64Encode(Bytes(digest).first(kSecretBytes));
}

Result<TemporaryKey> TemporaryKeys::Make(const std::string& serial, EpochMs expires) const {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%0*llx", static_cast<int>(kExpiryDigits),
                static_cast<unsigned long long>(expires / 1000));
  TemporaryKey key{.id = std::string(kPrefix) + digits + serial, .expires = expires / 1000 * 1000};
  key.secret = SecretOf(key.id);
  KEDGE_TRY(key.token, keyring_.Seal(kTokenPurpose, key.id));
  return key;
}

std::optional<TemporaryKeys::Claim> TemporaryKeys::Read(std::string_view id) const {
  const size_t serial_at = kPrefix.size() + kExpiryDigits;
  if (!id.starts_with(kPrefix) || id.size() <= serial_at ||
      id.size() > serial_at + kSerialDigitsMax ||
      id.substr(kPrefix.size()).find_first_not_of(kHexDigits) != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view digits = id.substr(kPrefix.size(), kExpiryDigits);
  int64_t seconds = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), seconds, 16);
  return Claim{.serial = std::string(id.substr(serial_at)),
               .expires = seconds * 1000,
               .secret = SecretOf(id)};
}

bool TemporaryKeys::TokenIsValid(std::string_view id, std::string_view token) const {
  const auto opened = keyring_.Open(kTokenPurpose, token);
  return opened && *opened == id;
}

}  // namespace kedge::server
