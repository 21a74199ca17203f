// What a running job says, on its way to the store: collected here by the job's threads, taken and
// appended to the job's log by the runner every second or so.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string>
#include <string_view>

namespace kedge::server {

// Thread-safe.
class JobLog {
 public:
  static constexpr size_t kPendingBytesMax = 64 << 10;  // above: the oldest pending bytes go

  // Output of a program, in pieces as they come.
  void Append(std::string_view text);
  // A line of the server's own.
  void Line(std::string_view text);
  // What was collected since the last Take, whole characters only unless `all`. Valid UTF-8 without
  // NUL: bytes that are none become U+FFFD.
  std::string Take(bool all);

 private:
  std::mutex mutex_;
  std::string pending_;
  bool dropped_ = false;
};

}  // namespace kedge::server
