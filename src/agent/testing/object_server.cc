// SPDX-License-Identifier: Apache-2.0
#include "agent/testing/object_server.h"

#include <algorithm>

namespace kedge::agent::testing {

Result<http::Response> ObjectServer::Send(const http::ClientRequest& request) {
  ++requests;
  http::Response response;
  if (status != 0) {
    response.status = status;
    return response;
  }
  const size_t host = request.url.find("//") + 2;
  const auto object = objects.find(request.url.substr(request.url.find('/', host)));
  if (object == objects.end()) {
    response.status = 404;
    return response;
  }
  Bytes rest = object->second;
  const std::string range = request.headers.Get("Range");
  if (!range.empty() && knows_ranges) {
    const uint64_t offset = std::stoull(range.substr(std::string_view("bytes=").size()));
    if (offset >= rest.size()) {
      response.status = 416;
      return response;
    }
    rest = rest.subspan(offset);
    response.status = 206;
  }
  const bool breaks = break_after_bytes != 0 && rest.size() > break_after_bytes;
  if (breaks) rest = rest.first(break_after_bytes);
  constexpr size_t kPieceBytes = 1000;
  for (size_t at = 0; at < rest.size(); at += kPieceBytes) {
    const Bytes piece = rest.subspan(at, std::min(kPieceBytes, rest.size() - at));
    bytes_sent += piece.size();
    KEDGE_TRY_STATUS(request.sink(piece));
  }
  if (breaks) return Unavailable("connection lost");
  return response;
}

}  // namespace kedge::agent::testing
