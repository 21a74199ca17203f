// Where a request's head ends, whether its framing is unambiguous, and how a response's head is
// written: pure functions beside the event loop. Two parsers that disagree about where a request
// ends let an attacker hide a second request in the first ("request smuggling"); so everything that
// RFC 9112 lets a server refuse is refused.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "http/http.h"

namespace kedge::http {

struct HeadScan {
  enum class State { kIncomplete, kComplete, kMalformed };
  State state = State::kIncomplete;
  size_t bytes = 0;  // of the head with its empty line, if complete
};

// Looks at what has arrived of a connection. Malformed at the first byte that no head can have: a
// bare LF or CR, a NUL or another control character, a folded line. `scanned`: how much of it an
// earlier call already found good.
HeadScan ScanHead(std::string_view arrived, size_t scanned);

// An answer of the server itself.
struct Refusal {
  int status = 400;
  std::string message;
};

// Checks a parsed head. `version`: 10 or 11.
std::optional<Refusal> CheckHead(const Request& request, unsigned version);

// The status line and header of a response, with Content-Length and Date, up to the empty line.
struct HeadContext {
  bool keep_alive = true;
  bool is_head_request = false;
  EpochMs now = 0;
};
std::string FormatHead(const Response& response, const HeadContext& context);

// Whether the answer has a body at all (RFC 9112 section 6.3).
bool HasBody(const Response& response, bool is_head_request);

}  // namespace kedge::http
