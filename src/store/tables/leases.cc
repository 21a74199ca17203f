// SPDX-License-Identifier: Apache-2.0
#include "store/tables/leases.h"

namespace kedge::store {
namespace {

Error Lost(const Lease& lease) {
  return Aborted("lease '" + lease.name + "' with token " + std::to_string(lease.token) +
                 " was taken over");
}

}  // namespace

Result<std::optional<Lease>> FindLease(Transaction& transaction, const std::string& name) {
  KEDGE_TRY(const Rows rows,
            transaction.Query("SELECT name, holder, token, expires_ms FROM leases WHERE name = $1",
                              {name}));
  if (rows.empty()) return std::optional<Lease>();
  return std::optional<Lease>({.name = rows[0].Text(0),
                               .holder = rows[0].Text(1),
                               .token = rows[0].Integer(2),
                               .expires = rows[0].Integer(3)});
}

Result<std::optional<Lease>> AcquireLease(Transaction& transaction, const LeaseRequest& request) {
  KEDGE_TRY(const auto found, FindLease(transaction, request.name));
  if (found && found->holder != request.holder && found->expires > request.now) {
    return std::optional<Lease>();
  }
  const int64_t former = found ? found->token : 0;
  // Holds for the first holder (no row, so it is inserted) and for a change of hands: whoever read
  // the same token and writes second changes nothing.
  KEDGE_TRY(const int64_t changed,
            transaction.Execute(
                "INSERT INTO leases (name, holder, token, expires_ms) VALUES ($1, $2, $3, $4) "
                "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, "
                "token = excluded.token, expires_ms = excluded.expires_ms "
                "WHERE leases.token = $5",
                {request.name, request.holder, former + 1, request.now + request.ttl_ms, former}));
  if (changed == 0) return std::optional<Lease>();
  return std::optional<Lease>({.name = request.name,
                               .holder = request.holder,
                               .token = former + 1,
                               .expires = request.now + request.ttl_ms});
}

Result<Lease> RenewLease(Transaction& transaction, const Lease& lease, EpochMs now,
                         int64_t ttl_ms) {
  KEDGE_TRY(const int64_t changed,
            transaction.Execute("UPDATE leases SET expires_ms = $1 WHERE name = $2 AND token = $3",
                                {now + ttl_ms, lease.name, lease.token}));
  if (changed == 0) return Lost(lease);
  Lease renewed = lease;
  renewed.expires = now + ttl_ms;
  return renewed;
}

Status ReleaseLease(Transaction& transaction, const Lease& lease) {
  KEDGE_TRY([[maybe_unused]] const int64_t changed,
            transaction.Execute("UPDATE leases SET expires_ms = 0 WHERE name = $1 AND token = $2",
                                {lease.name, lease.token}));
  return {};
}

Status Fence(Transaction& transaction, const Lease& lease) {
  KEDGE_TRY(const int64_t changed,
            transaction.Execute("UPDATE leases SET token = token WHERE name = $1 AND token = $2",
                                {lease.name, lease.token}));
  if (changed == 0) return Lost(lease);
  return {};
}

}  // namespace kedge::store
