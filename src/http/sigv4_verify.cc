// Verifying a signature: read what the request claims, insist on what must be signed, compute the
// signature anew and compare in constant time. Nothing of the request is believed before that but
// the access key id, which only selects the secret.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>

#include "http/sigv4.h"

namespace kedge::http {

namespace {

constexpr int64_t kSkewMsMax = 15 * 60 * 1000;
constexpr int64_t kExpiresSecondsMax = 7 * 24 * 3600;
constexpr std::string_view kSignatureParameter = "X-Amz-Signature";
constexpr std::string_view kTokenParameter = "X-Amz-Security-Token";

// What a request says about its own signature.
struct Claim {
  std::string access_key_id;
  CredentialScope scope;
  std::vector<std::string> signed_headers;
  std::string signature;
  std::string amz_date;
  std::optional<std::string> token;
  bool presigned = false;
  int64_t expires_seconds = 0;
};

Error Refuse(std::string_view code, std::string_view why) {
  return Unauthenticated(std::string(code) + ": " + std::string(why));
}
Error Incomplete(std::string_view why) { return Refuse("IncompleteSignature", why); }

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t start = 0;;) {
    const size_t end = text.find(separator, start);
    parts.push_back(text.substr(start, end - start));
    if (end == std::string_view::npos) return parts;
    start = end + 1;
  }
}

// "KEY/20150830/us-east-1/s3/aws4_request"; the key may contain slashes.
Status ReadCredential(std::string_view text, Claim& claim) {
  const std::vector<std::string_view> parts = Split(text, '/');
  if (parts.size() < 5) return Incomplete("the credential has fewer than five parts");
  const size_t n = parts.size();
  const std::string_view terminator = parts[n - 1];
  if (terminator != "aws4_request")
    return Incomplete("the credential scope does not end in aws4_request");
  claim.scope = {std::string(parts[n - 4]), std::string(parts[n - 3]), std::string(parts[n - 2])};
  claim.access_key_id = text.substr(0, text.size() - claim.scope.Text().size() - 1);
  if (claim.access_key_id.empty() || claim.access_key_id.size() > 128)
    return Incomplete("the access key id is empty or too long");
  return {};
}

Status ReadSignedHeaders(std::string_view text, Claim& claim) {
  for (const std::string_view name : Split(text, ';')) {
    if (name.empty() || name != LowerCase(name))
      return Incomplete("the list of signed headers is not in lower case");
    if (!claim.signed_headers.empty() && claim.signed_headers.back() >= name)
      return Incomplete("the list of signed headers is not sorted");
    claim.signed_headers.emplace_back(name);
  }
  return {};
}

Status ReadSignature(std::string_view text, Claim& claim) {
  const bool is_hex = text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
                        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                      });
  if (!is_hex) return Incomplete("the signature is not 64 hexadecimal digits");
  claim.signature = text;
  return {};
}

// "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...": each part once, any order.
Result<Claim> ReadHeaderClaim(const Request& request) {
  if (request.headers.Count("Authorization") != 1)
    return Incomplete("there is more than one authorization header");
  if (request.headers.Count("X-Amz-Date") != 1)
    return Incomplete("the x-amz-date header is not there exactly once");
  if (request.headers.Count(kTokenParameter) > 1)
    return Incomplete("there is more than one session token");
  const std::string value = request.headers.Get("Authorization");
  std::string_view rest = value;
  if (rest.substr(0, kSigV4Algorithm.size()) != kSigV4Algorithm ||
      rest.substr(kSigV4Algorithm.size(), 1) != " ")
    return Incomplete("the authorization header is not of AWS4-HMAC-SHA256");
  rest.remove_prefix(kSigV4Algorithm.size() + 1);

  Claim claim;
  claim.amz_date = CanonicalHeaderValue(request.headers.Get("X-Amz-Date"));
  if (const std::string* token = request.headers.Find(kTokenParameter)) claim.token = *token;
  for (std::string_view part : Split(rest, ',')) {
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    const size_t equals = std::min(part.find('='), part.size());
    const std::string_view name = part.substr(0, equals);
    const std::string_view content = part.substr(std::min(equals + 1, part.size()));
    if (name == "Credential" && claim.access_key_id.empty()) {
      KEDGE_TRY_STATUS(ReadCredential(content, claim));
    } else if (name == "SignedHeaders" && claim.signed_headers.empty()) {
      KEDGE_TRY_STATUS(ReadSignedHeaders(content, claim));
    } else if (name == "Signature" && claim.signature.empty()) {
      KEDGE_TRY_STATUS(ReadSignature(content, claim));
    } else {
      return Incomplete("the authorization header has an unknown or repeated part");
    }
  }
  if (claim.access_key_id.empty() || claim.signed_headers.empty() || claim.signature.empty())
    return Incomplete("the authorization header lacks a part");
  return claim;
}

