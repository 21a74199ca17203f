// The signature inside our packages: an OpenSSF Model Signing 1.0 bundle (`key` method) in its one
// canonical spelling. docs/formats/model-package.md has the texts.
//
// Reading is writing: VerifyBundle() writes the bundle again from its parts and compares, so every
// member, every base64 character and every bit of the signature's DER has one accepted form.
// model_signing.h reads what foreign tools write.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "trust/signing.h"

namespace kedge::trust {

constexpr size_t kBundleBytesMax = 1 << 20;

inline constexpr std::string_view kBundleMediaType =
    "application/vnd.dev.sigstore.bundle.v0.3+json";
inline constexpr std::string_view kPayloadType = "application/vnd.in-toto+json";
inline constexpr std::string_view kStatementType = "https://in-toto.io/Statement/v1";
inline constexpr std::string_view kPredicateType = "https://model_signing/signature/v1.0";

// One signed file.
struct Resource {
  std::string name;    // relative, '/' between parts
  std::string sha256;  // lower-case hexadecimal
};

// The in-toto statement over files, canonical JSON. `resources` must be sorted by name and have
// hexadecimal digests (KEDGE_CHECK).
std::string WriteStatement(std::string_view model, std::span<const Resource> resources);

// What DSSE signs: "DSSEv1 <length> <type> <length> <payload>".
std::string PreAuthenticationEncoding(std::string_view payload_type, std::string_view payload);

// Signs a statement; the bundle's text.
Result<std::string> SignStatement(std::string_view statement, const Signer& signer);

struct SignedStatement {
  std::string statement;
  std::string key_id;  // of the root that signed it
};

// The statement that a trusted root signed. kInvalidArgument for anything but the canonical form,
// kPermissionDenied for a wrong signature or an unknown key, kResourceExhausted above
// kBundleBytesMax.
Result<SignedStatement> VerifyBundle(std::string_view bundle, const TrustedRoots& roots);

}  // namespace kedge::trust
