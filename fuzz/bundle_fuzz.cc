// Signature bundles: our strict reader, and the lenient one for foreign tools, which must accept
// whatever the strict one does.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "trust/bundle.h"
#include "trust/model_signing.h"
#include "trusted_root.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  using namespace kedge;
  const std::string_view text = AsText({input, size});
  const auto strict = trust::VerifyBundle(text, fuzz::Roots());
  const auto bundle = trust::ParseModelBundle(text);
  if (strict) KEDGE_CHECK(bundle.has_value() && bundle->payload == strict->statement);
  if (bundle) {
    static_cast<void>(trust::VerifyModelBundle(
        *bundle, {.public_key = fuzz::kRootPem, .certificates = {fuzz::kRootPem}}));
    static_cast<void>(trust::ParseModelStatement(bundle->payload));
  }
  static_cast<void>(trust::ParseModelStatement(text));
  return 0;
}
