// SPDX-License-Identifier: Apache-2.0
#include "store/tables/counts.h"

namespace kedge::store {

Result<std::vector<TableCount>> CountTables(Transaction& transaction) {
  constexpr std::pair<const char*, const char*> kTables[] = {
      {"fleets", "fleets"},
      {"devices", "devices"},
      {"compilation-jobs", "compilation_jobs"},
      {"packaging-jobs", "packaging_jobs"},
      {"plans", "deployment_plans"},
      {"models", "models"},
      {"model-versions", "model_versions"},
  };
  std::vector<TableCount> counts;
  for (const auto& [what, table] : kTables) {
    KEDGE_TRY(const Rows rows, transaction.Query(std::string("SELECT COUNT(*) FROM ") + table));
    counts.push_back({.what = what, .rows = rows.at(0).Integer(0)});
  }
  return counts;
}

Result<int64_t> AppliedSchemaVersion(Transaction& transaction) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT COALESCE(MAX(version), 0) FROM schema_migrations"));
  return rows.at(0).Integer(0);
}

}  // namespace kedge::store
