// ListDevices over any number of devices.
//
// The order is fleet, then device. Fleet by fleet, candidates come in that order from the narrowest
// source at hand: the devices whose hour of the last heartbeat is late enough (if they are few),
// the devices of the models that match, or all. Each candidate's narrow row is then checked against
// every filter. A page looks at no more than kExaminedMax candidates and kFleetsMax fleets, then
// ends where it is, so that page 10,000 with a filter that nobody passes costs what page 1 costs.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "store/tables/device_row.h"
#include "store/tables/fleet_counts.h"

namespace kedge::store {
namespace {

constexpr int64_t kExaminedMax = 2'000;  // candidates of one page
constexpr int64_t kStepMax = 500;        // candidates fetched at once
constexpr int64_t kFleetsMax = 64;       // of one page
constexpr int64_t kModelNamesMax = 32;   // merged; above, all devices are candidates
constexpr int64_t kRecentMax = 5'000;    // sorted for each page; above, they are no narrow source
constexpr size_t kNamesWide = 64;        // devices of one statement
constexpr EpochMs kHourMs = 3'600'000;

struct Candidates {
  std::vector<std::string> devices;  // sorted
  bool complete = false;             // there are none beyond
};

// Where the devices of one fleet come from.
struct Source {
  std::string fleet;
  std::optional<int64_t> hour_min;  // set: by hour
  std::vector<std::string> models;  // else not empty: by model
};

std::vector<std::string> FirstColumn(const Rows& rows) {
  std::vector<std::string> names;
  names.reserve(rows.size());
  for (const Row& row : rows) names.push_back(row.Text(0));
  return names;
}

// Fleets that have devices, from `first` on.
Result<std::vector<std::string>> FleetsFrom(Transaction& transaction, const DeviceFilter& filter,
                                            const std::string& first) {
  ListStatement statement(
      "SELECT name FROM (SELECT name FROM fleets WHERE EXISTS (SELECT 1 FROM devices WHERE "
      "devices.fleet = fleets.name)) AS populated");
  statement.Where("name >=", std::optional<std::string>(first));
  statement.WhereOneOf("name", filter.visible_fleets);
  statement.WhereContains("name", filter.fleet_contains);
  KEDGE_TRY(const Rows rows,
            statement.Run(transaction, "name", "name", {.after = {}, .rows_max = kFleetsMax}));
  return FirstColumn(rows);
}

// Nothing if no device of the fleet can pass.
Result<std::optional<Source>> ChooseSource(Transaction& transaction, const DeviceFilter& filter,
                                           const std::string& fleet) {
  Source source{.fleet = fleet};
  if (filter.model_contains) {
    KEDGE_TRY(const Rows rows,
              transaction.Query("SELECT DISTINCT name FROM fleet_counts WHERE fleet = $1 AND "
                                "bucket = 0 AND kind = $2 AND name LIKE $3 LIMIT $4",
                                {fleet, std::string(counted::kModel),
                                 "%" + *filter.model_contains + "%", kModelNamesMax + 1}));
    if (rows.empty()) return std::optional<Source>();
    if (rows.size() <= static_cast<size_t>(kModelNamesMax)) source.models = FirstColumn(rows);
  }
  if (filter.heartbeat_after) {
    const int64_t hour = *filter.heartbeat_after / kHourMs;
    KEDGE_TRY(const Rows rows,
              transaction.Query("SELECT COUNT(*) FROM (SELECT 1 FROM device_state WHERE fleet = $1 "
                                "AND heartbeat_hour >= $2 LIMIT $3) AS recent",
                                {fleet, hour, kRecentMax + 1}));
    if (rows[0].Integer(0) == 0) return std::optional<Source>();
    if (rows[0].Integer(0) <= kRecentMax) source.hour_min = hour;
  }
  return std::optional<Source>(std::move(source));
}

Result<Candidates> NextOfModels(Transaction& transaction, const Source& source,
                                const std::string& after, int64_t rows_max) {
  std::set<std::string> merged;
  bool complete = true;
  for (const std::string& model : source.models) {
    KEDGE_TRY(const Rows rows,
              transaction.Query("SELECT DISTINCT device FROM device_models WHERE fleet = $1 AND "
                                "model = $2 AND device > $3 ORDER BY device LIMIT $4",
                                {source.fleet, model, after, rows_max}));
    for (const Row& row : rows) merged.insert(row.Text(0));
    complete = complete && static_cast<int64_t>(rows.size()) < rows_max;
  }
  Candidates candidates{.devices = {merged.begin(), merged.end()}, .complete = complete};
  if (static_cast<int64_t>(candidates.devices.size()) > rows_max) {
    candidates.devices.resize(static_cast<size_t>(rows_max));  // beyond, a model's rows may lack
    candidates.complete = false;
  }
  return candidates;
}

Result<Candidates> NextCandidates(Transaction& transaction, const Source& source,
                                  const std::string& after, int64_t rows_max) {
  if (!source.hour_min && !source.models.empty()) {
    return NextOfModels(transaction, source, after, rows_max);
  }
  Rows rows;
  if (source.hour_min) {
    KEDGE_TRY(rows, transaction.Query("SELECT device FROM device_state WHERE fleet = $1 AND "
                                      "heartbeat_hour >= $2 AND device > $3 ORDER BY device "
                                      "LIMIT $4",
                                      {source.fleet, *source.hour_min, after, rows_max}));
  } else {
    KEDGE_TRY(rows, transaction.Query("SELECT device FROM device_state WHERE fleet = $1 AND "
                                      "device > $2 ORDER BY device LIMIT $3",
                                      {source.fleet, after, rows_max}));
  }
  return Candidates{.devices = FirstColumn(rows),
                    .complete = static_cast<int64_t>(rows.size()) < rows_max};
}

bool Passes(const DeviceState& state, const DeviceFilter& filter) {
  if (filter.heartbeat_after && state.heartbeat_time <= *filter.heartbeat_after) return false;
  if (!filter.model_contains) return true;
  return std::any_of(state.models.begin(), state.models.end(), [&](const LoadedModel& model) {
    return model.name.find(*filter.model_contains) != std::string::npos;
  });
}

// The full rows of these devices of one fleet, appended in their order.
Status AppendDevices(Transaction& transaction, const std::string& fleet,
                     const std::vector<std::string>& names, std::vector<Device>& devices) {
  std::string sql = std::string(kSelectDevices) + " WHERE d.fleet = $1 AND d.name IN (";
  for (size_t i = 0; i < kNamesWide; ++i) sql += (i == 0 ? "$" : ", $") + std::to_string(i + 2);
  sql += ") ORDER BY d.name";
  for (size_t begin = 0; begin < names.size(); begin += kNamesWide) {
    const size_t end = std::min(begin + kNamesWide, names.size());
    std::vector<Value> parameters = {fleet};
    for (size_t i = begin; i < end; ++i) parameters.emplace_back(names[i]);
    parameters.resize(kNamesWide + 1, names[begin]);
    KEDGE_TRY(const Rows rows, transaction.Query(sql, parameters));
    for (const Row& row : rows) devices.push_back(ReadDevice(row));
  }
  return {};
}

// Fills one page.
class Listing {
 public:
  Listing(Transaction& transaction, const DeviceFilter& filter, const Page& page)
      : transaction_(transaction), filter_(filter), page_(page) {
    if (page.after) {
      if (const auto* fleet = std::get_if<std::string>(&page.after->sort_value)) fleet_ = *fleet;
      after_ = page.after->name;
    }
  }

