// What every engine must do, through the typed tables. An engine is one row of kEngines.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <gtest/gtest.h>
#include <limits>
#include <map>
#include <set>
#include <thread>

#include "base/file.h"
#include "store/tables/access_keys.h"
#include "store/tables/certificates.h"
#include "store/tables/deployments.h"
#include "store/tables/desired_models.h"
#include "store/tables/devices.h"
#include "store/tables/fleets.h"
#include "store/tables/job_logs.h"
#include "store/tables/jobs.h"
#include "store/tables/leases.h"
#include "store/tables/nodes.h"
#include "store/tables/sealed_keys.h"
#include "store/testing/engines.h"

namespace kedge::store {
namespace {

class StoreConformance : public testing::TestWithParam<EngineUnderTest> {
 protected:
  void SetUp() override {
    auto folder = TemporaryDirectory::Make();
    ASSERT_TRUE(folder);
    folder_ = std::make_unique<TemporaryDirectory>(std::move(*folder));
    const auto database = GetParam().make(folder_->path(), "test");
    if (!database && database.error().code == Code::kUnimplemented) {
      GTEST_SKIP() << "skipped: " << database.error().message;
    }
    ASSERT_TRUE(database) << database.error().message;
    database_ = *database;
    Open();
  }
  void Open() {
    store_.reset();
    auto store = GetParam().open(database_, true);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
  }
  // Runs the work as a write and expects success.
  void Write(const Work& work) {
    const auto status = store_->Write(work);
    ASSERT_TRUE(status) << status.error().message;
  }
  void Read(const Work& work) {
    const auto status = store_->Read(work);
    ASSERT_TRUE(status) << status.error().message;
  }
  void AddFleet(const std::string& name, EpochMs created = 1000) {
    Write([&](Transaction& t) {
      return InsertFleet(
          t, {.name = name, .output_config = "{}", .created = created, .modified = created});
    });
  }
  void AddDevice(const std::string& fleet, const std::string& name) {
    Write([&](Transaction& t) {
      return InsertDevice(t, {.fleet = fleet, .name = name, .registered = 5});
    });
  }

  std::unique_ptr<TemporaryDirectory> folder_;
  std::string database_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(All, StoreConformance, testing::ValuesIn(kEngines),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_P(StoreConformance, KeepsWhatWasAnsweredOverAReopen) {
  AddFleet("lab");
  Open();
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const auto fleet, FindFleet(t, "lab"));
    EXPECT_TRUE(fleet);
    EXPECT_EQ(fleet->created, 1000);
    EXPECT_FALSE(fleet->description);
    return {};
  });
}

TEST_P(StoreConformance, UndoesAFailedWorkAndOnlyThat) {
  std::atomic<int> left = 3;
  const auto done = [&](const Status&) { --left; };
  const auto insert = [](const char* name) {
    return [name](Transaction& t) { return InsertFleet(t, {.name = name, .output_config = "{}"}); };
  };
  store_->WriteLater(insert("a"), done);
  store_->WriteLater(
      [&](Transaction& t) -> Status {
        KEDGE_TRY_STATUS(insert("b")(t));
        return InvalidArgument("changed my mind");
      },
      [&](const Status& status) {
        EXPECT_EQ(status.error(), InvalidArgument("changed my mind"));
        --left;
      });
  store_->WriteLater(insert("c"), done);
  Write([](Transaction&) { return Status(); });  // all earlier ones are answered before this one
  EXPECT_EQ(left, 0);
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const auto page, ListFleets(t, {.order = FleetOrder::kName}, {}));
    EXPECT_EQ(page.items.size(), 2u);
    EXPECT_EQ(page.items.at(1).name, "c");
    return {};
  });
}

TEST_P(StoreConformance, NothingFollowsTheErrorOfAStatement) {
  AddFleet("lab");
  const auto again = [](Transaction& t) {
    return InsertFleet(t, {.name = "lab", .output_config = "{}"});
  };
  const auto status = store_->Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(InsertFleet(t, {.name = "roof", .output_config = "{}"}));
    EXPECT_FALSE(again(t));
    EXPECT_EQ(FindFleet(t, "lab").error().code, Code::kFailedPrecondition);
    return {};
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error(), Internal("a work passed over the error of a statement"));
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const auto fleet, FindFleet(t, "roof"));
    EXPECT_FALSE(fleet);
    return {};
  });
}

TEST_P(StoreConformance, AnswersManyWritersOnce) {
  constexpr int kThreads = 8;
  constexpr int kWrites = 50;
  AddFleet("lab");
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  std::atomic<int> succeeded = 0;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < kWrites; ++j) {
        const std::string name = std::to_string(i) + "-" + std::to_string(j);
        const auto status = store_->Write([&](Transaction& t) {
          return InsertDevice(t, {.fleet = "lab", .name = name, .registered = 1});
        });
        if (status) ++succeeded;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(succeeded, kThreads * kWrites);
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const auto names, DeviceNames(t, "lab"));
    EXPECT_EQ(names.size(), size_t{kThreads * kWrites});
    return {};
  });
}

TEST_P(StoreConformance, NamesConstraintViolationsByCode) {
  AddFleet("lab");
  AddDevice("lab", "d1");
  const struct {
    const char* name;
    Work work;
    Code want;
  } cases[] = {
      {"fleet twice",
       [](Transaction& t) { return InsertFleet(t, {.name = "lab", .output_config = "{}"}); },
       Code::kAlreadyExists},
      {"device twice",
       [](Transaction& t) { return InsertDevice(t, {.fleet = "lab", .name = "d1"}); },
       Code::kAlreadyExists},
      {"device of no fleet",
       [](Transaction& t) { return InsertDevice(t, {.fleet = "other", .name = "d1"}); },
       Code::kFailedPrecondition},
      {"fleet with devices",
       [](Transaction& t) -> Status {
         KEDGE_TRY([[maybe_unused]] const bool deleted, DeleteFleet(t, "lab"));
         return {};
       },
       Code::kFailedPrecondition},
      {"no such table",
       [](Transaction& t) -> Status {
         KEDGE_TRY([[maybe_unused]] const Rows rows, t.Query("SELECT x FROM nothing"));
         return {};
       },
       Code::kInternal},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto status = store_->Write(c.work);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, c.want) << status.error().message;
  }
}