Result<Claim> ReadQueryClaim(const Request& request) {
  if (request.headers.Find(kTokenParameter) != nullptr)
    return Incomplete("a request signed in its query has a session token in its header");
  Claim claim;
  claim.presigned = true;
  uint32_t seen = 0;
  const auto once = [&seen](uint32_t bit) { return (std::exchange(seen, seen | bit) & bit) == 0; };
  for (const auto& [name, value] : ParseQuery(request.query())) {
    bool first = true;
    if (name == "X-Amz-Algorithm") {
      first = once(1);
      if (value != kSigV4Algorithm) return Incomplete("the algorithm is not AWS4-HMAC-SHA256");
    } else if (name == "X-Amz-Credential") {
      first = once(2);
      KEDGE_TRY_STATUS(ReadCredential(value, claim));
    } else if (name == "X-Amz-Date") {
      first = once(4);
      claim.amz_date = value;
    } else if (name == "X-Amz-Expires") {
      first = once(8);
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), claim.expires_seconds);
      if (error != std::errc() || end != value.data() + value.size() || claim.expires_seconds < 1 ||
          claim.expires_seconds > kExpiresSecondsMax)
        return Incomplete("x-amz-expires is not a number from 1 to 604800");
    } else if (name == "X-Amz-SignedHeaders") {
      first = once(16);
      if (first) KEDGE_TRY_STATUS(ReadSignedHeaders(value, claim));
    } else if (name == kSignatureParameter) {
      first = once(32);
      KEDGE_TRY_STATUS(ReadSignature(value, claim));
    } else if (name == kTokenParameter) {
      first = once(64);
      claim.token = value;
    }
    if (!first) return Incomplete("query parameter " + name + " is repeated");
  }
  if ((seen & 63) != 63) return Incomplete("a query parameter of the signature is missing");
  return claim;
}

bool HasQuerySignature(const Request& request) {
  for (const auto& [name, value] : ParseQuery(request.query())) {
    if (name == "X-Amz-Algorithm" || name == kSignatureParameter) return true;
  }
  return false;
}

Result<Claim> ReadClaim(const Request& request) {
  const bool in_header = request.headers.Find("Authorization") != nullptr;
  const bool in_query = HasQuerySignature(request);
  if (in_header && in_query) return Incomplete("the request is signed in header and query");
  if (in_header) return ReadHeaderClaim(request);
  if (in_query) return ReadQueryClaim(request);
  return Refuse("MissingAuthenticationToken", "the request is not signed");
}

Status CheckTime(const Claim& claim, EpochMs now) {
  const Result<EpochMs> signed_at = ParseBasicIso8601(claim.amz_date);
  if (!signed_at) return Incomplete("x-amz-date is not of the form 20150830T123600Z");
  if (claim.amz_date.substr(0, 8) != claim.scope.date)
    return Refuse("InvalidSignatureException", "the date of the scope is not that of x-amz-date");
  if (*signed_at > now + kSkewMsMax)
    return Refuse("RequestExpired", "signature not yet current: signed at " + claim.amz_date +
                                        ", now " + FormatBasicIso8601(now));
  const int64_t valid_ms = claim.presigned ? claim.expires_seconds * 1000 : kSkewMsMax;
  if (now > *signed_at + valid_ms)
    return Refuse("RequestExpired", "signature expired: signed at " + claim.amz_date + ", now " +
                                        FormatBasicIso8601(now));
  return {};
}

