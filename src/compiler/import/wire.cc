// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/wire.h"

namespace kedge::compiler {
namespace {

Result<uint64_t> TakeVarint(Bytes& rest) {
  uint64_t value = 0;
  for (size_t i = 0; i < rest.size() && i < 10; ++i) {
    value |= static_cast<uint64_t>(rest[i] & 0x7F) << (7 * i);
    if ((rest[i] & 0x80) == 0) {
      rest = rest.subspan(i + 1);
      return value;
    }
  }
  return InvalidArgument("a number is cut off");
}

}  // namespace

Result<uint64_t> VarintReader::Next() { return TakeVarint(rest_); }

Result<uint64_t> WireReader::Varint() { return TakeVarint(rest_); }

Result<WireField> WireReader::Next() {
  KEDGE_TRY(const uint64_t key, Varint());
  const uint64_t number = key >> 3;
  if (number == 0 || number > 0x1FFFFFFF) return InvalidArgument("a field has no valid number");
  WireField field;
  field.number = static_cast<uint32_t>(number);
  const uint64_t type = key & 7;
  const Bytes before = rest_;
  uint64_t length = type == 1 ? 8 : 4;
  if (type == 0) {
    KEDGE_TRY(field.varint, Varint());
    field.bytes = before.first(before.size() - rest_.size());
    return field;
  }
  if (type == 2) {
    KEDGE_TRY(length, Varint());
  } else if (type != 1 && type != 5) {
    return InvalidArgument("field " + std::to_string(number) + " has the wire type " +
                           std::to_string(type));
  }
  if (length > rest_.size())
    return InvalidArgument("field " + std::to_string(number) + " is cut off");
  field.type = static_cast<WireField::Type>(type);
  field.bytes = rest_.first(length);
  rest_ = rest_.subspan(length);
  return field;
}

}  // namespace kedge::compiler
