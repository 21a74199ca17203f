// A network for tests: serves objects by path as an S3 server does, and breaks as it is told.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "http/client.h"

namespace kedge::agent::testing {

class ObjectServer final : public http::Transport {
 public:
  std::map<std::string, ByteBuffer> objects;  // "/bucket/key"
  uint64_t break_after_bytes = 0;             // each connection ends after so many bytes; 0: never
  bool knows_ranges = true;                   // false: always sends the whole object
  int status = 0;                             // answer everything with this status; 0: work

  int requests = 0;
  uint64_t bytes_sent = 0;

  Result<http::Response> Send(const http::ClientRequest& request) override;
};

}  // namespace kedge::agent::testing
