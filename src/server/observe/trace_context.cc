// SPDX-License-Identifier: Apache-2.0
#include "server/observe/trace_context.h"

#include "base/bytes.h"
#include "base/crypto/crypto.h"

namespace kedge::server {
namespace {

constexpr size_t kTraceIdBytes = 16;
constexpr size_t kSpanIdBytes = 8;
constexpr size_t kVersion00Length = 55;

bool IsLowerHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}
bool IsZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

}  // namespace

std::optional<TraceContext> ParseTraceparent(std::string_view text) {
  if (text.size() < kVersion00Length || text[2] != '-' || text[35] != '-' || text[52] != '-') {
    return std::nullopt;
  }
  const std::string_view version = text.substr(0, 2);
  const std::string_view trace_id = text.substr(3, 32);
  const std::string_view span_id = text.substr(36, 16);
  const std::string_view flags = text.substr(53, 2);
  if (!IsLowerHex(version) || !IsLowerHex(trace_id) || !IsLowerHex(span_id) || !IsLowerHex(flags)) {
    return std::nullopt;
  }
  if (version == "ff" || IsZero(trace_id) || IsZero(span_id)) return std::nullopt;
  const bool longer = text.size() > kVersion00Length;
  if (longer && (version == "00" || text[kVersion00Length] != '-')) return std::nullopt;
  const char low = flags[1];
  const int digit = low <= '9' ? low - '0' : low - 'a' + 10;
  return TraceContext{.trace_id = std::string(trace_id),
                      .span_id = std::string(span_id),
                      .sampled = (digit & 1) != 0};
}

std::string FormatTraceparent(const TraceContext& context) {
  return "00-" + context.trace_id + "-" + context.span_id + (context.sampled ? "-01" : "-00");
}

TraceContext NewTrace(bool sampled) {
  return {.trace_id = HexEncode(crypto::RandomBytes(kTraceIdBytes)),
          .span_id = HexEncode(crypto::RandomBytes(kSpanIdBytes)),
          .sampled = sampled};
}

TraceContext ChildOf(const TraceContext& parent) {
  return {.trace_id = parent.trace_id,
          .span_id = HexEncode(crypto::RandomBytes(kSpanIdBytes)),
          .sampled = parent.sampled};
}

}  // namespace kedge::server
