// The SigV4 verifier over requests in text form: "METHOD target", headers, an empty line, the body.
// The secret is known, so that an input can get all the way to an accepted signature; the corpus
// holds signed requests.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "http/sigv4.h"

namespace {

using kedge::http::PathRule;
using kedge::http::Request;

constexpr kedge::EpochMs kNow = 1'440'938'160'000;  // 2015-08-30T12:36:00Z, as in the corpus
constexpr std::string_view kServices[] = {"s3", "sagemaker"};

std::string_view TakeLine(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

Request Parse(std::string_view text) {
  Request request;
  const std::string_view line = TakeLine(text);
  const size_t blank = std::min(line.find(' '), line.size());
  request.method = line.substr(0, blank);
  request.target = line.substr(std::min(blank + 1, line.size()));
  for (;;) {
    const std::string_view header = TakeLine(text);
    if (header.empty()) break;
    const size_t colon = std::min(header.find(':'), header.size());
    request.headers.list.emplace_back(
        std::string(header.substr(0, colon)),
        std::string(header.substr(std::min(colon + 1, header.size()))));
  }
  request.body = text;
  return request;
}

bool Accepted(const Request& request) {
  const auto lookup = [](const std::string& id) -> std::optional<std::string> {
    if (id == "AKIDEXAMPLE") return "secret";
    return std::nullopt;
  };
  return VerifyRequest(request, lookup, kServices, kNow).has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  Request request = Parse({reinterpret_cast<const char*>(bytes), size});

  const std::string query = kedge::http::CanonicalQuery(request.query(), {});
  KEDGE_CHECK(kedge::http::CanonicalQuery(query, {}) == query);
  const std::string path = kedge::http::CanonicalPath(request.path(), PathRule::kS3);
  KEDGE_CHECK(kedge::http::CanonicalPath(path, PathRule::kS3) == path);

  if (!Accepted(request)) return 0;
  KEDGE_CHECK(!kedge::http::ClaimedService(request).empty());
  request.method += "X";
  KEDGE_CHECK(!Accepted(request));
  return 0;
}
