// A manifest that is accepted is the one text of what it says.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "package/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  const std::string_view text = kedge::AsText({input, size});
  const auto manifest = kedge::package::ParseManifest(text);
  if (manifest) KEDGE_CHECK(kedge::package::WriteManifest(*manifest) == text);
  return 0;
}
