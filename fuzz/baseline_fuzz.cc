// A baseline that is accepted is the one text of what it says.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "stats/baseline/baseline.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  const std::string_view text = kedge::AsText({input, size});
  const auto baseline = kedge::stats::ParseBaseline(text);
  if (baseline) KEDGE_CHECK(kedge::stats::WriteBaseline(*baseline) == text);
  return 0;
}