TEST_P(StoreConformance, PagesHoldEveryRowOnceInEveryOrder) {
  for (int i = 0; i < 7; ++i) AddFleet("fleet-" + std::to_string(i), 1000 + i / 3);  // equal times
  for (const FleetOrder order : {FleetOrder::kName, FleetOrder::kCreated, FleetOrder::kModified}) {
    for (const bool ascending : {true, false}) {
      SCOPED_TRACE(ascending);
      std::vector<std::string> names;
      Page page{.ascending = ascending, .rows_max = 2};
      for (int pages = 0; pages < 4; ++pages) {
        Read([&](Transaction& t) -> Status {
          KEDGE_TRY(const auto result, ListFleets(t, {.order = order}, page));
          for (const Fleet& fleet : result.items) names.push_back(fleet.name);
          page.after = result.next;
          return {};
        });
        if (!page.after) break;
      }
      EXPECT_FALSE(page.after);
      std::vector<std::string> want;
      want.reserve(7);
      for (int i = 0; i < 7; ++i) want.push_back("fleet-" + std::to_string(ascending ? i : 6 - i));
      EXPECT_EQ(names, want);
    }
  }
}

TEST_P(StoreConformance, FiltersListsByNameAndTime) {
  AddFleet("lab-a", 1000);
  AddFleet("lab-B", 2000);
  AddFleet("roof", 3000);
  const struct {
    const char* name;
    FleetFilter filter;
    size_t want;
  } cases[] = {
      {"all", {}, 3},
      {"contains", {.name_contains = "lab"}, 2},
      {"case counts", {.name_contains = "b-b"}, 0},
      {"after", {.window = {.created_after = 1000}}, 2},
      {"before", {.window = {.created_before = 1000}}, 0},
      {"window", {.window = {.created_after = 1000, .modified_before = 3000}}, 1},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Read([&](Transaction& t) -> Status {
      KEDGE_TRY(const auto page, ListFleets(t, c.filter, {}));
      EXPECT_EQ(page.items.size(), c.want);
      return {};
    });
  }
}

TEST_P(StoreConformance, ContainsTakesEveryCharacterAsItIs) {
  for (const char* name : {"a_b", "aXb", "50%", "500", "back\\slash", "it's"}) AddFleet(name);
  const struct {
    const char* text;
    size_t want;
  } cases[] = {{"a_b", 1}, {"_", 1},    {"50%", 1}, {"%", 1},
               {"\\", 1},  {"k\\s", 1}, {"'", 1},   {"xb", 0}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    Read([&](Transaction& t) -> Status {
      KEDGE_TRY(const auto page, ListFleets(t, {.name_contains = c.text}, {}));
      EXPECT_EQ(page.items.size(), c.want);
      return {};
    });
  }
}

TEST_P(StoreConformance, TextsSortByTheirBytes) {
  const std::vector<std::string> sorted = {"-a", "A-1", "A1", "B", "_", "a", "a-b", "ab", "\u00e4"};
  for (auto name = sorted.rbegin(); name != sorted.rend(); ++name) AddFleet(*name);
  Read([&](Transaction& t) -> Status {
    KEDGE_TRY(const auto page, ListFleets(t, {.order = FleetOrder::kName}, {}));
    std::vector<std::string> names;
    for (const Fleet& fleet : page.items) names.push_back(fleet.name);
    EXPECT_EQ(names, sorted);
    return {};
  });
}

TEST_P(StoreConformance, ValuesComeBackAsTheyWent) {
  const std::string large(3 << 20, 'x');
  const std::vector<std::vector<Value>> values = {
      {int64_t{1}, std::numeric_limits<int64_t>::min(), 0.1, ""},
      {int64_t{2}, std::numeric_limits<int64_t>::max(), -1e300, large},
      {int64_t{3}, std::monostate(), std::monostate(), std::monostate()},
      {int64_t{4}, int64_t{0}, 5e-324, "tab\t 'quote' \\ $1 \u20ac \U0001F600\n"}};
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(t.ExecuteScript(
        "CREATE TABLE samples (id bigint PRIMARY KEY, i bigint, d double precision, s text)"));
    KEDGE_TRY(const int64_t rows,
              t.ExecuteMany("INSERT INTO samples (id, i, d, s) VALUES ($1, $2, $3, $4)", values));
    EXPECT_EQ(rows, 4);
    return {};
  });
  Read([&](Transaction& t) -> Status {
    KEDGE_TRY(const Rows rows, t.Query("SELECT id, i, d, s FROM samples ORDER BY id"));
    EXPECT_EQ(rows.size(), values.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      for (size_t column = 0; column < 4; ++column) {
        EXPECT_TRUE(rows[i].At(column) == values[i][column]) << i << " " << column;
      }
    }
    KEDGE_TRY(const Rows sums, t.Query("SELECT SUM(id), COUNT(*), MAX(d), SUM(d) FROM samples "
                                       "WHERE id IN ($1, $2)",
                                       {int64_t{1}, int64_t{4}}));
    EXPECT_EQ(sums.at(0).Integer(0), 5);
    EXPECT_EQ(sums.at(0).Integer(1), 2);
    EXPECT_TRUE(sums.at(0).At(2) == Value(0.1));
    return {};
  });
  const auto zero = store_->Write([](Transaction& t) -> Status {
    KEDGE_TRY([[maybe_unused]] const int64_t rows,
              t.Execute("INSERT INTO samples (id, s) VALUES ($1, $2)",
                        {int64_t{5}, std::string("a\0b", 3)}));
    return {};
  });
  ASSERT_FALSE(zero);
  EXPECT_EQ(zero.error(), InvalidArgument("parameter $2 holds a zero byte"));
}