Status CheckSignedHeaders(const Request& request, const Claim& claim) {
  const auto is_signed = [&](std::string_view name) {
    return std::binary_search(claim.signed_headers.begin(), claim.signed_headers.end(), name);
  };
  for (const std::string& name : claim.signed_headers) {
    if (request.headers.Find(name) == nullptr)
      return Refuse("InvalidSignatureException", "signed header '" + name + "' is not there");
  }
  if (!is_signed("host") || request.headers.Count("Host") != 1)
    return Incomplete("header 'host' must be there once and signed");
  for (const auto& [name, value] : request.headers.list) {
    const std::string lower = LowerCase(name);
    if (lower.rfind("x-amz-", 0) == 0 && lower != "x-amz-security-token" && !is_signed(lower))
      return Incomplete("header '" + lower + "' must be signed");
  }
  return {};
}

Result<std::string> HashOfBody(const Request& request) {
  if (!request.body_sha256.empty()) return request.body_sha256;
  if (!request.body_file.empty())
    return Unauthenticated("InvalidSignatureException: the digest of the spooled body is unknown");
  return crypto::Sha256Hex(AsBytes(request.body));
}

// The last line of the canonical request.
Result<std::string> PayloadHash(const Request& request, const Claim& claim, bool head_only) {
  const bool is_s3 = claim.scope.service == "s3";
  if (request.headers.Count("X-Amz-Content-Sha256") > 1)
    return Incomplete("header 'x-amz-content-sha256' is repeated");
  const std::string* declared = request.headers.Find("X-Amz-Content-Sha256");
  if (is_s3 && claim.presigned && declared == nullptr) return std::string(kUnsignedPayload);
  if (head_only && declared == nullptr)
    return Incomplete("header 'x-amz-content-sha256' is needed for a body of this length");
  if (head_only) return *declared;
  KEDGE_TRY(std::string actual, HashOfBody(request));
  if (declared == nullptr) return actual;
  if (is_s3 && (*declared == kUnsignedPayload || declared->rfind("STREAMING-", 0) == 0))
    return *declared;
  if (*declared != actual)
    return Refuse("InvalidSignatureException",
                  "x-amz-content-sha256 is not the digest of the body");
  return actual;
}

PathRule PathRuleOf(const Claim& claim, const VerifyOptions& options) {
  if (claim.scope.service == "s3") return PathRule::kS3;
  return options.normalize_path ? PathRule::kNormalized : PathRule::kAsSent;
}

bool SignatureMatches(const Request& request, const Claim& claim, const crypto::Sha256Digest& key,
                      PathRule path_rule, std::string_view payload_hash,
                      std::span<const std::string_view> unsigned_parameters) {
  const CanonicalParts parts{
      .method = request.method,
      .canonical_path = CanonicalPath(request.path(), path_rule),
      .canonical_query = CanonicalQuery(request.query(), unsigned_parameters),
      .headers = request.headers,
      .signed_headers = claim.signed_headers,
      .payload_hash = payload_hash};
  const std::string expected =
      Signature(key, StringToSign(claim.amz_date, claim.scope, CanonicalRequest(parts)));
  return crypto::EqualConstantTime(AsBytes(expected), AsBytes(claim.signature));
}

