// SPDX-License-Identifier: Apache-2.0
#include "package/authenticate.h"

#include "package/format.h"

namespace kedge::package {

Result<Authenticated> Authenticate(std::string_view manifest_text, std::string_view signature_text,
                                   const trust::TrustedRoots& roots) {
  auto signed_by = trust::VerifyBundle(signature_text, roots);
  if (!signed_by) return Wrap(std::move(signed_by).error(), kSignatureName);
  auto manifest = ParseManifest(manifest_text);
  if (!manifest) return Wrap(std::move(manifest).error(), kManifestName);
  if (StatementFor(*manifest, manifest_text) != signed_by->statement) {
    return PermissionDenied(std::string(kSignatureName) +
                            ": signature is for other files than this manifest's");
  }
  return Authenticated{*std::move(manifest), std::move(signed_by->key_id)};
}

}  // namespace kedge::package