TEST_P(StoreConformance, ManyRowsAreWrittenInTheirOrderOrNotAtAll) {
  constexpr const char* kUpsert =
      "INSERT INTO counts (id, number) VALUES ($1, $2) "
      "ON CONFLICT (id) DO UPDATE SET number = excluded.number";
  constexpr int64_t kRows = 2500;  // more than one round trip
  Write([](Transaction& t) {
    return t.ExecuteScript(
        "CREATE TABLE counts (id bigint PRIMARY KEY, number bigint CHECK (number < 10000))");
  });
  std::vector<std::vector<Value>> rows;
  for (int64_t i = 0; i < kRows; ++i) rows.push_back({i % 2000, i});
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY(const int64_t changed, t.ExecuteMany(kUpsert, rows));
    EXPECT_EQ(changed, kRows);
    KEDGE_TRY(const int64_t none, t.ExecuteMany(kUpsert, {}));
    EXPECT_EQ(none, 0);
    return {};
  });
  rows.push_back({int64_t{5000}, int64_t{10'000}});
  rows.push_back({int64_t{5001}, int64_t{1}});
  const auto status = store_->Write([&](Transaction& t) -> Status {
    KEDGE_TRY([[maybe_unused]] const int64_t changed, t.ExecuteMany(kUpsert, rows));
    return {};
  });
  EXPECT_FALSE(status);
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const Rows all, t.Query("SELECT COUNT(*), SUM(number) FROM counts"));
    EXPECT_EQ(all.at(0).Integer(0), 2000);
    // 0 to 499 were written twice, the later row counts: 2000 to 2499 and 500 to 1999.
    EXPECT_EQ(all.at(0).Integer(1), (500 + 2499) * 2000 / 2);
    return {};
  });
}

TEST_P(StoreConformance, HeartbeatIsStoredAndFound) {
  AddFleet("lab");
  AddDevice("lab", "d1");
  AddDevice("lab", "d2");
  const std::vector<LoadedModel> models = {{"digits", "1.0", 5, 6}, {"faces", "2.0", 0, 0}};
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY(const auto found, FindStates(t, {{"lab", "d1"}, {"lab", "d9"}}));
    EXPECT_TRUE(found[0].has_value());
    EXPECT_FALSE(found[1].has_value());
    KEDGE_TRY_STATUS(UpdateStates(t, {{.key = {"lab", "d1"},
                                       .revision = found[0]->revision + 1,
                                       .heartbeat_time = 77,
                                       .agent_version = "1.0",
                                       .models = models}}));
    return InsertModels(t, {{{"lab", "d1"}, "digits", "1.0"}, {{"lab", "d1"}, "faces", "2.0"}});
  });
  Read([&](Transaction& t) -> Status {
    KEDGE_TRY(const auto by_time, ListDevices(t, {.heartbeat_after = 76}, {}));
    EXPECT_EQ(by_time.items.size(), 1u);
    KEDGE_TRY(const auto later, ListDevices(t, {.heartbeat_after = 77}, {}));
    EXPECT_TRUE(later.items.empty());
    KEDGE_TRY(const auto device, FindDevice(t, "lab", "d1"));
    EXPECT_EQ(device->heartbeat_time, 77);
    EXPECT_EQ(device->agent_version, "1.0");
    EXPECT_EQ(device->models, models);
    KEDGE_TRY(const auto other, FindDevice(t, "lab", "d2"));
    EXPECT_FALSE(other->heartbeat_time.has_value());
    return {};
  });
}

TEST_P(StoreConformance, AStateIsWrittenOverItsFormerRevisionOnly) {
  AddFleet("lab");
  AddDevice("lab", "d1");
  const auto update = [&](int64_t revision) {
    return store_->Write([&](Transaction& t) {
      return UpdateStates(
          t, {{.key = {"lab", "d1"}, .revision = revision, .heartbeat_time = 70 + revision}});
    });
  };
  EXPECT_TRUE(update(1));
  const auto again = update(1);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kAborted);
  EXPECT_TRUE(update(2));
}

TEST_P(StoreConformance, AccessKeysGoWithTheirDevice) {
  AddFleet("lab");
  AddDevice("lab", "d1");
  Write([](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(InsertAccessKey(t, {.id = "ADMIN", .secret = "s", .role = "admin"}));
    return InsertAccessKey(
        t, {.id = "DEVICE", .secret = "s", .role = "device", .fleet = "lab", .device = "d1"});
  });
  Write([](Transaction& t) -> Status {
    KEDGE_TRY(const bool deleted, DeleteDevice(t, "lab", "d1"));
    EXPECT_TRUE(deleted);
    return {};
  });
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const auto admin, FindAccessKey(t, "ADMIN"));
    EXPECT_TRUE(admin);
    KEDGE_TRY(const auto device, FindAccessKey(t, "DEVICE"));
    EXPECT_FALSE(device);
    return {};
  });
}

