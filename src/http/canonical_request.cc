// SPDX-License-Identifier: Apache-2.0
#include "http/canonical_request.h"

#include <algorithm>

namespace kedge::http {

namespace {

std::vector<std::string_view> SplitPath(std::string_view path) {
  std::vector<std::string_view> segments;
  for (size_t start = 0;;) {
    const size_t slash = path.find('/', start);
    segments.push_back(path.substr(start, slash - start));
    if (slash == std::string_view::npos) return segments;
    start = slash + 1;
  }
}

std::string RemoveDotSegments(std::string_view path) {
  std::vector<std::string_view> kept;
  for (const std::string_view segment : SplitPath(path)) {
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else {
      kept.push_back(segment);
    }
  }
  std::string out;
  for (const std::string_view segment : kept) out.append("/").append(segment);
  if (out.empty() || path.back() == '/') out += '/';
  return out;
}

std::string EncodeSegmentsOnce(std::string_view path) {
  std::string out;
  for (const std::string_view segment : SplitPath(path)) {
    out += PercentEncode(PercentDecode(segment), /*keep_slash=*/false);
    out += '/';
  }
  out.pop_back();
  return out;
}

}  // namespace

std::string CanonicalPath(std::string_view path, PathRule rule) {
  if (path.empty()) return "/";
  switch (rule) {
    case PathRule::kNormalized:
      return PercentEncode(RemoveDotSegments(path), /*keep_slash=*/true);
    case PathRule::kAsSent:
      return PercentEncode(path, /*keep_slash=*/true);
    case PathRule::kS3:
      return EncodeSegmentsOnce(path);
  }
  return "/";
}

std::string CanonicalQuery(std::string_view query, std::span<const std::string_view> without) {
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const auto& [name, value] : ParseQuery(query)) {
    if (std::find(without.begin(), without.end(), name) != without.end()) continue;
    encoded.emplace_back(PercentEncode(name, false), PercentEncode(value, false));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) {
    if (!out.empty()) out += '&';
    out.append(name).append("=").append(value);
  }
  return out;
}

std::string CanonicalHeaderValue(std::string_view value) {
  constexpr std::string_view kBlanks = " \t\r\n";
  if (value.find_first_of(kBlanks) == std::string_view::npos) return std::string(value);
  std::string out;
  out.reserve(value.size());
  bool blank = false;
  for (const char c : value) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      blank = !out.empty();
      continue;
    }
    if (blank) out += ' ';
    blank = false;
    out += c;
  }
  return out;
}

std::string CanonicalRequest(const CanonicalParts& parts) {
  std::string out;
  out.append(parts.method).append("\n");
  out.append(parts.canonical_path).append("\n");
  out.append(parts.canonical_query).append("\n");
  std::string names;
  for (const std::string& name : parts.signed_headers) {
    out.append(name).append(":");
    bool first = true;
    for (const auto& [sent_name, value] : parts.headers.list) {
      if (!EqualIgnoringCase(sent_name, name)) continue;
      if (!first) out += ',';
      first = false;
      out += CanonicalHeaderValue(value);
    }
    out += '\n';
    if (!names.empty()) names += ';';
    names += name;
  }
  out.append("\n").append(names).append("\n").append(parts.payload_hash);
  return out;
}

std::string StringToSign(std::string_view amz_date, const CredentialScope& scope,
                         std::string_view canonical_request) {
  std::string out(kSigV4Algorithm);
  out.append("\n").append(amz_date).append("\n").append(scope.Text()).append("\n");
  return out + crypto::Sha256Hex(AsBytes(canonical_request));
}

crypto::Sha256Digest DeriveSigningKey(std::string_view secret, const CredentialScope& scope) {
  const std::string first = "AWS4" + std::string(secret);
  crypto::Sha256Digest key = crypto::HmacSha256(AsBytes(first), AsBytes(scope.date));
  for (const std::string_view part :
       {std::string_view(scope.region), std::string_view(scope.service),
        std::string_view("aws4_request")}) {
    key = crypto::HmacSha256(key, AsBytes(part));
  }
  return key;
}

std::string Signature(const crypto::Sha256Digest& key, std::string_view string_to_sign) {
  return HexEncode(crypto::HmacSha256(key, AsBytes(string_to_sign)));
}

}  // namespace kedge::http
