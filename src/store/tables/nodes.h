// The servers of an installation as rows, for people who look and for the next upgrade.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "store/store.h"

namespace kedge::store {

struct Node {
  std::string id;       // new with every start
  std::string address;  // of its API
  std::string version;  // of its program
  EpochMs started = 0;
  EpochMs seen = 0;  // when it last wrote this row
  bool draining = false;
};

// Inserts or replaces the node's row.
Status PutNode(Transaction& transaction, const Node& node);
// By id.
Result<std::vector<Node>> ListNodes(Transaction& transaction);
Status DeleteNode(Transaction& transaction, const std::string& id);
// Nodes that died without taking leave.
Status DeleteNodesUnseenSince(Transaction& transaction, EpochMs time);

}  // namespace kedge::store