TEST_P(StoreConformance, ClaimTokensAreUsedUpAndExpire) {
  AddFleet("lab");
  Write([](Transaction& t) -> Status {
    ClaimToken token{.id = "t1", .token_sha256 = "aa", .fleet = "lab", .device_pattern = "cam-*"};
    token.uses = token.uses_left = 2;
    token.expires = 1000;
    KEDGE_TRY_STATUS(InsertClaimToken(t, token));
    for (const bool expected : {true, true, false}) {
      KEDGE_TRY(const bool used, UseClaimToken(t, "t1", 999));
      EXPECT_EQ(used, expected);
    }
    token.id = "t2";
    token.token_sha256 = "bb";
    KEDGE_TRY_STATUS(InsertClaimToken(t, token));
    KEDGE_TRY(const bool expired, UseClaimToken(t, "t2", 1000));
    EXPECT_FALSE(expired);
    KEDGE_TRY(const auto found, FindClaimToken(t, "aa"));
    EXPECT_EQ(found->uses_left, 0);
    EXPECT_EQ(found->device_pattern, "cam-*");
    KEDGE_TRY(const auto tokens, ListClaimTokens(t, "lab", {}));
    EXPECT_EQ(tokens.items.size(), 2U);
    KEDGE_TRY(const bool foreign, DeleteClaimToken(t, "other", "t2"));
    EXPECT_FALSE(foreign);
    KEDGE_TRY(const bool deleted, DeleteClaimToken(t, "lab", "t2"));
    EXPECT_TRUE(deleted);
    KEDGE_TRY(const auto gone, FindClaimToken(t, "bb"));
    EXPECT_FALSE(gone);
    return {};
  });
}

TEST_P(StoreConformance, RevokedCertificatesAreFoundByTheirEpoch) {
  Write([](Transaction& t) -> Status {
    for (const char* serial : {"1", "2", "3"}) {
      KEDGE_TRY_STATUS(InsertDeviceCertificate(t, {.serial = serial,
                                                   .fleet = "lab",
                                                   .device = serial[0] == '3' ? "d2" : "d1",
                                                   .fingerprint = "ff",
                                                   .issued = 5,
                                                   .expires = 10}));
    }
    return NoteCertificateSeen(t, "2", 7, "10.0.0.1");
  });
  Write([](Transaction& t) -> Status {
    KEDGE_TRY(const int64_t before, CertificateEpoch(t));
    Revocation revocation{.fleet = "lab", .device = "d1", .serial = "1", .now = 6, .why = "lost"};
    KEDGE_TRY(const int64_t one, RevokeDeviceCertificates(t, revocation));
    EXPECT_EQ(one, 1);
    KEDGE_TRY(const int64_t between, CertificateEpoch(t));
    revocation.serial.reset();
    KEDGE_TRY(const int64_t rest, RevokeDeviceCertificates(t, revocation));
    EXPECT_EQ(rest, 1);
    KEDGE_TRY(const auto all, RevokedSince(t, before));
    EXPECT_EQ(all.size(), 2U);
    KEDGE_TRY(const auto later, RevokedSince(t, between));
    EXPECT_EQ(later, std::vector<std::string>{"2"});
    KEDGE_TRY(const auto first, FindDeviceCertificate(t, "1"));
    EXPECT_EQ(first->revoked, 6);
    EXPECT_EQ(first->revoked_why, "lost");
    KEDGE_TRY(const auto of_device, ListDeviceCertificates(t, "lab", "d1", {}));
    EXPECT_EQ(of_device.items.size(), 2U);
    EXPECT_EQ(of_device.items.at(1).seen_address, "10.0.0.1");
    KEDGE_TRY(const auto of_fleet, ListDeviceCertificates(t, "lab", std::nullopt, {}));
    EXPECT_EQ(of_fleet.items.size(), 3U);
    EXPECT_FALSE(of_fleet.items.at(2).revoked);
    return {};
  });
}

TEST_P(StoreConformance, SealedKeysAreGivenNewestFirstAndNeverReplaced) {
  Write([](Transaction& t) -> Status {
    for (const int64_t number : {1, 2}) {
      KEDGE_TRY_STATUS(InsertSealedKey(t, {.purpose = "p", .number = number, .sealed = "s"}));
    }
    return {};
  });
  const Status again = store_->Write([](Transaction& t) {
    return InsertSealedKey(t, {.purpose = "p", .number = 2, .sealed = "other"});
  });
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kAlreadyExists);
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const auto keys, ListSealedKeys(t, "p"));
    EXPECT_EQ(keys.at(0).number, 2);
    EXPECT_EQ(keys.at(0).sealed, "s");
    EXPECT_EQ(keys.size(), 2U);
    KEDGE_TRY(const auto none, ListSealedKeys(t, "q"));
    EXPECT_TRUE(none.empty());
    return {};
  });
}

// Jobs of one queue (a model) take turns with those of others.
TEST_P(StoreConformance, JobsAreClaimedInTurnsAndOnce) {
  Write([](Transaction& t) -> Status {
    const struct {
      const char* name;
      const char* queue;
      EpochMs created;
    } jobs[] = {{"a1", "a", 1}, {"a2", "a", 2}, {"a3", "a", 3}, {"b1", "b", 4}, {"c1", "c", 5}};
    for (const auto& job : jobs) {
      KEDGE_TRY_STATUS(InsertCompilationJob(
          t, {.name = job.name, .request = "{}", .created = job.created, .queue = job.queue}));
    }
    return {};
  });
  std::string order;
  for (int i = 0; i < 6; ++i) {
    Write([&](Transaction& t) -> Status {
      KEDGE_TRY(const auto claim, ClaimJob(t, JobKind::kCompilation,
                                           {.holder = "node", .now = 9, .lease_until = 100}));
      order += claim ? claim->name : "-";
      // One that comes late begins at the turn that is next then.
      if (claim && claim->name == "c1") {
        KEDGE_TRY_STATUS(
            InsertCompilationJob(t, {.name = "d1", .request = "{}", .created = 2, .queue = "d"}));
      }
      return {};
    });
  }
  EXPECT_EQ(order, "a1b1c1a2d1a3");
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const auto job, FindCompilationJob(t, "a1"));
    EXPECT_EQ(job->status, kJobInProgress);
    EXPECT_EQ(job->started, 9);
    KEDGE_TRY(const bool any, AnyJobToClaim(t, JobKind::kCompilation, 99));
    EXPECT_FALSE(any);
    KEDGE_TRY(const bool late, AnyJobToClaim(t, JobKind::kCompilation, 100));
    EXPECT_TRUE(late);
    return {};
  });
}

