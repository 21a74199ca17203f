// SPDX-License-Identifier: Apache-2.0
#include "http/framing.h"

#include <algorithm>

namespace kedge::http {

namespace {

bool IsControl(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

bool AllOf(std::string_view text, bool (*allowed)(char)) {
  return std::all_of(text.begin(), text.end(), allowed);
}

// Names and values come from handlers, and handlers may have copied them from a request.
bool IsSafeHeader(const Header& header) {
  return !header.first.empty() &&
         AllOf(header.first, [](char c) { return !IsControl(c) && c != ':' && c != ' '; }) &&
         AllOf(header.second, [](char c) { return !IsControl(c); });
}

}  // namespace

HeadScan ScanHead(std::string_view arrived, size_t scanned) {
  // A few bytes are looked at again, because a line end may be cut in two.
  for (size_t i = scanned > 4 ? scanned - 4 : 0; i < arrived.size(); ++i) {
    const char c = arrived[i];
    if (static_cast<uint8_t>(c) >= 0x20 && c != 0x7f) continue;  // nearly all
    if (c == '\r') {
      if (i + 1 < arrived.size() && arrived[i + 1] != '\n') return {HeadScan::State::kMalformed, 0};
      continue;
    }
    if (c != '\n') {
      if (IsControl(c)) return {HeadScan::State::kMalformed, 0};
      continue;
    }
    if (i == 0 || arrived[i - 1] != '\r') return {HeadScan::State::kMalformed, 0};
    if (i >= 3 && arrived.substr(i - 3, 4) == "\r\n\r\n")
      return {HeadScan::State::kComplete, i + 1};
    if (i + 1 < arrived.size() && (arrived[i + 1] == ' ' || arrived[i + 1] == '\t'))
      return {HeadScan::State::kMalformed, 0};
  }
  return {};
}

std::optional<Refusal> CheckHead(const Request& request, unsigned version) {
  const auto refuse = [](int status, std::string message) {
    return Refusal{status, std::move(message)};
  };
  if (version != 10 && version != 11) return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken");
  if (request.target.empty() || request.target.front() != '/')
    return refuse(400, "the request target does not begin with '/'");
  const size_t hosts = request.headers.Count("Host");
  if (hosts > 1 || (hosts == 0 && version == 11))
    return refuse(400, "header 'Host' is there " + std::to_string(hosts) + " times, needs once");
  const size_t lengths = request.headers.Count("Content-Length");
  if (lengths > 1) return refuse(400, "header 'Content-Length' is repeated");
  if (lengths == 1) {
    const std::string value = request.headers.Get("Content-Length");
    if (value.empty() || value.size() > 19 ||
        !AllOf(value, [](char c) { return c >= '0' && c <= '9'; }))
      return refuse(400, "header 'Content-Length' is not a number");
  }
  const size_t codings = request.headers.Count("Transfer-Encoding");
  if (codings > 0) {
    if (codings > 1 || !EqualIgnoringCase(request.headers.Get("Transfer-Encoding"), "chunked"))
      return refuse(400, "header 'Transfer-Encoding' is not 'chunked'");
    if (lengths > 0) return refuse(400, "both 'Content-Length' and 'Transfer-Encoding' are there");
    if (version == 10) return refuse(400, "HTTP/1.0 has no 'Transfer-Encoding'");
  }
  const std::string* expect = request.headers.Find("Expect");
  if (expect != nullptr && !EqualIgnoringCase(*expect, "100-continue"))
    return refuse(417, "header 'Expect' is not '100-continue'");
  return std::nullopt;
}

bool HasBody(const Response& response, bool is_head_request) {
  return !is_head_request && response.status >= 200 && response.status != 204 &&
         response.status != 304;
}

std::string FormatHead(const Response& response, const HeadContext& context) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head.append(ReasonPhrase(response.status)).append("\r\n");
  std::string length =
      std::to_string(response.file != nullptr ? response.file_bytes : response.body.size());
  for (const Header& header : response.headers.list) {
    if (EqualIgnoringCase(header.first, "Content-Length")) {
      if (context.is_head_request) length = header.second;
      continue;
    }
    if (EqualIgnoringCase(header.first, "Connection") ||
        EqualIgnoringCase(header.first, "Transfer-Encoding") || !IsSafeHeader(header))
      continue;
    head.append(header.first).append(": ").append(header.second).append("\r\n");
  }
  if (response.headers.Find("Date") == nullptr)
    head.append("Date: ").append(FormatHttpDate(context.now)).append("\r\n");
  if (response.status != 204 && response.status != 304)
    head.append("Content-Length: ").append(length).append("\r\n");
  head.append(context.keep_alive ? "" : "Connection: close\r\n").append("\r\n");
  return head;
}

}  // namespace kedge::http
