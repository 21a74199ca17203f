// AWS Signature Version 4: one canonicalisation (http/canonical_request.h), used by the signer
// (clients) and the verifier (server).
// Source: AWS General Reference, "Create a signed AWS API request"; Amazon S3 API Reference,
// "Authenticating Requests"; cases in ../shared/vectors/sigv4.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>

#include "base/clock.h"
#include "http/canonical_request.h"
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
// is allowed for s3. kInvalidArgument: the URL, a body_fd without body_sha256, empty credentials.
Status SignRequest(const Credentials& credentials, const SigningScope& scope, EpochMs now,
                   ClientRequest& request, std::string body_sha256 = "");
// The URL with X-Amz-* query parameters: valid for `expires_seconds` (1..604800) without further
// headers but Host. kInvalidArgument: the URL, the time, empty credentials.
Result<std::string> PresignUrl(const Credentials& credentials, const SigningScope& scope,
                               EpochMs now, const std::string& method, const std::string& url,
                               int64_t expires_seconds);

class SigningKeyCache;  // below

// What only some services or old clients need.
struct SigningOptions {
  std::string body_sha256;           // as in SignRequest
  bool normalize_path = true;        // never for s3
  bool send_body_sha256 = false;     // X-Amz-Content-Sha256 for other services than s3 too
  bool sign_session_token = true;    // false: the token is added after signing
  int64_t expires_seconds = 604800;  // presigned URLs only
  SigningKeyCache* cache = nullptr;  // borrowed; null: the signing key is derived each time
};
// The values on the way to a signature: for tests, and to explain a refusal.
struct SigningSteps {
  std::string canonical_request;
  std::string string_to_sign;
  std::string signature;
};
// As SignRequest.
Result<SigningSteps> SignRequestInSteps(const Credentials& credentials, const SigningScope& scope,
                                        EpochMs now, const SigningOptions& options,
                                        ClientRequest& request);
// As PresignUrl; all headers of the request are signed, and request.url gets the parameters.
Result<SigningSteps> PresignInSteps(const Credentials& credentials, const SigningScope& scope,
                                    EpochMs now, const SigningOptions& options,
                                    ClientRequest& request);

// What the chunks of a streaming upload are checked with (http/aws_chunked.h).
struct StreamingSignature {
  crypto::Sha256Digest signing_key{};
  std::string amz_date;
  CredentialScope scope;
  std::string seed;              // the signature of the request's head
  bool chunks_signed = true;     // false: STREAMING-UNSIGNED-PAYLOAD-TRAILER
  bool trailer_follows = false;  // checksums after the last chunk
};

struct VerifiedIdentity {
  std::string access_key_id;
  std::string region;
  std::string service;
  bool presigned = false;
  // Set for the STREAMING-* forms of x-amz-content-sha256: the body is aws-chunked and is verified
  // only by decoding it with DecodeAwsChunked().
  std::optional<StreamingSignature> streaming;
};

// Looks up the secret of an access key; nullopt: unknown.
using SecretLookup = std::function<std::optional<std::string>(const std::string& access_key_id)>;

// Derived signing keys by (access key, date, region, service); saves 4 HMACs a request. Holds at
// most kEntriesMax and starts anew when full. Thread-safe. About 250 bytes each.
class SigningKeyCache {
 public:
  static constexpr size_t kEntriesMax = 131'072;
  crypto::Sha256Digest Get(const std::string& access_key_id, const std::string& secret,
                           const CredentialScope& scope);
  size_t size() const;

 private:
  struct Entry {
    std::string secret;  // a changed secret must not find the old key
    crypto::Sha256Digest key;
  };
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;
};

struct VerifyOptions {
  SigningKeyCache* cache = nullptr;  // borrowed; null: derived each time
  bool normalize_path = true;        // never for s3
  // The body is not there yet: its digest is believed as declared. A request that declares none is
  // refused as IncompleteSignature. Verify the whole request again when the body has come.
  bool head_only = false;
  // Whether the session token belongs to the access key. Unset: a request with a token is refused.
  std::function<bool(const std::string& access_key_id, const std::string& token)> token_is_valid;
};

// Verifies a received request. `services`: the accepted service names of the scope.
// Error messages begin with AWS's code and a colon, so that the caller can answer in AWS's form;
// all are kUnauthenticated:
//   MissingAuthenticationToken   no signature at all
//   IncompleteSignature          a malformed one, or a header that must be signed is not
//   UnrecognizedClientException  unknown access key
//   InvalidClientTokenId         unknown session token
//   InvalidSignatureException    anything signed differs, the body included
//   RequestExpired               more than 15 minutes of skew, or a presigned URL after its time
// Host, X-Amz-Date and every X-Amz-* header that is sent (but X-Amz-Security-Token) must be signed.
// The body counts always, except with UNSIGNED-PAYLOAD, which only service s3 may use.
Result<VerifiedIdentity> VerifyRequest(const Request& request, const SecretLookup& lookup,
                                       std::span<const std::string_view> services, EpochMs now,
                                       const VerifyOptions& options = {});

// The service name in the scope of a request's signature, unverified: for routing. Empty: unsigned
// or malformed.
std::string ClaimedService(const Request& request);

}  // namespace kedge::http
