// SPDX-License-Identifier: Apache-2.0
#include "package/authenticate.h"

#include "package/format.h"

namespace kedge::package {

Result<Manifest> Authenticate(std::string_view manifest_text, std::string_view signature_text,
                              const trust::TrustedRoots& roots) {
  auto statement = trust::VerifyBundle(signature_text, roots);
  if (!statement) return Wrap(std::move(statement).error(), kSignatureName);
  auto manifest = ParseManifest(manifest_text);
  if (!manifest) return Wrap(std::move(manifest).error(), kManifestName);
  if (StatementFor(*manifest, manifest_text) != *statement) {
    return PermissionDenied(std::string(kSignatureName) +
                            ": signature is for other files than this manifest's");
  }
  return manifest;
}

}  // namespace kedge::package
