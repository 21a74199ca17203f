// An object encrypted at rest (docs/formats/envelope.md): a header that holds the object's data
// key, wrapped by a key of the key service, and the plaintext in chunks, each sealed by itself. So
// an object of any size passes through the memory of one chunk, and a range of it is read by
// opening the chunks that hold it.
//
//   header (512 bytes)  JSON text, then spaces, then a line feed
//   chunk 0 .. n-1      base/crypto/aead's message of 64 KiB of plaintext, the last of 0 to 64 KiB
//
// A chunk is bound to its object's name, its place and whether it is the last: chunks that were
// exchanged, left out or taken from elsewhere do not open.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "blob/blob_store.h"
#include "server/keys/key_service.h"

namespace kedge::server {

constexpr uint64_t kEnvelopeHeaderBytes = 512;
constexpr uint64_t kEnvelopeChunkBytes = 64 << 10;  // of plaintext
constexpr uint64_t kSealedChunkBytes = kEnvelopeChunkBytes + crypto::kAeadOverheadBytes;

// Bytes of the whole envelope.
uint64_t SealedBytes(uint64_t plain_bytes);
// How many chunks hold that much: one for nothing.
uint64_t ChunkCount(uint64_t plain_bytes);

// {"kedge_envelope":1,"key":ID,"version":N,"data_key":BASE64}: what the header says.
std::string EnvelopeText(const DataKey& key);
// The key of an envelope with this text. Errors: those of KeyService::Unwrap; kDataLoss for a text
// that is none.
Result<crypto::AeadKey> OpenEnvelopeText(const KeyService& keys, std::string_view text);

// The text padded to kEnvelopeHeaderBytes.
ByteBuffer EnvelopeHeader(const std::string& text);

struct ChunkPlace {
  std::string object;  // "bucket/key"
  uint64_t index = 0;
  bool last = false;
};
ByteBuffer SealChunk(const crypto::AeadKey& key, const ChunkPlace& place, Bytes plain);
// kDataLoss.
Result<ByteBuffer> OpenChunk(const crypto::AeadKey& key, const ChunkPlace& place, Bytes sealed);

}  // namespace kedge::server
