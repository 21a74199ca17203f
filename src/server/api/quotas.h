// How many of each resource an installation may hold. Beyond it a create is a
// ResourceLimitExceeded, so that a script gone wild does not fill the database.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "store/store.h"

namespace kedge::server {

struct Quotas {
  int64_t fleets = 10'000;
  int64_t devices = 2'000'000;  // of one fleet
  int64_t compilation_jobs = 100'000;
  int64_t packaging_jobs = 100'000;
  int64_t plans = 10'000;
  int64_t models = 10'000;
  int64_t model_versions = 10'000;  // of one model
  int64_t monitoring_definitions = 10'000;
  int64_t monitoring_schedules = 1'000;
};

// The settings --quota-<option>.
struct QuotaName {
  const char* option;
  const char* what;
  int64_t Quotas::* value;
};
constexpr QuotaName kQuotaNames[] = {
    {"fleets", "fleets", &Quotas::fleets},
    {"devices", "devices of one fleet", &Quotas::devices},
    {"compilation-jobs", "compilation jobs", &Quotas::compilation_jobs},
    {"packaging-jobs", "packaging jobs", &Quotas::packaging_jobs},
    {"plans", "deployment plans", &Quotas::plans},
    {"models", "models in the registry", &Quotas::models},
    {"model-versions", "versions of one model", &Quotas::model_versions},
    {"monitoring-definitions", "definitions of monitoring jobs", &Quotas::monitoring_definitions},
    {"monitoring-schedules", "monitoring schedules", &Quotas::monitoring_schedules},
};

// kOutOfRange (ResourceLimitExceeded) if `count` and `added` are more than `limit`.
Status CheckQuota(int64_t count, int64_t added, int64_t limit, const std::string& what);
// The same with the rows of a table: "fleets", "compilation_jobs", "packaging_jobs",
// "deployment_plans".
Status CheckQuotaOfTable(store::Transaction& transaction, const std::string& table, int64_t limit,
                         const std::string& what);

}  // namespace kedge::server
