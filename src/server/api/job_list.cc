// SPDX-License-Identifier: Apache-2.0
#include "server/api/job_list.h"

#include "server/api/paging.h"

namespace kedge::server {
namespace {

store::JobOrder ReadOrder(const std::string& sort_by) {
  if (sort_by == "Name" || sort_by == "NAME") return store::JobOrder::kName;
  if (sort_by == "Status" || sort_by == "STATUS") return store::JobOrder::kStatus;
  if (sort_by == "MODEL_NAME") return store::JobOrder::kModelName;
  if (sort_by == "LAST_MODIFIED_TIME") return store::JobOrder::kModified;
  return store::JobOrder::kCreated;
}

}  // namespace

store::JobFilter ReadJobFilter(const Input& input) {
  return {.name_contains = input.TextOrNone("NameContains"),
          .model_name_contains = input.TextOrNone("ModelNameContains"),
          .status = input.TextOrNone("StatusEquals"),
          .window = ReadWindow(input),
          .order = ReadOrder(input.Text("SortBy"))};
}

Status StopNamedJob(store::Transaction& transaction, store::JobKind kind, const std::string& name,
                    EpochMs now) {
  KEDGE_TRY(const auto status, store::StopJob(transaction, kind, name, now));
  if (status) return {};
  return NotFound(std::string("No ") +
                  (kind == store::JobKind::kCompilation ? "compilation" : "edge packaging") +
                  " job with name: " + name);
}

}  // namespace kedge::server
