// SPDX-License-Identifier: Apache-2.0
#include "server/auth/access_key.h"

#include "base/crypto/crypto.h"

namespace kedge::server {

store::AccessKey NewAccessKey(EpochMs now) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  store::AccessKey key;
  key.id = "KEDG";
  for (const uint8_t byte : crypto::RandomBytes(16)) key.id += kAlphabet[byte % kAlphabet.size()];
  key.secret = Base64Encode(crypto::RandomBytes(30));
  key.created = now;
  return key;
}

}  // namespace kedge::server
