// The canonical form that SigV4 signs, as small pure functions. The signer and the verifier both go
// through here, so that they cannot disagree.
//
//   GET                                  method
//   /example/                            path: dot segments removed, slashes merged,
//   percent-encoded a=1&b=2                              query: decoded, encoded again, sorted by
//   name and value host:example.amazonaws.com           signed headers: lower case, sorted, blanks
//   merged x-amz-date:20150830T123600Z
//                                        (an empty line)
//   host;x-amz-date                      their names
//   e3b0c442...                          SHA-256 of the body, or a marker such as UNSIGNED-PAYLOAD
//
// Source: AWS General Reference, "Create a signed AWS API request". Amazon S3 departs from it: a
// path is neither normalised nor encoded a second time, because "a//b" and "a/../b" are keys.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto/crypto.h"
#include "http/http.h"

namespace kedge::http {

enum class PathRule {
  kNormalized,  // services in general: RFC 3986 dot segments removed, slashes merged, encoded
  kAsSent,      // encoded only
  kS3,          // each segment decoded and encoded once
};

inline constexpr std::string_view kSigV4Algorithm = "AWS4-HMAC-SHA256";
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

std::string CanonicalPath(std::string_view path, PathRule rule);
// Parameters whose decoded name is in `without` are left out.
std::string CanonicalQuery(std::string_view query, std::span<const std::string_view> without);
// The value of one header field: blanks at the ends removed, runs of blanks merged.
std::string CanonicalHeaderValue(std::string_view value);

struct CanonicalParts {
  std::string_view method;
  std::string canonical_path;
  std::string canonical_query;
  const Headers& headers;
  std::span<const std::string> signed_headers;  // lower case, sorted; each is in `headers`
  std::string_view payload_hash;
};
std::string CanonicalRequest(const CanonicalParts& parts);

struct CredentialScope {
  std::string date;  // "20150830"
  std::string region;
  std::string service;
  std::string Text() const { return date + "/" + region + "/" + service + "/aws4_request"; }
};

// `amz_date`: "20150830T123600Z".
std::string StringToSign(std::string_view amz_date, const CredentialScope& scope,
                         std::string_view canonical_request);
// HMAC over date, region, service and terminator: 4 HMACs, worth caching.
crypto::Sha256Digest DeriveSigningKey(std::string_view secret, const CredentialScope& scope);
// The signature in lower-case hexadecimal.
std::string Signature(const crypto::Sha256Digest& key, std::string_view string_to_sign);

}  // namespace kedge::http
