// SPDX-License-Identifier: Apache-2.0
#include "server/console/assets.h"

#include <algorithm>
#include <array>

#include "base/crypto/crypto.h"

namespace kedge::server {
namespace {

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr std::string_view kPackedSuffix = ".gz";
constexpr size_t kHashLetters = 8;

constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kTypes = {{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".json", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
}};

std::string TypeOf(std::string_view name) {
  for (const auto& [suffix, type] : kTypes) {
    if (name.ends_with(suffix)) return std::string(type);
  }
  return "application/octet-stream";
}

// "app-3F2AB7C1.js": esbuild puts eight letters of base32 before the suffix.
bool HasHash(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot < kHashLetters + 1) return false;
  const std::string_view hash = name.substr(dot - kHashLetters, kHashLetters);
  return name[dot - kHashLetters - 1] == '-' && std::all_of(hash.begin(), hash.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7');
         });
}

// Whether the client takes gzip; "gzip;q=0" says no.
bool TakesGzip(const http::Request& request) {
  const std::string accepted = http::LowerCase(request.headers.Get("Accept-Encoding"));
  const size_t at = accepted.find("gzip");
  return at != std::string::npos && accepted.compare(at, 8, "gzip;q=0") != 0;
}

http::Response Plain(int status, std::string text) {
  http::Response response;
  response.status = status;
  response.body = std::move(text);
  response.headers.Set("Content-Type", "text/plain; charset=utf-8");
  SetPageHeaders(response);
  return response;
}

}  // namespace

void SetPageHeaders(http::Response& response) {
  response.headers.Set("Content-Security-Policy", std::string(kPolicy));
  response.headers.Set("X-Content-Type-Options", "nosniff");
  response.headers.Set("X-Frame-Options", "DENY");
  response.headers.Set("Referrer-Policy", "no-referrer");
  response.headers.Set("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.Set("Cross-Origin-Resource-Policy", "same-origin");
}

ConsoleAssets::ConsoleAssets(std::span<const EmbeddedFile> files) {
  for (const EmbeddedFile& file : files) {
    if (file.name.ends_with(kPackedSuffix)) continue;
    const std::string digest = HexEncode(crypto::Sha256(AsBytes(file.text)));
    assets_[std::string(file.name)] = {
        .plain = file.text, .gzip = {}, .etag = "\"" + digest.substr(0, 32) + "\""};
  }
  for (const EmbeddedFile& file : files) {
    if (!file.name.ends_with(kPackedSuffix)) continue;
    const auto asset = assets_.find(file.name.substr(0, file.name.size() - kPackedSuffix.size()));
    if (asset != assets_.end()) asset->second.gzip = file.text;
  }
}

http::Response ConsoleAssets::Answer(const http::Request& request, std::string_view name) const {
  if (request.method != "GET" && request.method != "HEAD") return Plain(405, "GET or HEAD\n");
  if (name.find('.') == std::string_view::npos) name = "index.html";
  const auto found = assets_.find(name);
  if (found == assets_.end()) return Plain(404, "there is no such file\n");
  const Asset& asset = found->second;
  http::Response response;
  SetPageHeaders(response);
  response.headers.Set("Content-Type", TypeOf(name));
  response.headers.Set("ETag", asset.etag);
  response.headers.Set("Vary", "Accept-Encoding");
  response.headers.Set("Cache-Control",
                       HasHash(name) ? "public, max-age=31536000, immutable" : "no-cache");
  if (request.headers.Get("If-None-Match") == asset.etag) {
    response.status = 304;
    return response;
  }
  const bool packed = !asset.gzip.empty() && TakesGzip(request);
  if (packed) response.headers.Set("Content-Encoding", "gzip");
  response.body = packed ? asset.gzip : asset.plain;
  return response;
}

}  // namespace kedge::server
