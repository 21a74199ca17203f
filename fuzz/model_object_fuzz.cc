// The check of a compiled model's ELF headers, before the dynamic loader sees the file.
// SPDX-License-Identifier: Apache-2.0
#include "runtime/elf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)kedge::runtime::CheckModelObject(kedge::Bytes(data, size)).has_value();
  return 0;
}
