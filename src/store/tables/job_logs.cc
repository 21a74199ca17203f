// SPDX-License-Identifier: Apache-2.0
#include "store/tables/job_logs.h"

#include <algorithm>

namespace kedge::store {
namespace {

struct Extent {
  int64_t start = 0;
  int64_t end = 0;
};

Result<Extent> FindExtent(Transaction& transaction, JobKind kind, const std::string& job) {
  KEDGE_TRY(const Rows rows, transaction.Query("SELECT COALESCE(MIN(first_byte), 0), "
                                               "COALESCE(MAX(first_byte + bytes), 0) FROM job_logs "
                                               "WHERE kind = $1 AND job = $2",
                                               {std::string(NameOf(kind)), job}));
  return Extent{.start = rows[0].Integer(0), .end = rows[0].Integer(1)};
}

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

Status AppendJobLog(Transaction& transaction, JobKind kind, const JobClaim& claim,
                    const std::string& text) {
  KEDGE_TRY(const auto status, LookAtJob(transaction, kind, claim));
  if (!status) return Aborted("job " + claim.name + " is another node's now");
  KEDGE_TRY(const Extent extent, FindExtent(transaction, kind, claim.name));
  const auto bytes = static_cast<int64_t>(text.size());
  KEDGE_TRY([[maybe_unused]] const int64_t added,
            transaction.Execute("INSERT INTO job_logs (kind, job, first_byte, bytes, content) "
                                "VALUES ($1, $2, $3, $4, $5)",
                                {std::string(NameOf(kind)), claim.name, extent.end, bytes, text}));
  KEDGE_TRY([[maybe_unused]] const int64_t gone,
            transaction.Execute(
                "DELETE FROM job_logs WHERE kind = $1 AND job = $2 AND first_byte + bytes <= $3",
                {std::string(NameOf(kind)), claim.name, extent.end + bytes - kJobLogBytesMax}));
  return {};
}

Result<JobLogPage> ReadJobLog(Transaction& transaction, JobKind kind, const std::string& job,
                              int64_t from_byte, int64_t bytes_max) {
  KEDGE_TRY(const Extent extent, FindExtent(transaction, kind, job));
  const int64_t from = std::clamp(from_byte, extent.start, extent.end);
  JobLogPage page{
      .first_byte = from, .next_byte = from, .start_byte = extent.start, .total_bytes = extent.end};
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT first_byte, bytes, content FROM job_logs WHERE kind = $1 AND "
                              "job = $2 AND first_byte + bytes > $3 AND first_byte < $4 "
                              "ORDER BY first_byte",
                              {std::string(NameOf(kind)), job, from, from + bytes_max}));
  for (const Row& row : rows) {
    const std::string& content = row.Text(2);
    const int64_t bytes = row.Integer(1);
    if (!page.text.empty() && static_cast<int64_t>(page.text.size()) + bytes > bytes_max) break;
    auto skip = static_cast<size_t>(std::max<int64_t>(from - row.Integer(0), 0));
    while (skip < content.size() && IsContinuation(content[skip])) ++skip;
    if (page.text.empty()) page.first_byte = row.Integer(0) + static_cast<int64_t>(skip);
    page.text += content.substr(skip);
    page.next_byte = row.Integer(0) + bytes;
  }
  return page;
}

}  // namespace kedge::store
