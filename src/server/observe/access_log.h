// One JSON line a request:
//   {"time":"...","node":"a","peer":"127.0.0.1:40000","method":"POST","path":"/","operation":"ListDevices",
//    "status":200,"request_bytes":20,"response_bytes":812,"microseconds":431,"key":"KEDG...",
//    "request_id":"...","trace_id":"..."}
// Queries are left out (presigned URLs carry signatures there), and so are bodies.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/file.h"

namespace kedge::server {

struct AccessLogEntry {
  EpochMs time = 0;
  std::string peer;
  std::string method;
  std::string path;
  std::string operation;
  int status = 0;
  uint64_t request_bytes = 0;   // of the body
  uint64_t response_bytes = 0;  // of the body
  int64_t microseconds = 0;     // from the complete request to the answer
  std::string key;              // access key id as claimed; proven only if the status is not 403
  std::string request_id;
  std::string trace_id;
};

std::string FormatAccessLogLine(const AccessLogEntry& entry);

// Thread-safe. Every line is one write(2). A line that cannot be written is counted, never waited
// for: a full disk must not stop the API.
class AccessLog {
 public:
  // Appends to the file, made with mode 0640; "-" is standard output.
  static Result<std::unique_ptr<AccessLog>> Open(const Path& file);
  void Write(const AccessLogEntry& entry);
  // Opens the file's name anew: call it after log rotation has moved the old one. On failure the
  // old file stays in use.
  Status Reopen();
  uint64_t lines_lost() const { return lines_lost_.load(); }

 private:
  AccessLog(Path file, FileDescriptor descriptor)
      : file_(std::move(file)), descriptor_(std::move(descriptor)) {}

  const Path file_;
  std::mutex mutex_;  // of the descriptor
  FileDescriptor descriptor_;
  std::atomic<uint64_t> lines_lost_{0};
};

}  // namespace kedge::server