TEST_P(StoreConformance, JobsAreRefusedWhenTooManyAreQueued) {
  Write([](Transaction& t) -> Status {
    for (int64_t i = 0; i < kQueuedJobsMax; ++i) {
      KEDGE_TRY_STATUS(InsertPackagingJob(t, {.name = std::to_string(i), .request = "{}"}));
    }
    return {};
  });
  const auto refused = store_->Write(
      [](Transaction& t) { return InsertPackagingJob(t, {.name = "more", .request = "{}"}); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), OutOfRange("1000 jobs are queued, which is the most"));
}

// Whatever a node writes for a job repeats the token of its claim.
TEST_P(StoreConformance, JobsTakenOverAreNotChangedByTheirFormerNode) {
  constexpr JobKind kKind = JobKind::kCompilation;
  JobClaim first, second;
  const auto claim = [&](Transaction& t, const char* holder, EpochMs now,
                         JobClaim& into) -> Status {
    KEDGE_TRY(const auto got,
              ClaimJob(t, kKind, {.holder = holder, .now = now, .lease_until = now + 10}));
    if (!got) return NotFound("nothing to claim");
    into = *got;
    return {};
  };
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(InsertCompilationJob(t, {.name = "job", .request = "{}"}));
    KEDGE_TRY_STATUS(claim(t, "one", 0, first));
    KEDGE_TRY(const auto held, HoldJob(t, kKind, first, 20));
    EXPECT_EQ(held, kJobInProgress);
    EXPECT_FALSE(claim(t, "two", 19, second));
    return claim(t, "two", 20, second);
  });
  EXPECT_EQ(second.attempt, 2);
  const JobEnd end{.status = std::string(kJobCompleted),
                   .time = 25,
                   .outputs = {.artifact_uri = "s3://b/k", .report = R"({"a":1})"}};
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY(const auto held, HoldJob(t, kKind, first, 99));
    EXPECT_FALSE(held);
    KEDGE_TRY(const auto ended, EndJob(t, kKind, first, end));
    EXPECT_FALSE(ended);
    KEDGE_TRY_STATUS(ReleaseJob(t, kKind, first, 21));
    EXPECT_EQ(AppendJobLog(t, kKind, first, "late").error(),
              Aborted("job job is another node's now"));
    KEDGE_TRY(const auto report, FindReport(t, "job"));
    EXPECT_FALSE(report);
    KEDGE_TRY_STATUS(AppendJobLog(t, kKind, second, "hello"));
    KEDGE_TRY(const auto stored, EndJob(t, kKind, second, end));
    EXPECT_EQ(stored, kJobCompleted);
    KEDGE_TRY(const auto twice, EndJob(t, kKind, second, end));
    EXPECT_FALSE(twice);
    return {};
  });
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY(const auto job, FindCompilationJob(t, "job"));
    EXPECT_EQ(job->artifact_uri, "s3://b/k");
    EXPECT_EQ(job->ended, 25);
    KEDGE_TRY(const auto report, FindReport(t, "job"));
    EXPECT_EQ(report, R"({"a":1})");
    KEDGE_TRY_STATUS(DeleteCompilationJob(t, "job"));
    KEDGE_TRY(const auto gone, FindReport(t, "job"));
    EXPECT_FALSE(gone);
    KEDGE_TRY(const auto log, ReadJobLog(t, kKind, "job", 0, 100));
    EXPECT_EQ(log.total_bytes, 0);
    return {};
  });
}

TEST_P(StoreConformance, JobsStopFromEveryState) {
  constexpr JobKind kKind = JobKind::kPackaging;
  std::map<std::string, JobClaim> claims;
  Write([&](Transaction& t) -> Status {
    EpochMs created = 0;
    for (const char* name : {"ends", "is released", "is abandoned", "is queued"}) {
      KEDGE_TRY_STATUS(
          InsertPackagingJob(t, {.name = name, .request = "{}", .created = created++}));
    }
    for (int i = 0; i < 3; ++i) {
      KEDGE_TRY(const auto claim,
                ClaimJob(t, kKind, {.holder = "node", .now = 1, .lease_until = 10}));
      claims[claim->name] = *claim;
      KEDGE_TRY(const auto stopping, StopJob(t, kKind, claim->name, 2));
      EXPECT_EQ(stopping, kJobStopping);
    }
    KEDGE_TRY(const auto stopped, StopJob(t, kKind, "is queued", 2));
    EXPECT_EQ(stopped, kJobStopped);
    KEDGE_TRY(const auto none, StopJob(t, kKind, "nobody", 3));
    EXPECT_FALSE(none);
    KEDGE_TRY(const auto ended,
              EndJob(t, kKind, claims["ends"],
                     {.status = std::string(kJobCompleted), .outputs = {.artifact_uri = "s3://"}}));
    EXPECT_EQ(ended, kJobStopped);
    KEDGE_TRY_STATUS(ReleaseJob(t, kKind, claims["is released"], 3));
    KEDGE_TRY_STATUS(EndAbandonedJobs(t, kKind, 9));
    KEDGE_TRY(const auto held, LookAtJob(t, kKind, claims["is abandoned"]));
    EXPECT_EQ(held, kJobStopping);
    return EndAbandonedJobs(t, kKind, 10);
  });
  Read([](Transaction& t) -> Status {
    for (const char* name : {"ends", "is released", "is abandoned", "is queued"}) {
      KEDGE_TRY(const auto job, FindPackagingJob(t, name));
      EXPECT_EQ(job->status, kJobStopped) << name;
      EXPECT_EQ(job->artifact_uri, "") << name;
    }
    return {};
  });
}

