// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "http/sigv4.h"

namespace kedge::http {

namespace {

// Headers that proxies and transports change or add on the way.
constexpr std::array<std::string_view, 7> kNeverSigned = {
    "authorization",     "connection",      "expect",    "user-agent",
    "transfer-encoding", "x-amzn-trace-id", "keep-alive"};

std::vector<std::string> SignedHeaderNames(const Headers& headers) {
  std::vector<std::string> names;
  for (const auto& [name, value] : headers.list) {
    std::string lower = LowerCase(name);
    if (std::find(kNeverSigned.begin(), kNeverSigned.end(), lower) == kNeverSigned.end())
      names.push_back(std::move(lower));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string Join(std::span<const std::string> names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ';';
    out += name;
  }
  return out;
}

PathRule PathRuleOf(const SigningScope& scope, bool normalize_path) {
  if (scope.service == "s3") return PathRule::kS3;
  return normalize_path ? PathRule::kNormalized : PathRule::kAsSent;
}

Status CheckCredentials(const Credentials& credentials, const SigningScope& scope) {
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty())
    return InvalidArgument("credentials to sign with are empty");
  if (scope.region.empty() || scope.service.empty())
    return InvalidArgument("signing scope has an empty region or service");
  return {};
}

Result<std::string> BodyHash(const SigningOptions& options, const ClientRequest& request) {
  if (!options.body_sha256.empty()) return options.body_sha256;
  if (request.body_fd >= 0) return InvalidArgument("a body from a file needs its SHA-256 to sign");
  return crypto::Sha256Hex(AsBytes(request.body));
}

// The part both forms share: canonical request, string to sign, signature.
SigningSteps SignParts(const Credentials& credentials, const CredentialScope& scope,
                       const std::string& amz_date, const CanonicalParts& parts,
                       SigningKeyCache* cache) {
  SigningSteps steps;
  steps.canonical_request = CanonicalRequest(parts);
  steps.string_to_sign = StringToSign(amz_date, scope, steps.canonical_request);
  const std::string& secret = credentials.secret_access_key;
  steps.signature =
      Signature(cache != nullptr ? cache->Get(credentials.access_key_id, secret, scope)
                                 : DeriveSigningKey(secret, scope),
                steps.string_to_sign);
  return steps;
}

std::string_view PathOf(std::string_view target) { return target.substr(0, target.find('?')); }
std::string_view QueryOf(std::string_view target) {
  const size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

}  // namespace

Result<SigningSteps> SignRequestInSteps(const Credentials& credentials, const SigningScope& scope,
                                        EpochMs now, const SigningOptions& options,
                                        ClientRequest& request) {
  KEDGE_TRY_STATUS(CheckCredentials(credentials, scope));
  KEDGE_TRY(const Url url, SplitUrl(request.url));
  KEDGE_TRY(const std::string body_hash, BodyHash(options, request));
  const std::string amz_date = FormatBasicIso8601(now);
  const CredentialScope credential_scope{amz_date.substr(0, 8), scope.region, scope.service};

  request.headers.Set("Host", url.authority);
  request.headers.Set("X-Amz-Date", amz_date);
  if (scope.service == "s3" || options.send_body_sha256)
    request.headers.Set("X-Amz-Content-Sha256", body_hash);
  const bool has_token = !credentials.session_token.empty();
  if (has_token && options.sign_session_token)
    request.headers.Set("X-Amz-Security-Token", credentials.session_token);

  const std::vector<std::string> names = SignedHeaderNames(request.headers);
  const CanonicalParts parts{.method = request.method,
                             .canonical_path = CanonicalPath(
                                 PathOf(url.target), PathRuleOf(scope, options.normalize_path)),
                             .canonical_query = CanonicalQuery(QueryOf(url.target), {}),
                             .headers = request.headers,
                             .signed_headers = names,
                             .payload_hash = body_hash};
  SigningSteps steps = SignParts(credentials, credential_scope, amz_date, parts, options.cache);
  if (has_token && !options.sign_session_token)
    request.headers.Set("X-Amz-Security-Token", credentials.session_token);
  request.headers.Set("Authorization",
                      std::string(kSigV4Algorithm) + " Credential=" + credentials.access_key_id +
                          "/" + credential_scope.Text() + ", SignedHeaders=" + Join(names) +
                          ", Signature=" + steps.signature);
  return steps;
}

Result<SigningSteps> PresignInSteps(const Credentials& credentials, const SigningScope& scope,
                                    EpochMs now, const SigningOptions& options,
                                    ClientRequest& request) {
  KEDGE_TRY_STATUS(CheckCredentials(credentials, scope));
  KEDGE_TRY(const Url url, SplitUrl(request.url));
  if (options.expires_seconds < 1 || options.expires_seconds > 604800) {
    return InvalidArgument("presigned url would expire after " +
                           std::to_string(options.expires_seconds) + " s, needs 1 to 604800");
  }
  std::string body_hash(kUnsignedPayload);
  if (scope.service != "s3") {
    KEDGE_TRY(body_hash, BodyHash(options, request));
  }
  const std::string amz_date = FormatBasicIso8601(now);
  const CredentialScope credential_scope{amz_date.substr(0, 8), scope.region, scope.service};
  request.headers.Set("Host", url.authority);
  const std::vector<std::string> names = SignedHeaderNames(request.headers);

  std::string query(QueryOf(url.target));
  if (!query.empty()) query += '&';
  const std::string credential = credentials.access_key_id + "/" + credential_scope.Text();
  query += "X-Amz-Algorithm=" + std::string(kSigV4Algorithm) +
           "&X-Amz-Credential=" + PercentEncode(credential, false) + "&X-Amz-Date=" + amz_date +
           "&X-Amz-SignedHeaders=" + PercentEncode(Join(names), false) +
           "&X-Amz-Expires=" + std::to_string(options.expires_seconds);
  const std::string token =
      credentials.session_token.empty()
          ? ""
          : "&X-Amz-Security-Token=" + PercentEncode(credentials.session_token, false);
  if (options.sign_session_token) query += token;

  const CanonicalParts parts{.method = request.method,
                             .canonical_path = CanonicalPath(
                                 PathOf(url.target), PathRuleOf(scope, options.normalize_path)),
                             .canonical_query = CanonicalQuery(query, {}),
                             .headers = request.headers,
                             .signed_headers = names,
                             .payload_hash = body_hash};
  SigningSteps steps = SignParts(credentials, credential_scope, amz_date, parts, options.cache);
  if (!options.sign_session_token) query += token;
  request.url = url.scheme + "://" + url.authority + std::string(PathOf(url.target)) + "?" + query +
                "&X-Amz-Signature=" + steps.signature;
  return steps;
}

Status SignRequest(const Credentials& credentials, const SigningScope& scope, EpochMs now,
                   ClientRequest& request, std::string body_sha256) {
  SigningOptions options;
  options.body_sha256 = std::move(body_sha256);
  auto steps = SignRequestInSteps(credentials, scope, now, options, request);
  if (!steps) return std::move(steps).error();
  return {};
}

Result<std::string> PresignUrl(const Credentials& credentials, const SigningScope& scope,
                               EpochMs now, const std::string& method, const std::string& url,
                               int64_t expires_seconds) {
  ClientRequest request;
  request.method = method;
  request.url = url;
  SigningOptions options;
  options.expires_seconds = expires_seconds;
  auto steps = PresignInSteps(credentials, scope, now, options, request);
  if (!steps) return std::move(steps).error();
  return std::move(request.url);
}

}  // namespace kedge::http
