// CRC-32 as gzip has it (reflected polynomial 0xEDB88320, RFC 1952 section 8).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"

namespace kedge::package {

// Pass the former result to go on with a stream.
uint32_t Crc32(Bytes bytes, uint32_t crc = 0);

}  // namespace kedge::package