TEST_P(StoreConformance, JobsThatNobodyWillEndFail) {
  constexpr JobKind kKind = JobKind::kCompilation;
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(InsertCompilationJob(t, {.name = "kills", .request = "{}", .created = 1}));
    KEDGE_TRY_STATUS(InsertCompilationJob(
        t, {.name = "waits", .request = "{}", .created = 2, .queue = "w", .wait_until = 1000}));
    for (EpochMs now = 0; now < kJobAttemptsMax; ++now) {
      KEDGE_TRY_STATUS(EndAbandonedJobs(t, kKind, now));
      KEDGE_TRY(const auto claim,
                ClaimJob(t, kKind, {.holder = "node", .now = now, .lease_until = now + 1}));
      EXPECT_EQ(claim->name, "kills");
    }
    KEDGE_TRY_STATUS(EndLeasesOf(t, kKind, "node"));
    KEDGE_TRY_STATUS(EndAbandonedJobs(t, kKind, 999));
    KEDGE_TRY(const auto waits, FindCompilationJob(t, "waits"));
    EXPECT_EQ(waits->status, kJobStarting);
    return EndAbandonedJobs(t, kKind, 1000);
  });
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const auto kills, FindCompilationJob(t, "kills"));
    EXPECT_EQ(kills->status, kJobFailed);
    EXPECT_EQ(kills->failure_reason, "ServerError: 5 nodes that ran the job ended before it did");
    KEDGE_TRY(const auto waits, FindCompilationJob(t, "waits"));
    EXPECT_EQ(waits->status, kJobFailed);
    EXPECT_EQ(waits->ended, 1000);
    return {};
  });
}

TEST_P(StoreConformance, JobLogsKeepTheirEnd) {
  constexpr JobKind kKind = JobKind::kCompilation;
  const std::string block(1 << 14, 'x');
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(InsertCompilationJob(t, {.name = "job", .request = "{}"}));
    KEDGE_TRY(const auto claim,
              ClaimJob(t, kKind, {.holder = "node", .now = 1, .lease_until = 10}));
    KEDGE_TRY_STATUS(AppendJobLog(t, kKind, *claim, "first\u00e4"));
    KEDGE_TRY(const auto page, ReadJobLog(t, kKind, "job", 6, 100));  // within the last character
    EXPECT_EQ(page.text, "");
    EXPECT_EQ(page.next_byte, 7);
    for (int64_t bytes = 0; bytes < kJobLogBytesMax; bytes += 1 << 14) {
      KEDGE_TRY_STATUS(AppendJobLog(t, kKind, *claim, block));
    }
    return AppendJobLog(t, kKind, *claim, "last");
  });
  Read([&](Transaction& t) -> Status {
    KEDGE_TRY(const auto page, ReadJobLog(t, kKind, "job", 0, 100));
    EXPECT_EQ(page.start_byte, 7);
    EXPECT_EQ(page.first_byte, page.start_byte);
    EXPECT_EQ(page.text.size(), block.size());  // at least a segment
    EXPECT_EQ(page.total_bytes, 7 + kJobLogBytesMax + 4);
    KEDGE_TRY(const auto tail, ReadJobLog(t, kKind, "job", page.total_bytes - 5, 100));
    EXPECT_EQ(tail.text, "xlast");
    KEDGE_TRY(const auto last, ReadJobLog(t, kKind, "job", tail.next_byte, 100));
    EXPECT_EQ(last.text, "");
    KEDGE_TRY(const auto none, ReadJobLog(t, kKind, "job", 1 << 30, 100));
    EXPECT_EQ(none.text, "");
    EXPECT_EQ(none.next_byte, page.total_bytes);
    return {};
  });
}

Status AddStageDevice(Transaction& transaction, const StageDevice& device) {
  return InsertStageDevices(transaction, std::span(&device, 1));
}

TEST_P(StoreConformance, ListsStageDevicesAndWhereElseTheyAreDeployed) {
  AddFleet("lab");
  Write([](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(
        InsertPlan(t, {.name = "plan", .fleet = "lab", .model_configs = "[]", .chance = "x"}));
    for (const char* stage : {"one", "two"}) {
      KEDGE_TRY_STATUS(InsertStage(t, {.plan = "plan",
                                       .name = stage,
                                       .position = stage[0] == 't',
                                       .selection = "{}",
                                       .policy = "DO_NOTHING",
                                       .status = "READYTODEPLOY"}));
      for (const char* device : {"d1", "d2"}) {
        const bool deployed = stage[0] == 'o' && device[1] == '1';
        KEDGE_TRY_STATUS(AddStageDevice(t, {.plan = "plan",
                                            .stage = stage,
                                            .fleet = "lab",
                                            .device = device,
                                            .status = deployed ? "DEPLOYED" : "INPROGRESS"}));
      }
    }
    return {};
  });
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const auto all, ListStageDevices(t, {.plan = "plan", .stage = "two"}, {}));
    EXPECT_EQ(all.page.items.size(), 2u);
    EXPECT_EQ(all.elsewhere.at(0), "one");
    EXPECT_FALSE(all.elsewhere.at(1));
    KEDGE_TRY(const auto others,
              ListStageDevices(
                  t, {.plan = "plan", .stage = "two", .exclude_deployed_elsewhere = true}, {}));
    EXPECT_EQ(others.page.items.size(), 1u);
    EXPECT_EQ(others.page.items.at(0).device, "d2");
    KEDGE_TRY(const auto page,
              ListStageDevices(t, {.plan = "plan", .stage = "two"}, {.rows_max = 1}));
    EXPECT_TRUE(page.page.next);
    return {};
  });
}

