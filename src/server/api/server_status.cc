// What this installation is.
// SPDX-License-Identifier: Apache-2.0
#include "server/api/context.h"
#include "server/api/wire.h"
#include "store/tables/counts.h"
#include "store/tables/nodes.h"

namespace kedge::server {
namespace {

Result<json::Value> DescribeServer(const Context& context) {
  std::vector<store::Node> nodes;
  std::vector<store::TableCount> counts;
  int64_t schema_version = 0;
  KEDGE_TRY_STATUS(context.store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(nodes, store::ListNodes(transaction));
    KEDGE_TRY(counts, store::CountTables(transaction));
    KEDGE_TRY(schema_version, store::AppliedSchemaVersion(transaction));
    return {};
  }));
  json::Array node_list;
  for (const store::Node& node : nodes) {
    node_list.push_back(json::Object{{"NodeId", node.id},
                                     {"Address", node.address},
                                     {"Version", node.version},
                                     {"StartTime", Seconds(node.started)},
                                     {"LastSeenTime", Seconds(node.seen)},
                                     {"Draining", node.draining}});
  }
  json::Array count_list;
  for (const store::TableCount& count : counts) {
    count_list.push_back(json::Object{{"Name", count.what}, {"Count", count.rows}});
  }
  json::Array quota_list;
  for (const QuotaName& quota : kQuotaNames) {
    quota_list.push_back(
        json::Object{{"Name", quota.option}, {"Limit", context.quotas.*quota.value}});
  }
  return json::Value(json::Object{{"Version", KEDGE_VERSION},
                                  {"Region", context.arns.region},
                                  {"Account", context.arns.account},
                                  {"Time", Seconds(context.clock.NowMs())},
                                  {"SchemaVersion", schema_version},
                                  {"Nodes", std::move(node_list)},
                                  {"Counts", std::move(count_list)},
                                  {"Quotas", std::move(quota_list)}});
}

}  // namespace

void AddServerStatusRoutes(Router& router, const Context& context) {
  router.Add("DescribeServer", [&context](const Call&) { return DescribeServer(context); });
}

}  // namespace kedge::server
