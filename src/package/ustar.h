// The one tar header that a package may have for a file: POSIX ustar with every field but name and
// size fixed. A reader computes it and compares all 512 bytes, so nothing in it is ever believed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace kedge::package {

constexpr uint64_t kTarBlockBytes = 512;
constexpr uint64_t kTarEndBytes = 2 * kTarBlockBytes;

using UstarHeader = std::array<uint8_t, kTarBlockBytes>;

// `name` is at most kFileNameBytesMax long, `bytes` below 8 GiB (KEDGE_CHECK).
UstarHeader MakeUstarHeader(std::string_view name, uint64_t bytes);

// Zero bytes after a file's content.
constexpr uint64_t PaddingBytes(uint64_t bytes) {
  return (kTarBlockBytes - bytes % kTarBlockBytes) % kTarBlockBytes;
}
// Header, content and padding.
constexpr uint64_t EntryBytes(uint64_t bytes) {
  return kTarBlockBytes + bytes + PaddingBytes(bytes);
}

// The size field alone, for an entry whose size nothing else says. The caller still compares the
// whole header. kInvalidArgument unless it is 11 octal digits.
Result<uint64_t> ReadUstarSize(const UstarHeader& header);

// kInvalidArgument unless the header is MakeUstarHeader(name, bytes); says what differs in words a
// user understands.
Status CheckUstarHeader(const UstarHeader& header, std::string_view name, uint64_t bytes);

}  // namespace kedge::package
