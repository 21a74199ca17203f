// SPDX-License-Identifier: Apache-2.0
#include "server/nodes/erasure_work.h"

#include <array>
#include <sstream>

#include "base/json/json.h"
#include "base/log.h"
#include "store/tables/erasure.h"

namespace kedge::server {
namespace {

constexpr size_t kKeysOfStep = 200;
constexpr uint64_t kCaptureFileBytesMax = 64u << 20;
constexpr std::array<std::string_view, 4> kRawFolders = {
    "raw-data/input-tensors/", "raw-data/output-tensors/", "raw-data/auxiliary-inputs/",
    "raw-data/auxiliary-outputs/"};

// The capture ids of a file's lines if they are the device's; nothing if they are another's.
std::vector<std::string> CapturesOf(const std::string& text, const std::string& device) {
  std::vector<std::string> ids;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto value = json::Parse(line);
    const json::Value* metadata = value ? value->Find("eventMetadata") : nullptr;
    if (metadata == nullptr || metadata->StringOr("deviceId", "") != device) continue;
    ids.push_back(metadata->StringOr("eventId", ""));
  }
  return ids;
}

// Deletes every object whose key begins with the prefix; how many.
Result<int64_t> DeletePrefix(blob::BlobStore& blobs, const std::string& bucket,
                             const std::string& prefix) {
  int64_t deleted = 0;
  for (;;) {
    KEDGE_TRY(const auto listing, blobs.List(bucket, {.prefix = prefix}));
    for (const blob::ObjectInfo& object : listing.objects) {
      KEDGE_TRY_STATUS(blobs.Delete({bucket, object.key}));
      ++deleted;
    }
    if (!listing.truncated) return deleted;
  }
}

// The raw files first: as long as the file of lines is there, they can be found again.
Result<int64_t> EraseFile(blob::BlobStore& blobs, const blob::ObjectName& name,
                          const std::string& device) {
  KEDGE_TRY(const ByteBuffer bytes, blob::GetObject(blobs, name, kCaptureFileBytesMax));
  const std::vector<std::string> ids = CapturesOf(std::string(AsText(bytes)), device);
  if (ids.empty()) return 0;
  const std::string hour = name.key.substr(0, name.key.rfind('/') + 1);
  int64_t deleted = 1;
  for (const std::string& id : ids) {
    if (id.empty()) continue;
    for (const std::string_view folder : kRawFolders) {
      KEDGE_TRY(const int64_t count,
                DeletePrefix(blobs, name.bucket, hour + std::string(folder) + id + "-"));
      deleted += count;
    }
  }
  KEDGE_TRY_STATUS(blobs.Delete(name));
  return deleted;
}

// One page of keys; true if the location has more.
Result<bool> ErasePage(blob::BlobStore& blobs, const blob::ObjectName& place,
                       store::Erasure& erasure) {
  const auto listing = blobs.List(
      place.bucket,
      {.prefix = place.key, .start_after = erasure.start_after, .max_keys = kKeysOfStep});
  if (!listing && listing.error().code == Code::kNotFound) return false;  // no such bucket
  if (!listing) return listing.error();
  for (const blob::ObjectInfo& object : listing->objects) {
    if (!object.key.ends_with(".jsonl")) continue;
    auto deleted = EraseFile(blobs, {place.bucket, object.key}, erasure.device);
    if (!deleted && deleted.error().code == Code::kNotFound) continue;  // deleted meanwhile
    KEDGE_TRY(const int64_t count, std::move(deleted));
    erasure.objects_deleted += count;
  }
  if (!listing->objects.empty()) erasure.start_after = listing->objects.back().key;
  return listing->truncated;
}

}  // namespace

Result<LeasedStep> EraseObjectsStep(store::Store& store, blob::BlobStore& blobs,
                                    const store::Lease& lease) {
  std::vector<store::Erasure> found;
  KEDGE_TRY_STATUS(store.Read([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(found, store::ListErasures(transaction, 1));
    return {};
  }));
  if (found.empty()) return LeasedStep::kIdle;
  store::Erasure& erasure = found.front();
  KEDGE_TRY(const json::Value parsed, json::Parse(erasure.locations));
  json::Array locations = parsed.AsArray() != nullptr ? *parsed.AsArray() : json::Array();
  if (!locations.empty()) {
    const std::string* uri = locations.front().AsString();
    const auto place = blob::ObjectName::Parse(uri != nullptr ? *uri : "");
    bool more = false;
    if (place) {
      KEDGE_TRY(more, ErasePage(blobs, *place, erasure));
    }
    if (!more) {
      locations.erase(locations.begin());
      erasure.start_after.clear();
    }
  }
  erasure.locations = json::Write(locations);
  const bool done = locations.empty();
  const auto remember = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(store::Fence(transaction, lease));
    return done ? store::DeleteErasure(transaction, erasure.id)
                : store::UpdateErasure(transaction, erasure);
  };
  KEDGE_TRY_STATUS(store.Write(remember));
  if (done) {
    LogInfo("device erased", {{"fleet", erasure.fleet},
                              {"device", erasure.device},
                              {"objects", std::to_string(erasure.objects_deleted)}});
  }
  return LeasedStep::kMore;
}

}  // namespace kedge::server
