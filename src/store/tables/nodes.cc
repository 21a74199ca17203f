// SPDX-License-Identifier: Apache-2.0
#include "store/tables/nodes.h"

namespace kedge::store {
namespace {

Status Done(const Result<int64_t>& rows) {
  if (!rows) return rows.error();
  return {};
}

}  // namespace

Status PutNode(Transaction& transaction, const Node& node) {
  return Done(transaction.Execute(
      "INSERT INTO nodes (id, address, version, started_ms, seen_ms, draining) "
      "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET "
      "seen_ms = excluded.seen_ms, draining = excluded.draining",
      {node.id, node.address, node.version, node.started, node.seen, int64_t{node.draining}}));
}

Result<std::vector<Node>> ListNodes(Transaction& transaction) {
  KEDGE_TRY(const Rows rows, transaction.Query("SELECT id, address, version, started_ms, seen_ms, "
                                               "draining FROM nodes ORDER BY id"));
  std::vector<Node> nodes;
  for (const Row& row : rows) {
    nodes.push_back({.id = row.Text(0),
                     .address = row.Text(1),
                     .version = row.Text(2),
                     .started = row.Integer(3),
                     .seen = row.Integer(4),
                     .draining = row.Integer(5) != 0});
  }
  return nodes;
}

Status DeleteNode(Transaction& transaction, const std::string& id) {
  return Done(transaction.Execute("DELETE FROM nodes WHERE id = $1", {id}));
}

Status DeleteNodesUnseenSince(Transaction& transaction, EpochMs time) {
  return Done(transaction.Execute("DELETE FROM nodes WHERE seen_ms < $1", {time}));
}

}  // namespace kedge::store
