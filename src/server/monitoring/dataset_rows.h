// The objects that an execution reads, as records: captures of a fleet, or datasets below a prefix.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "blob/blob_store.h"
#include "server/monitoring/schedule_step.h"
#include "stats/model_monitor/rows.h"

namespace kedge::server {

constexpr uint64_t kDatasetObjectBytesMax = 64u << 20;

// Where to look and how to read.
struct DatasetSource {
  std::vector<blob::ObjectName> places;  // the key is a prefix that ends with '/', or empty
  MonitoringWindow
      window;  // of hour folders <place>yyyy/mm/dd/hh/, and of captures that say their time
  stats::model_monitor::TableFormat format;
};

// Gives each record in the order of the objects' keys. Objects outside the window's hours are not
// read; those in no hour folder are. kInvalidArgument names the object and line that cannot be
// read; errors of `each` and of the object store.
using EachRecord = stats::model_monitor::EachRow;
Status ForEachRecord(blob::BlobStore& blobs, const DatasetSource& source, const EachRecord& each);

// The objects below a place that are in the window, as texts.
Status ForEachObject(
    blob::BlobStore& blobs, const blob::ObjectName& place, const MonitoringWindow& window,
    const std::function<Status(const std::string& key, std::string_view text)>& each);

// The hour of a key that has /yyyy/mm/dd/hh/ in it.
std::optional<EpochMs> HourOfKey(std::string_view key);

}  // namespace kedge::server
