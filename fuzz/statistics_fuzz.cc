// A report that is accepted can be written, and reads back as the same report.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "stats/counts/report.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  const auto report = kedge::stats::DecodeReport({input, size});
  if (!report) return 0;
  const auto bytes = kedge::stats::EncodeReport(*report);
  KEDGE_CHECK(bytes.has_value());
  const auto again = kedge::stats::DecodeReport(*bytes);
  KEDGE_CHECK(again.has_value() && *again == *report);
  return 0;
}
