// Alarms about drift and how they changed, as rows. The rules stand in fleet/drift_alarm.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/list_statement.h"

namespace kedge::store {

constexpr int64_t kAlarmDevicesMax = 100;  // kept by name with an alarm

struct DriftAlarm {
  std::string id;  // sorts by time
  std::string subject;
  std::string fleet;
  std::string model;
  std::string version;
  std::string baseline;
  std::string state;
  EpochMs opened = 0;
  EpochMs changed = 0;
  EpochMs quiet_since = 0;  // 0: not quiet
  double evidence = 0;      // the greatest level, in alarm lines
  double threshold = 0;     // days
  int64_t affected = 0;     // devices
  std::string features;     // JSON list of names
  std::string tags;         // JSON list
  std::string actor;
  std::string comment;
};

struct DriftAlarmChange {
  EpochMs time = 0;
  std::string state;
  double evidence = 0;
  std::string actor;
  std::string comment;
};

// Inserts or replaces.
Status PutAlarm(Transaction& transaction, const DriftAlarm& alarm);
Result<std::optional<DriftAlarm>> FindAlarm(Transaction& transaction, const std::string& id);
// The subject's alarm that is not CLOSED.
Result<std::optional<DriftAlarm>> OpenAlarm(Transaction& transaction, const std::string& subject);

struct DriftAlarmFilter {
  std::vector<std::string> visible_fleets;
  std::optional<std::string> fleet;
  std::optional<std::string> model;
  std::optional<std::string> subject;
  std::optional<std::string> state;
  bool open_only = false;
};
// By id: the oldest first if the page is ascending.
Result<PageOf<DriftAlarm>> ListAlarms(Transaction& transaction, const DriftAlarmFilter& filter,
                                      const Page& page);

Status AddAlarmChange(Transaction& transaction, const std::string& alarm,
                      const DriftAlarmChange& change);
// The oldest first.
Result<std::vector<DriftAlarmChange>> AlarmChanges(Transaction& transaction,
                                                   const std::string& alarm, int64_t rows_max);

// Adds devices that are not named with the alarm yet, while there are fewer than kAlarmDevicesMax.
Status AddAlarmDevices(Transaction& transaction, const DriftAlarm& alarm,
                       const std::vector<std::string>& devices);
Result<std::vector<std::string>> AlarmDevices(Transaction& transaction, const std::string& alarm);

// Closed ones that changed before, with all that belongs to them; how many alarms.
Result<int64_t> DeleteAlarms(Transaction& transaction, EpochMs changed_before, int64_t rows_max);

}  // namespace kedge::store
