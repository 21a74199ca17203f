// Which objects a fleet's KmsKeyId encrypts.
// SPDX-License-Identifier: Apache-2.0
#include <mutex>

#include "base/json/json.h"
#include "server/keys/sealed_blobs.h"

namespace kedge::server {
namespace {

constexpr int64_t kKeptMs = 10'000;

struct EncryptedPlace {
  std::string prefix;  // "s3://bucket/folder/"
  std::string key_name;
};

Result<std::vector<EncryptedPlace>> ReadPlaces(store::Store& store) {
  std::vector<EncryptedPlace> places;
  KEDGE_TRY_STATUS(store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(const store::Rows rows,
              transaction.Query(
                  "SELECT output_config FROM fleets WHERE output_config LIKE '%KmsKeyId%'"));
    for (const store::Row& row : rows) {
      const auto config = json::Parse(row.Text(0));
      if (!config) continue;
      EncryptedPlace place{.prefix = config->StringOr("S3OutputLocation", ""),
                           .key_name = config->StringOr("KmsKeyId", "")};
      if (place.key_name.empty()) continue;
      if (!place.prefix.ends_with('/')) place.prefix += '/';
      places.push_back(std::move(place));
    }
    return {};
  }));
  return places;
}

// Shared by the copies of the rule.
class FleetPlaces {
 public:
  FleetPlaces(store::Store& store, const Clock& clock) : store_(store), clock_(clock) {}

  Result<std::optional<std::string>> KeyOf(const blob::ObjectName& name) {
    const std::lock_guard lock(mutex_);
    const EpochMs now = clock_.NowMs();
    if (!read_ || now - *read_ >= kKeptMs || now < *read_) {
      KEDGE_TRY(places_, ReadPlaces(store_));
      read_ = now;
    }
    const std::string uri = name.Uri();
    const EncryptedPlace* best = nullptr;  // the deepest folder counts
    for (const EncryptedPlace& place : places_) {
      if (!uri.starts_with(place.prefix)) continue;
      if (best == nullptr || place.prefix.size() > best->prefix.size()) best = &place;
    }
    if (best == nullptr) return std::optional<std::string>();
    return std::optional<std::string>(best->key_name);
  }

 private:
  store::Store& store_;
  const Clock& clock_;
  std::mutex mutex_;
  std::vector<EncryptedPlace> places_;
  std::optional<EpochMs> read_;
};

}  // namespace

EncryptionRule FleetEncryptionRule(store::Store& store, const Clock& clock) {
  return [places = std::make_shared<FleetPlaces>(store, clock)](const blob::ObjectName& name) {
    return places->KeyOf(name);
  };
}

}  // namespace kedge::server
