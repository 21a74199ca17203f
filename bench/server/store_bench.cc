// What the database alone can do with the server's own statements: the measure for what HTTP, JSON
// and signatures cost on top (bench/server/run.py), and the lists of a fleet of a million devices.
//
//   store_bench DATABASE fill DEVICES
//   store_bench DATABASE commit BATCH SECONDS    heartbeats of that many devices a commit
//   store_bench DATABASE lists                   every filter of ListDevices, and the fleet report
//
// DATABASE is a SQLite file or a postgresql:// URL. Prints JSON. Fleet "bench", devices device-N.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <random>

#include "base/clock.h"
#include "base/json/json.h"
#include "server/ingest/heartbeat_batch.h"
#include "store/postgres/postgres_store.h"
#include "store/sqlite/sqlite_store.h"
#include "store/tables/devices.h"
#include "store/tables/fleet_counts.h"
#include "store/tables/fleets.h"

namespace kedge {
namespace {

using Steady = std::chrono::steady_clock;

constexpr int64_t kFillStep = 5'000;
constexpr int kStatisticsBytes = 200;
constexpr int kTimedPages = 40;

double SecondsSince(Steady::time_point begun) {
  return std::chrono::duration<double>(Steady::now() - begun).count();
}

Result<std::unique_ptr<store::Store>> Open(const std::string& database) {
  if (database.starts_with("postgresql://")) return store::OpenPostgresStore({.url = database});
  return store::OpenSqliteStore({.file = std::filesystem::absolute(database)});
}

std::string NameOf(int64_t number) {
  char text[32];
  std::snprintf(text, sizeof(text), "device-%07lld", static_cast<long long>(number));
  return text;
}

// Most spoke a moment ago, one in a hundred long ago; five models, one of them rare.
server::HeartbeatRecord RecordOf(int64_t number, EpochMs now, std::mt19937_64& random) {
  const EpochMs time = random() % 100 == 0 ? now - 40 * 86'400'000LL : now - random() % 600'000;
  server::HeartbeatRecord record;
  record.state.key = {"bench", NameOf(number)};
  record.state.heartbeat_time = time;
  record.state.agent_version = "1.20261122.bench";
  record.state.boot = "b1";
  record.state.sequence = static_cast<int64_t>(now);
  record.state.models = {
      {.name = "model-" + std::to_string(number % 4), .version = "1.0", .latest_inference = time}};
  if (number % 10'007 == 0) record.state.models.push_back({.name = "rare", .version = "1.0"});
  record.state.statistics.assign(kStatisticsBytes, 'x');
  return record;
}

Status Fill(store::Store& database, int64_t devices) {
  const EpochMs now = SystemClock().NowMs();
  std::mt19937_64 random(1);
  KEDGE_TRY_STATUS(database.Write([](store::Transaction& transaction) {
    return store::InsertFleet(transaction, {.name = "bench", .output_config = "{}"});
  }));
  for (int64_t begin = 0; begin < devices; begin += kFillStep) {
    const int64_t end = std::min(begin + kFillStep, devices);
    const auto work = [&](store::Transaction& transaction) -> Status {
      std::vector<std::string> names;
      std::vector<server::HeartbeatRecord> records;
      for (int64_t i = begin; i < end; ++i) {
        names.push_back(NameOf(i));
        records.push_back(RecordOf(i, now, random));
      }
      KEDGE_TRY_STATUS(store::InsertMissingDevices(transaction, "bench", names, now));
      std::vector<server::Outcome> outcomes;
      return server::ApplyBatch(transaction, records, 1, outcomes);
    };
    KEDGE_TRY_STATUS(database.Write(work));
  }
  return {};
}

Result<int64_t> CountDevices(store::Store& database) {
  int64_t devices = 0;
  const auto work = [&](store::Transaction& transaction) -> Status {
    KEDGE_TRY(devices, store::CountDevices(transaction, "bench"));
    return {};
  };
  KEDGE_TRY_STATUS(database.Read(work));
  return devices;
}

Status Commit(store::Store& database, int64_t batch, double seconds) {
  KEDGE_TRY(const int64_t devices, CountDevices(database));
  std::mt19937_64 random(2);
  int64_t heartbeats = 0;
  std::vector<double> commits_ms;
  const auto begun = Steady::now();
  const std::clock_t clock_begun = std::clock();
  while (SecondsSince(begun) < seconds) {
    const EpochMs now = SystemClock().NowMs();
    std::vector<server::HeartbeatRecord> records;
    for (int64_t i = 0; i < batch; ++i) {
      records.push_back(
          RecordOf(static_cast<int64_t>(random() % static_cast<uint64_t>(devices)), now, random));
      records.back().state.heartbeat_time = now;
    }
    const auto commit_begun = Steady::now();
    std::vector<server::Outcome> outcomes;
    KEDGE_TRY_STATUS(database.Write([&](store::Transaction& transaction) {
      return server::ApplyBatch(transaction, records, 1, outcomes);
    }));
    commits_ms.push_back(SecondsSince(commit_begun) * 1e3);
    heartbeats += batch;
  }
  const double took = SecondsSince(begun);
  const double cpu_us = static_cast<double>(std::clock() - clock_begun) * 1e6 / CLOCKS_PER_SEC;
  std::sort(commits_ms.begin(), commits_ms.end());
  std::printf("%s\n",
              json::Write(json::Value(json::Object{
                              {"heartbeats_per_second", static_cast<double>(heartbeats) / took},
                              {"cpu_us", cpu_us / static_cast<double>(heartbeats)},
                              {"commits", static_cast<int64_t>(commits_ms.size())},
                              {"commit_ms_median", commits_ms[commits_ms.size() / 2]}}))
                  .c_str());
  return {};
}

// Median and greatest time of pages that begin at places spread over the fleet.
Status TimePages(store::Store& database, const std::string& name, store::DeviceFilter filter,
                 json::Object& figures) {
  KEDGE_TRY(const int64_t devices, CountDevices(database));
  std::vector<double> times_ms;
  for (int page_number = 0; page_number < kTimedPages; ++page_number) {
    store::Page page;
    if (page_number > 0) {
      page.after = store::Cursor{std::string("bench"),
                                 NameOf(devices / kTimedPages * static_cast<int64_t>(page_number))};
    }
    const auto begun = Steady::now();
    const auto work = [&](store::Transaction& transaction) -> Status {
      KEDGE_TRY([[maybe_unused]] const auto listed, store::ListDevices(transaction, filter, page));
      return {};
    };
    KEDGE_TRY_STATUS(database.Read(work));
    times_ms.push_back(SecondsSince(begun) * 1e3);
  }
  std::sort(times_ms.begin(), times_ms.end());
  figures.Set(name, json::Object{{"median_ms", times_ms[times_ms.size() / 2]},
                                 {"largest_ms", times_ms.back()}});
  return {};
}

Status TimeReport(store::Store& database, json::Object& figures) {
  std::vector<double> times_ms;
  for (int i = 0; i < kTimedPages; ++i) {
    const auto begun = Steady::now();
    const auto work = [&](store::Transaction& transaction) -> Status {
      KEDGE_TRY([[maybe_unused]] const auto report,
                store::ReadFleetReport(transaction, "bench",
                                       SystemClock().NowMs() / store::kMinuteMs - 15));
      return {};
    };
    KEDGE_TRY_STATUS(database.Read(work));
    times_ms.push_back(SecondsSince(begun) * 1e3);
  }
  std::sort(times_ms.begin(), times_ms.end());
  figures.Set("report", json::Object{{"median_ms", times_ms[times_ms.size() / 2]},
                                     {"largest_ms", times_ms.back()}});
  return {};
}

Status Lists(store::Store& database) {
  const EpochMs now = SystemClock().NowMs();
  const std::optional<EpochMs> recently = now - 86'400'000;
  const std::optional<EpochMs> ahead = now + 86'400'000;
  const std::optional<EpochMs> long_ago = now - 50 * 86'400'000LL;
  const struct {
    const char* name;
    store::DeviceFilter filter;
  } cases[] = {
      {"all", {}},
      {"fleet", {.fleet_contains = "ben"}},
      {"model", {.model_contains = "model-1"}},
      {"any-model", {.model_contains = "model"}},
      {"rare-model", {.model_contains = "rare"}},
      {"recently", {.heartbeat_after = recently}},
      {"long-ago", {.heartbeat_after = long_ago}},
      {"nobody", {.heartbeat_after = ahead}},
      {"model-and-nobody", {.model_contains = "model-1", .heartbeat_after = ahead}},
      {"rare-model-recently", {.model_contains = "rare", .heartbeat_after = recently}},
      {"all-three",
       {.fleet_contains = "b", .model_contains = "model-2", .heartbeat_after = recently}},
  };
  json::Object figures;
  for (const auto& one : cases) {
    KEDGE_TRY_STATUS(TimePages(database, one.name, one.filter, figures));
  }
  KEDGE_TRY_STATUS(TimeReport(database, figures));
  std::printf("%s\n", json::Write(json::Value(std::move(figures))).c_str());
  return {};
}

Status Run(const std::vector<std::string>& words) {
  if (words.size() < 2) return InvalidArgument("needs a database and fill, commit or lists");
  KEDGE_TRY(const auto database, Open(words[0]));
  if (words[1] == "fill" && words.size() == 3) return Fill(*database, std::atoll(words[2].c_str()));
  if (words[1] == "commit" && words.size() == 4) {
    return Commit(*database, std::atoll(words[2].c_str()), std::atof(words[3].c_str()));
  }
  if (words[1] == "lists") return Lists(*database);
  return InvalidArgument("'" + words[1] + "' is not one of fill, commit, lists with its numbers");
}

}  // namespace
}  // namespace kedge

int main(int argc, char** argv) {
  const auto status = kedge::Run({argv + 1, argv + argc});
  if (status) return 0;
  std::fprintf(stderr, "store_bench: %s\n", status.error().message.c_str());
  return 1;
}
