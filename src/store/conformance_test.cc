// What every engine must do, through the typed tables. An engine is one row of kEngines.
// SPDX-License-Identifier: Apache-2.0
#include "store/testing/conformance.h"

#include <atomic>
#include <gtest/gtest.h>
#include <limits>
#include <thread>

#include "store/tables/devices.h"
#include "store/tables/fleets.h"
#include "store/tables/leases.h"
#include "store/tables/nodes.h"

namespace kedge::store {
namespace {

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

}  // namespace
}  // namespace kedge::store
