// SPDX-License-Identifier: Apache-2.0
#include "server/observe/access_log.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/json/json.h"

namespace kedge::server {
namespace {

Result<FileDescriptor> OpenLog(const Path& file) {
  if (file == "-") return FileDescriptor(dup(STDOUT_FILENO));
  return OpenFile(file, O_WRONLY | O_CREAT | O_APPEND, 0640);
}

}  // namespace

std::string FormatAccessLogLine(const AccessLogEntry& entry) {
  return json::Write(json::Object{{"time", FormatIso8601(entry.time)},
                                  {"peer", entry.peer},
                                  {"method", entry.method},
                                  {"path", entry.path},
                                  {"operation", entry.operation},
                                  {"status", entry.status},
                                  {"request_bytes", entry.request_bytes},
                                  {"response_bytes", entry.response_bytes},
                                  {"microseconds", entry.microseconds},
                                  {"key", entry.key},
                                  {"request_id", entry.request_id},
                                  {"trace_id", entry.trace_id}}) +
         "\n";
}

Result<std::unique_ptr<AccessLog>> AccessLog::Open(const Path& file) {
  auto descriptor = OpenLog(file);
  if (!descriptor) return Wrap(descriptor.error(), "opening the access log");
  return std::unique_ptr<AccessLog>(new AccessLog(file, std::move(*descriptor)));
}

void AccessLog::Write(const AccessLogEntry& entry) {
  const std::string line = FormatAccessLogLine(entry);
  const std::lock_guard lock(mutex_);
  const ssize_t written = write(descriptor_.get(), line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size())) ++lines_lost_;
}

Status AccessLog::Reopen() {
  auto descriptor = OpenLog(file_);
  if (!descriptor) return Wrap(descriptor.error(), "reopening the access log");
  const std::lock_guard lock(mutex_);
  descriptor_ = std::move(*descriptor);
  return {};
}

}  // namespace kedge::server
