// Eight tables, eight bytes a step ("slicing-by-8": Kounavis, Berry, "A Systematic Approach to
// Building High Performance Software-Based CRC Generators", 2005). Table k gives the effect of a
// byte that stands k bytes before the end of a group.
// SPDX-License-Identifier: Apache-2.0
#include "package/crc32.h"

#include <array>

namespace kedge::package {

namespace {

using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables MakeTables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320u : 0u);
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr Tables kTables = MakeTables();

}  // namespace

uint32_t Crc32(Bytes bytes, uint32_t crc) {
  crc = ~crc;
  while (bytes.size() >= 8) {
    const uint32_t low = LoadLittle<uint32_t>(bytes.data()) ^ crc;
    const uint32_t high = LoadLittle<uint32_t>(bytes.data() + 4);
    crc = kTables[7][low & 0xFF] ^ kTables[6][(low >> 8) & 0xFF] ^ kTables[5][(low >> 16) & 0xFF] ^
          kTables[4][low >> 24] ^ kTables[3][high & 0xFF] ^ kTables[2][(high >> 8) & 0xFF] ^
          kTables[1][(high >> 16) & 0xFF] ^ kTables[0][high >> 24];
    bytes = bytes.subspan(8);
  }
  for (const uint8_t byte : bytes) crc = (crc >> 8) ^ kTables[0][(crc ^ byte) & 0xFF];
  return ~crc;
}

}  // namespace kedge::package
