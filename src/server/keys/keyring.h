// Secrets that the database keeps and nobody may read there: sealed with the installation's master
// key, which stands in a file that all nodes share and no backup holds.
//
// The file has one key a line, 64 hexadecimal digits; empty lines and lines that begin with '#' do
// not count. The first key seals, all of them open: a new master key is put before the old one, and
// the old one goes when nothing sealed with it is left.
//
// A sealed text is "kedge1.<key>.<message>": the first 8 bytes of HMAC-SHA-256(master key, "key
// id") in hexadecimal, and base/crypto/aead's message in base64url without padding. The purpose
// chooses the key (HMAC-SHA-256(master key, "seal " purpose)) and is the associated data, so that a
// text sealed for one place opens at no other. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/aead.h"
#include "base/file.h"
#include "base/result.h"

namespace kedge::server {

constexpr size_t kMasterKeysMax = 16;

// Thread-safe.
class Keyring {
 public:
  // Reads the text of a key file. kInvalidArgument for a line that is no key, for none and for more
  // than kMasterKeysMax.
  static Result<Keyring> Parse(std::string_view text);
  // Reads `file`; makes it with a new key and mode 0600 if it is absent and `make_if_absent`.
  // kNotFound if it is absent, kPermissionDenied if others than owner and group may read or write
  // it.
  static Result<Keyring> Load(FileSystem& disk, const Path& file, bool make_if_absent);

  // Purposes are fixed words of the program, for example "access key secret". A purpose that should
  // bind a secret to its row has the row's name in it.
  // Cannot fail today; the result leaves room for keys that live elsewhere.
  Result<std::string> Seal(std::string_view purpose, std::string_view plaintext) const;

  // kFailedPrecondition "sealed with another master key"; kDataLoss for a text that is damaged, of
  // another purpose or no sealed text at all.
  Result<std::string> Open(std::string_view purpose, std::string_view sealed) const;

  // A key of its own for one use by all nodes, from the first master key.
  crypto::AeadKey Derive(std::string_view purpose) const;

 private:
  struct MasterKey {
    crypto::AeadKey key;
    std::string id;
  };
  std::vector<MasterKey> keys_;  // at least one
};

}  // namespace kedge::server
