// SPDX-License-Identifier: Apache-2.0
#include "server/api/quotas.h"

namespace kedge::server {

Status CheckQuota(int64_t count, int64_t added, int64_t limit, const std::string& what) {
  if (count + added <= limit) return {};
  return OutOfRange("The limit of " + std::to_string(limit) + " " + what +
                    " is reached: there are " + std::to_string(count) + ", " +
                    std::to_string(added) + " more were asked for");
}

Status CheckQuotaOfTable(store::Transaction& transaction, const std::string& table, int64_t limit,
                         const std::string& what) {
  KEDGE_TRY(const store::Rows rows, transaction.Query("SELECT COUNT(*) FROM " + table));
  return CheckQuota(rows.at(0).Integer(0), 1, limit, what);
}

}  // namespace kedge::server
