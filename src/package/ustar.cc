// SPDX-License-Identifier: Apache-2.0
#include "package/ustar.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "package/format.h"

namespace kedge::package {

namespace {

// Offsets and lengths of POSIX.1-1988 ustar.
struct Field {
  size_t offset;
  size_t bytes;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kOwner{108, 8};
constexpr Field kGroup{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kTime{136, 12};
constexpr Field kChecksum{148, 8};
constexpr size_t kTypeOffset = 156;
constexpr Field kMagic{257, 8};

void PutText(UstarHeader& header, Field field, std::string_view text) {
  KEDGE_CHECK(text.size() <= field.bytes);
  std::copy(text.begin(), text.end(), header.begin() + field.offset);
}

// Octal with leading zeros, filling the field but for `tail` bytes that stay as they are.
void PutOctal(UstarHeader& header, Field field, uint64_t value, size_t tail = 1) {
  for (size_t i = field.bytes - tail; i-- > 0; value >>= 3)
    header[field.offset + i] = static_cast<uint8_t>('0' + (value & 7));
  KEDGE_CHECK(value == 0);
}

std::string_view TextOf(const UstarHeader& header, Field field) {
  const std::string_view text = AsText(Bytes(header)).substr(field.offset, field.bytes);
  return text.substr(0, text.find('\0'));
}

}  // namespace

UstarHeader MakeUstarHeader(std::string_view name, uint64_t bytes) {
  KEDGE_CHECK(name.size() <= kFileNameBytesMax);
  UstarHeader header{};
  PutText(header, kName, name);
  PutOctal(header, kMode, 0644);
  PutOctal(header, kOwner, 0);
  PutOctal(header, kGroup, 0);
  PutOctal(header, kSize, bytes);
  PutOctal(header, kTime, 0);
  PutText(header, kChecksum, "        ");  // counts as spaces while summing
  header[kTypeOffset] = '0';
  PutText(header, kMagic, std::string_view("ustar\00000", 8));
  const uint64_t sum = std::accumulate(header.begin(), header.end(), uint64_t{0});
  PutOctal(header, kChecksum, sum, 2);
  header[kChecksum.offset + 6] = '\0';
  return header;
}

Result<uint64_t> ReadUstarSize(const UstarHeader& header) {
  uint64_t size = 0;
  for (size_t i = 0; i < kSize.bytes - 1; ++i) {
    const uint8_t digit = header[kSize.offset + i];
    if (digit < '0' || digit > '7')
      return InvalidArgument("tar header's size is not 11 octal digits");
    size = size * 8 + (digit - '0');
  }
  return size;
}

Status CheckUstarHeader(const UstarHeader& header, std::string_view name, uint64_t bytes) {
  if (header == MakeUstarHeader(name, bytes)) return {};
  const std::string expected = "'" + std::string(name) + "'";
  if (std::all_of(header.begin(), header.end(), [](uint8_t b) { return b == 0; }))
    return InvalidArgument("archive ends where " + expected + " should stand");
  if (const uint8_t type = header[kTypeOffset]; type != '0') {
    return InvalidArgument("tar entry in the place of " + expected + " has type " +
                           std::to_string(type) +
                           ", only regular files are allowed (no links, folders or extensions)");
  }
  if (const std::string_view found = TextOf(header, kName); found != name) {
    return InvalidArgument("tar entry is '" + std::string(found) + "' where " + expected +
                           " should stand");
  }
  return InvalidArgument("tar header of " + expected + " is not in its canonical form");
}

}  // namespace kedge::package
