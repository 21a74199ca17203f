// AWS Signature Version 4: one canonicalisation, used by the signer (clients) and the verifier
// (server). Source: AWS General Reference, "Create a signed AWS API request"; cases in
// ../shared/vectors/sigv4. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "base/clock.h"
#include "http/client.h"
#include "http/http.h"

namespace kedge::http {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // empty: none
};

struct SigningScope {
  std::string region;
  std::string service;  // "sagemaker", "s3"
};

// Adds Host, X-Amz-Date, X-Amz-Content-Sha256 (service s3), X-Amz-Security-Token and Authorization
// to the request. body_sha256: hexadecimal; empty: computed from request.body; "UNSIGNED-PAYLOAD"
// is allowed for s3.
Status SignRequest(const Credentials& credentials, const SigningScope& scope, EpochMs now,
                   ClientRequest& request, std::string body_sha256 = "");
// The URL with X-Amz-* query parameters: valid for `expires_seconds` (1..604800) without further
// headers but Host.
Result<std::string> PresignUrl(const Credentials& credentials, const SigningScope& scope,
                               EpochMs now, const std::string& method, const std::string& url,
                               int64_t expires_seconds);

struct VerifiedIdentity {
  std::string access_key_id;
  std::string region;
  std::string service;
  bool presigned = false;
};

// Looks up the secret of an access key; nullopt: unknown.
using SecretLookup = std::function<std::optional<std::string>(const std::string& access_key_id)>;

// Verifies a received request. `services`: the accepted service names of the scope.
// Error messages begin with AWS's code and a colon, so that the caller can answer in AWS's form:
// "MissingAuthenticationToken: ...", "IncompleteSignature: ...", "UnrecognizedClientException:
// ...", "InvalidSignatureException: ...", "RequestExpired: ..."; all are kUnauthenticated. Host and
// X-Amz-Date (and X-Amz-Target when sent) must be signed; 15 minutes of clock skew.
Result<VerifiedIdentity> VerifyRequest(const Request& request, const SecretLookup& lookup,
                                       std::span<const std::string_view> services, EpochMs now);

}  // namespace kedge::http
