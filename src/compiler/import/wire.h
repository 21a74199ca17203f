// The protobuf wire format, read in place: fields point into the bytes they were read from, so a
// model of half a gigabyte costs no copy.
//
// A message is a row of fields; a field is a key (number * 8 + wire type, as a varint) and a value:
// a varint (type 0), 8 bytes (1), a length and that many bytes (2), or 4 bytes (5). Groups (3, 4)
// are not used by ONNX and are refused.
// Source: "Encoding", Protocol Buffers documentation.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"

namespace kedge::compiler {

struct WireField {
  enum class Type : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  uint32_t number = 0;
  Type type = Type::kVarint;
  uint64_t varint = 0;  // of type kVarint
  Bytes bytes;          // the value's bytes: of kVarint its encoding, of kBytes without the length
};

// Reads the fields of one message from front to back.
class WireReader {
 public:
  explicit WireReader(Bytes message) : rest_(message) {}
  bool done() const { return rest_.empty(); }
  // kInvalidArgument if the bytes end within a field or are no field.
  Result<WireField> Next();

 private:
  Result<uint64_t> Varint();
  Bytes rest_;
};

// The varints of a packed field, one after the other. kInvalidArgument if the last one is cut.
class VarintReader {
 public:
  explicit VarintReader(Bytes packed) : rest_(packed) {}
  bool done() const { return rest_.empty(); }
  Result<uint64_t> Next();

 private:
  Bytes rest_;
};

}  // namespace kedge::compiler
