// The whole installation in a few numbers, whatever the number of devices: sums of counters, jobs
// by status, stages that move. SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/tables/fleet_counts.h"

namespace kedge::store {

constexpr int64_t kOverviewFleetsMax = 200;  // of Overview::fleets; the largest
constexpr int64_t kOverviewStagesMax = 50;   // of Overview::stages; the latest start first
constexpr int64_t kOverviewMinutes = 60;     // of Overview::minutes

struct OverviewQuery {
  std::vector<std::string> visible_fleets;  // names, or prefixes with '*'; empty: all
  int64_t minute_now = 0;
  int64_t minute_connected = 0;  // what happened then or later counts as now
};

struct Overview {
  struct Fleet {
    std::string name;
    int64_t registered = 0;
    int64_t connected = 0;
  };
  struct Minute {
    int64_t minute = 0;   // since the epoch
    int64_t devices = 0;  // whose latest heartbeat was in it
  };
  struct Stage {
    std::string plan;
    std::string fleet;
    std::string name;
    std::string status;
    int64_t pending = 0;
    int64_t deployed = 0;
    int64_t failed = 0;
  };
  struct Jobs {
    std::string kind;  // "COMPILATION", "PACKAGING"
    std::string status;
    int64_t jobs = 0;
  };
  FleetReport total;
  int64_t never = 0;        // devices without any heartbeat
  int64_t fleet_count = 0;  // with those that `fleets` leaves out
  std::vector<Fleet> fleets;
  std::vector<Minute> minutes;  // sorted; minutes without devices are left out
  std::vector<Stage> stages;    // that were started and have not ended, or have failed devices
  std::vector<Jobs> jobs;
};

Result<Overview> ReadOverview(Transaction& transaction, const OverviewQuery& query);

}  // namespace kedge::store
