// Where a request's head ends: the answer must not depend on how the bytes were cut on their way.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "http/framing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using kedge::http::HeadScan;
  using kedge::http::ScanHead;
  const std::string_view all(reinterpret_cast<const char*>(bytes), size);
  const HeadScan whole = ScanHead(all, 0);
  HeadScan in_steps;
  size_t scanned = 0;
  for (size_t arrived = 0; arrived <= all.size(); ++arrived) {
    in_steps = ScanHead(all.substr(0, arrived), scanned);
    if (in_steps.state != HeadScan::State::kIncomplete) break;
    scanned = arrived;
  }
  KEDGE_CHECK(in_steps.state == whole.state);
  if (whole.state != HeadScan::State::kComplete) return 0;
  KEDGE_CHECK(in_steps.bytes == whole.bytes);
  KEDGE_CHECK(all.substr(whole.bytes - 4, 4) == "\r\n\r\n");
  KEDGE_CHECK(all.substr(0, whole.bytes).find("\n ") == std::string_view::npos);
  return 0;
}
