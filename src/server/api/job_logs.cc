// What jobs say and report.
// SPDX-License-Identifier: Apache-2.0
#include "store/tables/job_logs.h"

#include "server/api/context.h"
#include "server/api/lookup.h"

namespace kedge::server {
namespace {

constexpr int64_t kPageBytes = 64 << 10;

Result<std::string> StatusOf(store::Transaction& transaction, store::JobKind kind,
                             const std::string& name) {
  if (kind == store::JobKind::kCompilation) {
    KEDGE_TRY(auto job, NeedCompilationJob(transaction, name));
    return job.status;
  }
  KEDGE_TRY(auto job, NeedPackagingJob(transaction, name));
  return job.status;
}

Result<json::Value> GetJobLog(const Context& context, const Call& call) {
  const Input input = call.input();
  const std::string name = input.Text("JobName");
  const auto kind = input.Text("JobKind") == "COMPILATION" ? store::JobKind::kCompilation
                                                           : store::JobKind::kPackaging;
  std::string status;
  store::JobLogPage page;
  // One view: a job that has ended by its status has all of its log.
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(status, StatusOf(transaction, kind, name));
    KEDGE_TRY(page, store::ReadJobLog(transaction, kind, name, input.Integer("Position", 0),
                                      input.Integer("MaxBytes", kPageBytes)));
    return {};
  }));
  return json::Value(json::Object{{"JobStatus", status},
                                  {"Text", page.text},
                                  {"Position", page.first_byte},
                                  {"NextPosition", page.next_byte},
                                  {"EndPosition", page.total_bytes}});
}

Result<json::Value> DescribeCompilationReport(const Context& context, const Call& call) {
  const std::string name = call.input().Text("CompilationJobName");
  std::optional<std::string> report;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const auto job, NeedCompilationJob(transaction, name));
    KEDGE_TRY(report, store::FindReport(transaction, name));
    return {};
  }));
  if (!report) return NotFound("Compilation job " + name + " has no report");
  return json::Value(json::Object{{"CompilationJobName", name}, {"Report", *report}});
}

}  // namespace

void AddJobLogRoutes(Router& router, const Context& context) {
  router.Add("GetJobLog", [&context](const Call& call) { return GetJobLog(context, call); });
  router.Add("DescribeCompilationReport",
             [&context](const Call& call) { return DescribeCompilationReport(context, call); });
}

}  // namespace kedge::server
