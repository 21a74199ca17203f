// Plain HTTP types: what crosses the border of this folder. Boost.Beast (server) and libcurl
// (client) stay inside.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"
#include "http/tls.h"

namespace kedge::http {

using Header = std::pair<std::string, std::string>;

struct Headers {
  std::vector<Header> list;  // in the order of the wire; names as sent
  // The first value of that name (any case), or null.
  const std::string* Find(std::string_view name) const;
  std::string Get(std::string_view name, std::string_view other = "") const;
  void Set(std::string_view name, std::string value);  // replaces all of that name
  // How many fields of that name (any case) there are.
  size_t Count(std::string_view name) const;
};

// A request as received. `target` is the raw request target ("/path?query"), undecoded: signatures
// are over it.
struct Request {
  std::string method;
  std::string target;
  Headers headers;
  std::string body;                                    // empty if body_file is set
  std::shared_ptr<TemporaryDirectory> body_directory;  // holds body_file
  Path body_file;  // a large body was spooled here; its SHA-256 is body_sha256
  uint64_t body_bytes = 0;
  std::string body_sha256;  // hexadecimal, computed while receiving
  std::string peer;         // "127.0.0.1:43210"
  bool over_tls = false;
  // Of the connection: the same object for all its requests. Null: plain, or none was given.
  std::shared_ptr<const PeerCertificate> peer_certificate;

  std::string_view path() const;   // target up to '?'
  std::string_view query() const;  // after '?', or empty
};

struct Response {
  int status = 200;
  // Content-Length is set by the server, except that an answer to HEAD may bring its own.
  Headers headers;
  std::string body;
  // If set, the body is `file_bytes` from `file_offset` of this open file instead.
  std::shared_ptr<FileDescriptor> file;
  uint64_t file_offset = 0;
  uint64_t file_bytes = 0;
};

// %XX becomes its byte; a '%' without two hexadecimal digits stays, and so does '+'.
std::string PercentDecode(std::string_view text);
// RFC 3986 unreserved characters stay; others become %XX in upper case. '/' stays if keep_slash.
std::string PercentEncode(std::string_view text, bool keep_slash);
// "a=1&b" -> {{"a","1"},{"b",""}}, decoded.
std::vector<std::pair<std::string, std::string>> ParseQuery(std::string_view query);
// "Not Found" for 404; "Unknown" for numbers that RFC 9110 does not name.
std::string_view ReasonPhrase(int status);
// RFC 9110 section 5.6.7: "Sun, 22 Nov 2026 07:09:38 GMT"; milliseconds are cut off.
std::string FormatHttpDate(EpochMs time);
// Reads that form, the only one that senders may use. kInvalidArgument.
Result<EpochMs> ParseHttpDate(const std::string& text);
// ASCII letters only; what is not one compares as it stands.
bool EqualIgnoringCase(std::string_view a, std::string_view b);
std::string LowerCase(std::string_view text);

// The parts of "http://host:port/path?query".
struct Url {
  std::string scheme;     // "http" or "https"
  std::string authority;  // "host:port", as it stands in the URL
  std::string target;     // "/path?query"; "/" if the URL ends after the authority
};
// kInvalidArgument for another scheme, an empty host, user information or a control character.
Result<Url> SplitUrl(std::string_view url);

}  // namespace kedge::http
