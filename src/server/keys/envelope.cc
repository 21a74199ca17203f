// SPDX-License-Identifier: Apache-2.0
#include "server/keys/envelope.h"

#include "base/bytes.h"
#include "base/json/json.h"

namespace kedge::server {
namespace {

constexpr int64_t kEnvelopeVersion = 1;

std::string Associated(const ChunkPlace& place) {
  return "kedge envelope 1 " + std::to_string(place.index) + (place.last ? " last " : " more ") +
         place.object;
}

}  // namespace

uint64_t ChunkCount(uint64_t plain_bytes) {
  return plain_bytes == 0 ? 1 : (plain_bytes + kEnvelopeChunkBytes - 1) / kEnvelopeChunkBytes;
}

uint64_t SealedBytes(uint64_t plain_bytes) {
  return kEnvelopeHeaderBytes + plain_bytes + ChunkCount(plain_bytes) * crypto::kAeadOverheadBytes;
}

std::string EnvelopeText(const DataKey& key) {
  return json::Write(json::Object{{"kedge_envelope", kEnvelopeVersion},
                                  {"key", key.key_id},
                                  {"version", key.version},
                                  {"data_key", Base64Encode(key.wrapped)}});
}

Result<crypto::AeadKey> OpenEnvelopeText(const KeyService& keys, std::string_view text) {
  const auto value = json::Parse(text);
  if (!value || value->IntOr("kedge_envelope", 0) != kEnvelopeVersion) {
    return DataLoss("the object's envelope is not of version 1");
  }
  const auto wrapped = Base64Decode(value->StringOr("data_key", ""));
  if (!wrapped) return DataLoss("the object's envelope has no data key");
  return keys.Unwrap(value->StringOr("key", ""), value->IntOr("version", 0), *wrapped);
}

ByteBuffer EnvelopeHeader(const std::string& text) {
  KEDGE_CHECK(text.size() < kEnvelopeHeaderBytes);
  ByteBuffer header(kEnvelopeHeaderBytes, ' ');
  std::copy(text.begin(), text.end(), header.begin());
  header.back() = '\n';
  return header;
}

ByteBuffer SealChunk(const crypto::AeadKey& key, const ChunkPlace& place, Bytes plain) {
  return crypto::AeadSeal(key, plain, AsBytes(Associated(place)));
}

Result<ByteBuffer> OpenChunk(const crypto::AeadKey& key, const ChunkPlace& place, Bytes sealed) {
  auto opened = crypto::AeadOpen(key, sealed, AsBytes(Associated(place)));
  if (!opened) {
    return Wrap(std::move(opened).error(),
                "chunk " + std::to_string(place.index) + " of encrypted object " + place.object);
  }
  return opened;
}

}  // namespace kedge::server