  Result<PageOf<Device>> Run() {
    KEDGE_TRY(const std::vector<std::string> fleets, FleetsFrom(transaction_, filter_, fleet_));
    for (size_t i = 0; i < fleets.size(); ++i) {
      if (static_cast<int64_t>(i) == kFleetsMax) {
        result_.next = Cursor{fleets[i], ""};
        break;
      }
      if (fleets[i] != fleet_) after_.clear();
      fleet_ = fleets[i];
      KEDGE_TRY_STATUS(OneFleet());
      if (result_.next) break;
    }
    return std::move(result_);
  }

 private:
  // Adds the devices of fleet_ after after_; sets `next` if the page ends inside.
  Status OneFleet() {
    KEDGE_TRY(const std::optional<Source> source, ChooseSource(transaction_, filter_, fleet_));
    if (!source) return {};
    for (bool complete = false; !complete && !result_.next;) {
      KEDGE_TRY(const Candidates candidates,
                NextCandidates(transaction_, *source, after_, StepSize()));
      complete = candidates.complete;
      KEDGE_TRY_STATUS(Examine(candidates.devices));
      if (!result_.next && !complete && examined_ >= kExaminedMax) {
        result_.next = Cursor{fleet_, after_};
      }
    }
    return {};
  }

  // As many as the page lacks, if all pass; the more of them do not, the more at once.
  int64_t StepSize() {
    const int64_t room = page_.rows_max - static_cast<int64_t>(result_.items.size()) + 1;
    const int64_t step = std::min(std::max(room, step_), kStepMax);
    step_ = step * 4;
    return step;
  }

  Status Examine(const std::vector<std::string>& devices) {
    std::vector<DeviceKey> keys;
    keys.reserve(devices.size());
    for (const std::string& device : devices) keys.push_back({fleet_, device});
    KEDGE_TRY(const auto states, FindStates(transaction_, keys));
    const auto room = static_cast<size_t>(page_.rows_max) - result_.items.size();
    std::vector<std::string> passed;
    for (size_t i = 0; i < devices.size(); ++i) {
      if (states[i] && Passes(*states[i], filter_)) {
        if (passed.size() == room) {
          result_.next = Cursor{fleet_, after_};
          break;
        }
        passed.push_back(devices[i]);
      }
      after_ = devices[i];
    }
    examined_ += static_cast<int64_t>(devices.size());
    return AppendDevices(transaction_, fleet_, passed, result_.items);
  }

  Transaction& transaction_;
  const DeviceFilter& filter_;
  const Page& page_;
  std::string fleet_;  // where the page is
  std::string after_;  // the last device looked at
  int64_t examined_ = 0;
  int64_t step_ = 0;  // the next one, at least
  PageOf<Device> result_;
};

}  // namespace

Result<PageOf<Device>> ListDevices(Transaction& transaction, const DeviceFilter& filter,
                                   const Page& page) {
  if (!filter.visible_fleets.empty() || filter.fleet_contains || filter.model_contains ||
      filter.heartbeat_after) {
    return Listing(transaction, filter, page).Run();
  }
  ListStatement statement(kSelectDevices);
  KEDGE_TRY(const Rows rows, statement.Run(transaction, "d.fleet", "d.name", page));
  return MakePage<Device>(rows, page, ReadDevice,
                          [](const Device& device) { return Cursor{device.fleet, device.name}; });
}

}  // namespace kedge::store
