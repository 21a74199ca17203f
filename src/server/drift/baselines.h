// Baselines that devices count against, as the server knows them: from the packages that carry
// them. One that no package has is looked for again after a minute.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "blob/blob_store.h"
#include "stats/baseline/baseline.h"
#include "stats/evidence/categories.h"
#include "store/store.h"
#include "trust/signing.h"

namespace kedge::server {

constexpr size_t kBaselinesInMemory = 64;
constexpr EpochMs kBaselineAgainMs = 60'000;  // until one that was not found is looked for again
inline constexpr const char* kBaselineFile = "baseline.json";  // in a package

// Immutable.
struct KnownBaseline {
  std::string id;  // hexadecimal
  stats::Baseline baseline;
  std::vector<stats::FeatureShape> shapes;
  // What the server's detectors of merged counts bet on, a feature.
  std::vector<std::variant<stats::BetTable, stats::CategoryTables>> tables;
};

// As ParseBaseline; kInvalidArgument for one whose counts no table can be built from.
Result<std::shared_ptr<const KnownBaseline>> ReadBaseline(const std::string& text);

// Keeps a baseline that a package has: what a packaging job ends with.
Status KeepBaseline(store::Transaction& transaction, const std::string& text, EpochMs now);

// Thread-safe.
class Baselines {
 public:
  // Borrows all. `certificate_pem`: of the key that signed the packages.
  Baselines(store::Store& store, blob::BlobStore& blobs, const Clock& clock,
            std::string certificate_pem)
      : store_(store), blobs_(blobs), clock_(clock), certificate_pem_(std::move(certificate_pem)) {}

  // Sees to it that the baseline of a report is known, if a package of its model's version has it.
  // Never inside a transaction. Errors: the store's.
  Status Learn(const stats::ModelReport& report);
  // Whether its baseline is known and its counts have the shape that it says.
  bool Fits(const stats::ModelReport& report) const;
  // Null: unknown. Never inside a transaction. Errors: the store's.
  Result<std::shared_ptr<const KnownBaseline>> Find(const std::string& id);

 private:
  struct Entry {
    std::shared_ptr<const KnownBaseline> baseline;  // null: not found
    EpochMs looked = 0;
    uint64_t used = 0;
  };
  std::shared_ptr<const KnownBaseline> Cached(const std::string& id) const;
  void Remember(const std::string& id, std::shared_ptr<const KnownBaseline> baseline);
  // The text of that baseline in a package of the model's version; empty if there is none.
  Result<std::string> FromPackages(const std::string& id, const std::string& model,
                                   const std::string& version);

  store::Store& store_;
  blob::BlobStore& blobs_;
  const Clock& clock_;
  const std::string certificate_pem_;

  mutable std::mutex mutex_;
  mutable uint64_t uses_ = 0;
  mutable std::map<std::string, Entry> entries_;
};

}  // namespace kedge::server
