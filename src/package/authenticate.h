// The step between reading a package's first two files and believing anything: inside package/
// only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "package/manifest.h"
#include "trust/signing.h"

namespace kedge::package {

struct Authenticated {
  Manifest manifest;
  std::string key_id;  // who signed it
};

// The manifest, if `signature_text` is a canonical bundle by a trusted root over exactly the
// statement that follows from it. Errors as OpenPackage().
Result<Authenticated> Authenticate(std::string_view manifest_text, std::string_view signature_text,
                                   const trust::TrustedRoots& roots);

}  // namespace kedge::package
