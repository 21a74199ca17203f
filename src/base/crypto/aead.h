// Authenticated encryption: AES-256-GCM under nonces that may be random for ever.
//
// A plain GCM nonce of 96 random bits is safe for some 2^32 messages of a key only. So, as
// XAES-256-GCM does, 192 random bits are drawn for each message: the first half derives the
// message's own key from the long-lived one, the second half is GCM's nonce. 2^80 messages may then
// share a key.
//
//   message = salt (12) | nonce (12) | ciphertext (as long as the plaintext) | tag (16)
//   key of the message = HMAC-SHA-256(key, "kedge aead 1" | salt)
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/crypto/crypto.h"

namespace kedge::crypto {

using AeadKey = std::array<uint8_t, 32>;

constexpr size_t kAeadOverheadBytes = 12 + 12 + 16;

// `associated` is authenticated and not stored; opening needs the same.
ByteBuffer AeadSeal(const AeadKey& key, Bytes plaintext, Bytes associated);

// kDataLoss unless AeadSeal() made `sealed` with this key and associated data.
Result<ByteBuffer> AeadOpen(const AeadKey& key, Bytes sealed, Bytes associated);

}  // namespace kedge::crypto
