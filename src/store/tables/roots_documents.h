// The chain of documents by which the keys that devices trust change (trust/roots_update.h).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "store/store.h"

namespace kedge::store {

struct RootsDocument {
  int64_t version = 0;
  std::string document;  // signed text
  EpochMs created = 0;
};

// kAlreadyExists if there is one of that version.
Status InsertRootsDocument(Transaction& transaction, const RootsDocument& document);
// All of them, by version.
Result<std::vector<RootsDocument>> ListRootsDocuments(Transaction& transaction);

}  // namespace kedge::store