Status CheckSignature(const Request& request, const Claim& claim, const crypto::Sha256Digest& key,
                      PathRule path_rule, std::string_view payload_hash) {
  static constexpr std::string_view kQueryForm[] = {kSignatureParameter};
  // Some services add the token to a presigned URL only after signing it. It is a secret of its own
  // and was compared before, so that leaving it out of the signature gives nothing away.
  static constexpr std::string_view kQueryFormTokenAfter[] = {kSignatureParameter, kTokenParameter};
  const auto matches = [&](std::span<const std::string_view> without) {
    return SignatureMatches(request, claim, key, path_rule, payload_hash, without);
  };
  if (!claim.presigned) {
    if (matches({})) return {};
  } else if (matches(kQueryForm) || (claim.token.has_value() && matches(kQueryFormTokenAfter))) {
    return {};
  }
  return Refuse("InvalidSignatureException",
                "the signature does not match the one computed from the request");
}

Result<std::optional<StreamingSignature>> StreamingOf(const Claim& claim,
                                                      const crypto::Sha256Digest& key,
                                                      std::string_view payload_hash) {
  if (payload_hash.rfind("STREAMING-", 0) != 0) return std::optional<StreamingSignature>();
  StreamingSignature streaming{.signing_key = key,
                               .amz_date = claim.amz_date,
                               .scope = claim.scope,
                               .seed = claim.signature};
  if (payload_hash == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") {
    streaming.trailer_follows = true;
  } else if (payload_hash == "STREAMING-UNSIGNED-PAYLOAD-TRAILER") {
    streaming.trailer_follows = true;
    streaming.chunks_signed = false;
  } else if (payload_hash != "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") {
    return Incomplete("x-amz-content-sha256 names an unknown streaming form");
  }
  return std::optional<StreamingSignature>(std::move(streaming));
}

}  // namespace

crypto::Sha256Digest SigningKeyCache::Get(const std::string& access_key_id,
                                          const std::string& secret, const CredentialScope& scope) {
  const std::string name = scope.Text() + "/" + access_key_id;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(name);
    if (found != entries_.end() && found->second.secret == secret) return found->second.key;
  }
  const crypto::Sha256Digest key = DeriveSigningKey(secret, scope);
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kEntriesMax) entries_.clear();
  entries_.insert_or_assign(name, Entry{secret, key});
  return key;
}

size_t SigningKeyCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

Result<VerifiedIdentity> VerifyRequest(const Request& request, const SecretLookup& lookup,
                                       std::span<const std::string_view> services, EpochMs now,
                                       const VerifyOptions& options) {
  KEDGE_TRY(const Claim claim, ReadClaim(request));
  if (std::find(services.begin(), services.end(), claim.scope.service) == services.end())
    return Refuse("InvalidSignatureException",
                  "the credential is scoped to service '" + claim.scope.service + "'");
  KEDGE_TRY_STATUS(CheckTime(claim, now));
  KEDGE_TRY_STATUS(CheckSignedHeaders(request, claim));
  const std::optional<std::string> secret = lookup(claim.access_key_id);
  if (!secret.has_value())
    return Refuse("UnrecognizedClientException", "the access key id is unknown");
  if (claim.token.has_value() &&
      (!options.token_is_valid || !options.token_is_valid(claim.access_key_id, *claim.token)))
    return Refuse("InvalidClientTokenId", "the session token is unknown");
  KEDGE_TRY(const std::string payload_hash, PayloadHash(request, claim, options.head_only));
  const crypto::Sha256Digest key =
      options.cache != nullptr ? options.cache->Get(claim.access_key_id, *secret, claim.scope)
                               : DeriveSigningKey(*secret, claim.scope);
  KEDGE_TRY_STATUS(CheckSignature(request, claim, key, PathRuleOf(claim, options), payload_hash));
  KEDGE_TRY(std::optional<StreamingSignature> streaming, StreamingOf(claim, key, payload_hash));
  return VerifiedIdentity{claim.access_key_id, claim.scope.region, claim.scope.service,
                          claim.presigned, std::move(streaming)};
}

std::string ClaimedService(const Request& request) {
  const Result<Claim> claim = ReadClaim(request);
  return claim ? claim->scope.service : std::string();
}

}  // namespace kedge::http
