// SPDX-License-Identifier: Apache-2.0
#include "server/commands/backup_report.h"

#include <cinttypes>
#include <cstdio>
#include <unistd.h>

#include "base/json/json.h"

namespace kedge::server {

store::BackupProgress ProgressLine() {
  if (isatty(STDERR_FILENO) == 0) return [](const std::string&, const store::BackupCounts&) {};
  return [](const std::string& table, const store::BackupCounts& so_far) {
    std::fprintf(stderr, "\r\x1b[K%s: %" PRId64 " rows in all", table.c_str(), so_far.rows);
  };
}

void PrintCounts(FILE* stream, bool as_json, std::string_view done,
                 const store::BackupCounts& counts) {
  if (isatty(STDERR_FILENO) != 0) std::fprintf(stderr, "\r\x1b[K");
  if (as_json) {
    const json::Value object = json::Object{{"schema", counts.schema},
                                            {"tables", counts.tables},
                                            {"rows", counts.rows},
                                            {"bytes", counts.bytes}};
    std::fprintf(stream, "%s\n", json::Write(object).c_str());
    return;
  }
  std::fprintf(stream,
               "%.*s %" PRId64 " rows of %" PRId64 " tables, %" PRIu64 " bytes, schema %" PRId64
               "\n",
               static_cast<int>(done.size()), done.data(), counts.rows, counts.tables, counts.bytes,
               counts.schema);
}

}  // namespace kedge::server
