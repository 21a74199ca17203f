// The `traceparent` header. Source: W3C Trace Context, Recommendation of 23 November 2021,
// section 3.2.
//
//   00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
//   version, trace id (16 bytes), parent's span id (8 bytes), flags (bit 0: sampled)
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kedge::server {

struct TraceContext {
  std::string trace_id;  // 32 lower-case hexadecimal digits, not all zero
  std::string span_id;   // 16 of them: the caller's when read, ours when written
  bool sampled = false;
};

// Nothing if the text is not valid: the caller then starts a trace of its own, as the standard
// asks. Versions above 00 are read as far as version 00 goes.
std::optional<TraceContext> ParseTraceparent(std::string_view text);
std::string FormatTraceparent(const TraceContext& context);

// A new trace with a random id and span.
TraceContext NewTrace(bool sampled);
// A new span in the caller's trace.
TraceContext ChildOf(const TraceContext& parent);

}  // namespace kedge::server
