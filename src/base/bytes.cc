// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <algorithm>
#include <array>
#include <bit>

namespace kedge {

static_assert(std::endian::native == std::endian::little,
              "file and wire formats are little-endian");

namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr char kBase64Digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::array<int8_t, 256> MakeBase64Values() {
  std::array<int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (int i = 0; i < 64; ++i)
    values[static_cast<uint8_t>(kBase64Digits[i])] = static_cast<int8_t>(i);
  return values;
}
constexpr std::array<int8_t, 256> kBase64Values = MakeBase64Values();

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82F63B78u : 0u);
    table[i] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

}  // namespace

std::string HexEncode(Bytes bytes) {
  std::string text(bytes.size() * 2, '0');
  for (size_t i = 0; i < bytes.size(); ++i) {
    text[2 * i] = kHexDigits[bytes[i] >> 4];
    text[2 * i + 1] = kHexDigits[bytes[i] & 15];
  }
  return text;
}

Result<ByteBuffer> HexDecode(std::string_view text) {
  if (text.size() % 2 != 0)
    return InvalidArgument("hexadecimal text has the odd length " + std::to_string(text.size()));
  ByteBuffer bytes(text.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int high = HexValue(text[2 * i]);
    const int low = HexValue(text[2 * i + 1]);
    if (high < 0 || low < 0)
      return InvalidArgument("text is not hexadecimal at position " + std::to_string(2 * i));
    bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return bytes;
}

std::string Base64Encode(Bytes bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = static_cast<uint32_t>(bytes[i]) << 16;
    if (n > 1) group |= static_cast<uint32_t>(bytes[i + 1]) << 8;
    if (n > 2) group |= bytes[i + 2];
    for (size_t k = 0; k < 4; ++k) {
      text.push_back(k <= n ? kBase64Digits[(group >> (18 - 6 * k)) & 63] : '=');
    }
  }
  return text;
}

Result<ByteBuffer> Base64Decode(std::string_view text) {
  if (text.size() % 4 != 0)
    return InvalidArgument("base64 text has the length " + std::to_string(text.size()));
  ByteBuffer bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    size_t n = 4;
    if (i + 4 == text.size()) {
      if (text[i + 3] == '=') n = 3;
      if (n == 3 && text[i + 2] == '=') n = 2;
    }
    uint32_t group = 0;
    for (size_t k = 0; k < 4; ++k) {
      const int value = k < n ? kBase64Values[static_cast<uint8_t>(text[i + k])] : 0;
      if (value < 0)
        return InvalidArgument("text is not base64 at position " + std::to_string(i + k));
      group = group << 6 | static_cast<uint32_t>(value);
    }
    const uint32_t unused = n == 4 ? 0 : n == 3 ? 0xFF : 0xFFFF;
    if ((group & unused) != 0)
      return InvalidArgument("base64 text has unused bits that are not zero");
    for (size_t k = 0; k + 1 < n; ++k) bytes.push_back(static_cast<uint8_t>(group >> (16 - 8 * k)));
  }
  return bytes;
}

std::string Base64UrlEncode(Bytes bytes) {
  std::string text = Base64Encode(bytes);
  while (text.ends_with('=')) text.pop_back();
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

Result<ByteBuffer> Base64UrlDecode(std::string_view text) {
  if (const size_t foreign = text.find_first_of("+/="); foreign != std::string_view::npos)
    return InvalidArgument("text is not base64url at position " + std::to_string(foreign));
  std::string standard(text);
  std::replace(standard.begin(), standard.end(), '-', '+');
  std::replace(standard.begin(), standard.end(), '_', '/');
  standard.resize((text.size() + 3) / 4 * 4, '=');
  return Base64Decode(standard);
}

uint32_t Crc32c(Bytes bytes, uint32_t crc) {
  crc = ~crc;
  for (uint8_t byte : bytes) crc = (crc >> 8) ^ kCrcTable[(crc ^ byte) & 0xFF];
  return ~crc;
}

}  // namespace kedge