TEST_P(StoreConformance, LeasesChangeHandsOnceAndFenceTheFormerHolder) {
  const auto acquire = [](Transaction& t, const char* holder, EpochMs now) {
    return AcquireLease(t, {.name = "stages", .holder = holder, .now = now, .ttl_ms = 100});
  };
  std::optional<Lease> first;
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY(first, acquire(t, "a", 1000));
    EXPECT_EQ(first->token, 1);
    KEDGE_TRY(const auto busy, acquire(t, "b", 1099));
    EXPECT_FALSE(busy);
    KEDGE_TRY(first, RenewLease(t, *first, 1090, 100));
    EXPECT_EQ(first->expires, 1190);
    KEDGE_TRY(const auto still_busy, acquire(t, "b", 1189));
    EXPECT_FALSE(still_busy);
    return {};
  });
  std::optional<Lease> second;
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(Fence(t, *first));  // expired, but nobody took it
    KEDGE_TRY(second, acquire(t, "b", 1190));
    EXPECT_EQ(second->token, 2);
    return ReleaseLease(t, *first);  // not a's any more
  });
  const Work of_first[] = {[&](Transaction& t) { return Fence(t, *first); },
                           [&](Transaction& t) -> Status {
                             KEDGE_TRY([[maybe_unused]] const Lease l,
                                       RenewLease(t, *first, 1200, 100));
                             return {};
                           }};
  for (const Work& work : of_first) {
    const auto status = store_->Write(work);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error(), Aborted("lease 'stages' with token 1 was taken over"));
  }
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(Fence(t, *second));
    KEDGE_TRY_STATUS(ReleaseLease(t, *second));
    KEDGE_TRY(const auto third, acquire(t, "a", 1191));
    EXPECT_EQ(third->token, 3);
    return {};
  });
}

TEST_P(StoreConformance, NodesAreSeenDrainAndGo) {
  Write([](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(PutNode(t, {.id = "a", .address = "x:1", .version = "1", .seen = 10}));
    KEDGE_TRY_STATUS(PutNode(t, {.id = "b", .address = "x:2", .version = "1", .seen = 20}));
    KEDGE_TRY_STATUS(PutNode(t, {.id = "c", .seen = 30}));
    KEDGE_TRY_STATUS(PutNode(t, {.id = "b", .seen = 40, .draining = true}));
    KEDGE_TRY_STATUS(DeleteNode(t, "c"));
    return DeleteNodesUnseenSince(t, 20);
  });
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const auto nodes, ListNodes(t));
    EXPECT_EQ(nodes.size(), 1u);
    EXPECT_EQ(nodes.at(0).address, "x:2");
    EXPECT_EQ(nodes.at(0).seen, 40);
    EXPECT_TRUE(nodes.at(0).draining);
    return {};
  });
}

// A plan "plan" of fleet "lab" with one stage "all" that was started.
Status AddStartedStage(Transaction& transaction) {
  KEDGE_TRY_STATUS(InsertPlan(
      transaction, {.name = "plan", .fleet = "lab", .model_configs = "[]", .chance = "x"}));
  Stage stage{.plan = "plan",
              .name = "all",
              .selection = "{}",
              .policy = "DO_NOTHING",
              .status = "READYTODEPLOY"};
  KEDGE_TRY_STATUS(InsertStage(transaction, stage));
  KEDGE_TRY(stage.start_number, NextStartNumber(transaction));
  stage.status = "STARTING";
  stage.phase = "ASSIGN";
  stage.deployment_name = "deployment-1";
  stage.step = 1;
  KEDGE_TRY(const bool started, StartStageRow(transaction, stage, 0));
  EXPECT_TRUE(started);
  return {};
}

TEST_P(StoreConformance, AStageIsAdvancedOnceAStep) {
  AddFleet("lab");
  Write(AddStartedStage);
  Write([](Transaction& t) -> Status {
    KEDGE_TRY(const auto moving, MovingStages(t, 5));
    EXPECT_EQ(moving.size(), 1u);
    Stage stage = moving.at(0);
    stage.step = 2;
    stage.after_device = "d7";
    KEDGE_TRY(const bool first, AdvanceStageRow(t, stage, 1, {.pending = 5}));
    EXPECT_TRUE(first);
    KEDGE_TRY(const bool twice, AdvanceStageRow(t, stage, 1, {.pending = 5}));
    EXPECT_FALSE(twice);
    stage.deployment_name = "deployment-0";
    KEDGE_TRY(const bool former_start, AdvanceStageRow(t, stage, 2, {.pending = 5}));
    EXPECT_FALSE(former_start);
    KEDGE_TRY_STATUS(ChangeCounts(t, "plan", "all", {.pending = -2, .deployed = 1, .failed = 1}));
    KEDGE_TRY_STATUS(SetStageStatus(t, "plan", "all", "FAILED"));
    KEDGE_TRY(const auto found, FindStageOfDeployment(t, "deployment-1"));
    stage = *found;
    EXPECT_EQ(stage.step, 2);
    EXPECT_EQ(stage.after_device, "d7");
    EXPECT_EQ(stage.pending, 3);
    EXPECT_EQ(stage.deployed, 1);
    EXPECT_EQ(stage.failed, 1);
    EXPECT_EQ(stage.status, "FAILED");
    KEDGE_TRY(const int64_t number, NextStartNumber(t));
    EXPECT_EQ(number, 2);
    return {};
  });
}

