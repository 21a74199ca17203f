// The small file beside an object's content: docs/formats/object-store.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "blob/blob_store.h"

namespace kedge::blob {

struct ObjectRecord {
  ObjectInfo info;
  std::string content;  // name of the content file: 32 hexadecimal digits
};

std::string WriteRecord(const ObjectRecord& record);
// kDataLoss if the text is no record.
Result<ObjectRecord> ReadRecord(std::string_view text);

}  // namespace kedge::blob
