// SPDX-License-Identifier: Apache-2.0
#include "server/monitoring/dataset_rows.h"

#include "base/bytes.h"

namespace kedge::server {
namespace {

namespace mm = stats::model_monitor;

constexpr EpochMs kHourMs = 3'600'000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "/yyyy/mm/dd/hh/" at the beginning of the text.
bool IsHourFolder(std::string_view text) {
  constexpr std::string_view kForm = "/dddd/dd/dd/dd/";
  if (text.size() < kForm.size()) return false;
  for (size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == 'd' ? !IsDigit(text[i]) : text[i] != '/') return false;
  }
  return true;
}

bool InWindow(const std::optional<EpochMs>& hour, const MonitoringWindow& window) {
  return !hour || (*hour < window.to && *hour + kHourMs > window.from);
}

}  // namespace

std::optional<EpochMs> HourOfKey(std::string_view key) {
  for (size_t at = key.find('/'); at != std::string_view::npos; at = key.find('/', at + 1)) {
    const std::string_view rest = key.substr(at);
    if (!IsHourFolder(rest)) continue;
    const std::string basic = std::string(rest.substr(1, 4)) + std::string(rest.substr(6, 2)) +
                              std::string(rest.substr(9, 2)) + "T" +
                              std::string(rest.substr(12, 2)) + "0000Z";
    const auto time = ParseBasicIso8601(basic);
    if (time) return *time;
  }
  return std::nullopt;
}

Status ForEachObject(
    blob::BlobStore& blobs, const blob::ObjectName& place, const MonitoringWindow& window,
    const std::function<Status(const std::string& key, std::string_view text)>& each) {
  blob::BlobStore::ListOptions options{.prefix = place.key};
  for (;;) {
    KEDGE_TRY(const auto listing, blobs.List(place.bucket, options));
    for (const blob::ObjectInfo& object : listing.objects) {
      const bool is_raw = object.key.find("/raw-data/") != std::string::npos;
      // The place's own "/" may begin the hour.
      if (is_raw || object.bytes == 0 || !InWindow(HourOfKey("/" + object.key), window)) continue;
      auto bytes = blob::GetObject(blobs, {place.bucket, object.key}, kDatasetObjectBytesMax);
      if (!bytes && bytes.error().code == Code::kNotFound) continue;  // deleted meanwhile
      if (!bytes) return bytes.error();
      if (Status status = each(object.key, AsText(*bytes)); !status) {
        return Wrap(status.error(), "s3://" + place.bucket + "/" + object.key);
      }
    }
    if (!listing.truncated) return {};
    options.start_after = listing.next_start_after;
  }
}

Status ForEachRecord(blob::BlobStore& blobs, const DatasetSource& source, const EachRecord& each) {
  const MonitoringWindow& window = source.window;
  const auto in_window = [&](mm::Record&& record) -> Status {
    if (record.time && (*record.time < window.from || *record.time >= window.to)) return {};
    return each(std::move(record));
  };
  for (const blob::ObjectName& place : source.places) {
    KEDGE_TRY_STATUS(
        ForEachObject(blobs, place, source.window, [&](const std::string&, std::string_view text) {
          return mm::ForEachRow(text, source.format, in_window);
        }));
  }
  return {};
}

}  // namespace kedge::server
