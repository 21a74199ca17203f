// Bytes and their text forms.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kedge {

using Bytes = std::span<const uint8_t>;
using ByteBuffer = std::vector<uint8_t>;

inline Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline ByteBuffer ToBuffer(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

// Lower-case hexadecimal, two characters a byte.
std::string HexEncode(Bytes bytes);
// Accepts lower and upper case. kInvalidArgument for an odd length or another character.
Result<ByteBuffer> HexDecode(std::string_view text);

// RFC 4648 section 4, with padding.
std::string Base64Encode(Bytes bytes);
// Accepts exactly what Base64Encode writes: padding required, unused bits zero, nothing else.
// kInvalidArgument otherwise.
Result<ByteBuffer> Base64Decode(std::string_view text);

// RFC 4648 section 5, without padding: for URLs, headers and file names. Decoding is as strict.
std::string Base64UrlEncode(Bytes bytes);
Result<ByteBuffer> Base64UrlDecode(std::string_view text);

// Little-endian scalars at any alignment. T: an arithmetic type.
template <class T>
T LoadLittle(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <class T>
void StoreLittle(void* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

// CRC-32C (Castagnoli) of bytes; pass the former result to go on with a stream.
uint32_t Crc32c(Bytes bytes, uint32_t crc = 0);

}  // namespace kedge
