// What jobs say while they run, as segments of text: the node that runs the job appends, any node
// reads. A log keeps its end: what is older than kJobLogBytesMax before the end goes. Positions are
// bytes from the start of the log and stay good when its beginning has gone.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/jobs.h"

namespace kedge::store {

constexpr int64_t kJobLogBytesMax = 256 << 10;  // of each job

// Appends text (valid UTF-8 without NUL), under the claim. kAborted if the claim is no longer this
// node's.
Status AppendJobLog(Transaction& transaction, JobKind kind, const JobClaim& claim,
                    const std::string& text);

struct JobLogPage {
  std::string text;
  int64_t first_byte = 0;   // where `text` begins: at or after the position that was asked for
  int64_t next_byte = 0;    // where to go on
  int64_t start_byte = 0;   // of what is kept of the log
  int64_t total_bytes = 0;  // where the log ends now
};
// From a position, at least one segment if there is one, at most about bytes_max bytes. A position
// within a character goes on after it.
Result<JobLogPage> ReadJobLog(Transaction& transaction, JobKind kind, const std::string& job,
                              int64_t from_byte, int64_t bytes_max);

}  // namespace kedge::store