TEST_P(StoreConformance, StageDevicesMoveStopAndGoInPieces) {
  AddFleet("lab");
  Write(AddStartedStage);
  Write([](Transaction& t) -> Status {
    KEDGE_TRY(const auto found, FindStage(t, "plan", "all"));
    const Stage& stage = *found;
    for (const char* name : {"d1", "d2", "d3"}) {
      KEDGE_TRY_STATUS(AddStageDevice(t, {.plan = "plan",
                                          .stage = "all",
                                          .fleet = "lab",
                                          .device = name,
                                          .status = "READYTODEPLOY",
                                          .reason = "drawn",
                                          .control_peer = "d9"}));
    }
    KEDGE_TRY(const auto d1, FindStageDevice(t, "plan", "all", "d1"));
    StageDevice device = *d1;
    EXPECT_EQ(device.control_peer, "d9");
    device.status = "DEPLOYED";
    KEDGE_TRY(const bool stale, MoveStageDevice(t, device, "INPROGRESS"));
    EXPECT_FALSE(stale);
    KEDGE_TRY(const bool moved, MoveStageDevice(t, device, "READYTODEPLOY"));
    EXPECT_TRUE(moved);
    KEDGE_TRY(const auto pending, PendingStageDevices(t, stage, "", 9));
    EXPECT_EQ(pending, (std::vector<std::string>{"d2", "d3"}));
    KEDGE_TRY(const auto rest, PendingStageDevices(t, stage, "d2", 9));
    EXPECT_EQ(rest, (std::vector<std::string>{"d3"}));
    const std::vector<std::string> all = {"d1", "d2", "d3"};
    KEDGE_TRY(const int64_t stopped, StopStageDevices(t, stage, all, "stop"));
    EXPECT_EQ(stopped, 2);
    KEDGE_TRY(const int64_t two, DeleteStageDevices(t, "plan", "all", 2));
    EXPECT_EQ(two, 2);
    KEDGE_TRY(const int64_t last, DeleteStageDevices(t, "plan", "all", 2));
    EXPECT_EQ(last, 1);
    return {};
  });
}

TEST_P(StoreConformance, DesiredModelsChangeOnlyAsTheyWereRead) {
  AddFleet("lab");
  AddDevice("lab", "d1");
  const fleet::DesiredModel one{.current = {.name = "one", .number = 1}};
  const fleet::DesiredModel two{.current = {.name = "two", .number = 2},
                                .state = fleet::DesiredState::kTaken,
                                .former = fleet::Deployment{.name = "one", .number = 1}};
  const auto put = [](Transaction& t, const char* device, fleet::Desired before,
                      fleet::Desired after) {
    const DesiredChange change{.device = device,
                               .model_handle = "eyes",
                               .before = std::move(before),
                               .after = std::move(after)};
    return ChangeDesired(t, "lab", std::span(&change, 1));
  };
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(put(t, "d1", std::nullopt, one));
    KEDGE_TRY_STATUS(put(t, "d1", one, two));
    KEDGE_TRY(const auto rows, DesiredModels(t, "lab", "d1"));
    EXPECT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows.at(0).model, two);
    return {};
  });
  const struct {
    const char* name;
    Work work;
    Code want;
  } cases[] = {
      {"was there", [&](Transaction& t) { return put(t, "d1", std::nullopt, one); },
       Code::kUnavailable},
      {"was another", [&](Transaction& t) { return put(t, "d1", one, two); }, Code::kUnavailable},
      {"was another, gone", [&](Transaction& t) { return put(t, "d1", one, std::nullopt); },
       Code::kUnavailable},
      {"no such device", [&](Transaction& t) { return put(t, "d9", std::nullopt, one); },
       Code::kFailedPrecondition},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto status = store_->Write(c.work);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, c.want) << status.error().message;
  }
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(put(t, "d1", two, std::nullopt));
    KEDGE_TRY(const auto rows, DesiredModelsBetween(t, "lab", "a", "z"));
    EXPECT_TRUE(rows.empty());
    return {};
  });
}

TEST_P(StoreConformance, DefinitionsStayWhileADeviceOrAStageRefersToThem) {
  AddFleet("lab");
  AddDevice("lab", "d1");
  Write(AddStartedStage);
  Write([](Transaction& t) -> Status {
    for (const char* name : {"deployment-1", "current", "former", "unused"}) {
      KEDGE_TRY_STATUS(InsertDefinition(
          t, name,
          {.model_handle = "eyes", .uri = "s3://b/k", .sha1 = "0", .policy = "DO_NOTHING"}));
    }
    KEDGE_TRY_STATUS(InsertStageAdvance(t, {.deployment_name = "deployment-1", .step = 1}));
    KEDGE_TRY_STATUS(InsertStageAdvance(t, {.deployment_name = "unused", .step = 1}));
    const DesiredChange change{
        .device = "d1",
        .model_handle = "eyes",
        .after = fleet::DesiredModel{.current = {.name = "current", .number = 2},
                                     .former = fleet::Deployment{.name = "former", .number = 1}}};
    KEDGE_TRY_STATUS(ChangeDesired(t, "lab", std::span(&change, 1)));
    return DeleteUnusedDeployments(t);
  });
  Read([](Transaction& t) -> Status {
    for (const auto& [name, want] :
         {std::pair{"deployment-1", 1u}, {"current", 1u}, {"former", 1u}, {"unused", 0u}}) {
      SCOPED_TRACE(name);
      KEDGE_TRY(const auto definitions, Definitions(t, name));
      EXPECT_EQ(definitions.size(), want);
    }
    KEDGE_TRY(const Rows advances, t.Query("SELECT deployment_name FROM stage_advances"));
    EXPECT_EQ(advances.size(), 1u);
    KEDGE_TRY(const auto packages, DesiredPackages(t, "lab", "d1"));
    EXPECT_EQ(packages.size(), 1u);
    EXPECT_EQ(packages.at(0).uri, "s3://b/k");
    EXPECT_EQ(packages.at(0).policy, "DO_NOTHING");
    return {};
  });
}

}  // namespace
}  // namespace kedge::store
