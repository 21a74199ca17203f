// What is PostgreSQL's own: several nodes on one database, and a server that goes away.
// SPDX-License-Identifier: Apache-2.0
#include "store/postgres/postgres_store.h"

#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <thread>

#include "store/migrate.h"
#include "store/postgres/connection.h"
#include "store/tables/fleets.h"
#include "store/testing/postgres_server.h"

namespace kedge::store {
namespace {

using postgres::Connection;

class PostgresStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto server = PostgresServer::Shared();
    if (!server && server.error().code == Code::kUnimplemented) {
      GTEST_SKIP() << "skipped: " << server.error().message;
    }
    ASSERT_TRUE(server) << server.error().message;
    server_ = *server;
    const auto url = server_->NewDatabase();
    ASSERT_TRUE(url) << url.error().message;
    url_ = *url;
  }
  std::unique_ptr<Store> Open() const {
    auto store = OpenPostgresStore({.url = url_});
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  // Runs statements outside of any store.
  void Raw(const std::string& url, const std::string& sql) const {
    auto connection = Connection::Open(url);
    ASSERT_TRUE(connection) << connection.error().message;
    const auto status = (*connection)->ExecuteScript(sql);
    ASSERT_TRUE(status) << status.error().message;
  }

  PostgresServer* server_ = nullptr;
  std::string url_;
};

Status AddFleet(Store& store, const std::string& name) {
  return store.Write(
      [&](Transaction& t) { return InsertFleet(t, {.name = name, .output_config = "{}"}); });
}

Result<bool> HasFleet(Store& store, const std::string& name) {
  bool has = false;
  KEDGE_TRY_STATUS(store.Read([&](Transaction& t) -> Status {
    KEDGE_TRY(const auto fleet, FindFleet(t, name));
    has = fleet.has_value();
    return {};
  }));
  return has;
}

// Reads, decides in the program, writes: what is lost under READ COMMITTED alone (an update of the
// counter), and what even a snapshot does not protect (two rows with the same "next" number).
Status CountOne(Transaction& t) {
  KEDGE_TRY(const Rows counter, t.Query("SELECT number FROM counters"));
  KEDGE_TRY([[maybe_unused]] const int64_t changed,
            t.Execute("UPDATE counters SET number = $1", {counter.at(0).Integer(0) + 1}));
  KEDGE_TRY(const Rows next, t.Query("SELECT COALESCE(MAX(number), 0) + 1 FROM numbers"));
  KEDGE_TRY([[maybe_unused]] const int64_t inserted,
            t.Execute("INSERT INTO numbers (number) VALUES ($1)", {next.at(0).Integer(0)}));
  return {};
}

TEST_F(PostgresStoreTest, WorksOfTwoNodesAreSerial) {
  constexpr int kThreads = 4;
  constexpr int kWrites = 60;
  const std::unique_ptr<Store> nodes[] = {Open(), Open()};
  Raw(url_,
      "CREATE TABLE counters (number bigint); INSERT INTO counters VALUES (0);"
      "CREATE TABLE numbers (number bigint)");
  std::atomic<int> acknowledged = 0;
  std::vector<std::thread> threads;
  for (const auto& node : nodes) {
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&node, &acknowledged] {
        for (int j = 0; j < kWrites; ++j) {
          if (node->Write(CountOne)) ++acknowledged;
        }
      });
    }
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(acknowledged, 2 * kThreads * kWrites);
  const auto status = nodes[0]->Read([&](Transaction& t) -> Status {
    KEDGE_TRY(const Rows rows,
              t.Query("SELECT (SELECT number FROM counters), COUNT(DISTINCT number), MAX(number) "
                      "FROM numbers"));
    EXPECT_EQ(rows.at(0).Integer(0), acknowledged);
    EXPECT_EQ(rows.at(0).Integer(1), acknowledged);
    EXPECT_EQ(rows.at(0).Integer(2), acknowledged);
    return {};
  });
  EXPECT_TRUE(status) << status.error().message;
}

TEST_F(PostgresStoreTest, ReadsOfOneNodeSeeWhatAnotherWasAnswered) {
  const auto one = Open();
  const auto other = Open();
  for (int i = 0; i < 20; ++i) {
    const std::string name = "fleet-" + std::to_string(i);
    ASSERT_TRUE(AddFleet(*one, name));
    EXPECT_TRUE(*HasFleet(*other, name));
  }
}

TEST_F(PostgresStoreTest, NodesThatStartAtOnceMigrateOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> opened = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      if (Open() != nullptr) ++opened;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(opened, 4);
}

TEST_F(PostgresStoreTest, ANodeThatStandsStillInItsTurnIsThrownOut) {
  const auto store = Open();
  auto frozen = Connection::Open(url_);
  ASSERT_TRUE(frozen);
  (*frozen)->BeginWrite();
  ASSERT_TRUE(InsertFleet(**frozen, {.name = "frozen", .output_config = "{}"}));
  ASSERT_TRUE(AddFleet(*store, "others"));  // waits until the server ended the frozen transaction
  const auto status = (*frozen)->Commit();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kUnavailable);
  EXPECT_TRUE((*frozen)->lost());
  EXPECT_FALSE(*HasFleet(*store, "frozen"));
}

TEST_F(PostgresStoreTest, GoesOnWhenAKilledServerIsBack) {
  const auto store = Open();
  std::vector<std::string> acknowledged;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 20; ++i) {
      const std::string name = std::to_string(round) + "-" + std::to_string(i);
      ASSERT_TRUE(AddFleet(*store, name));
      acknowledged.push_back(name);
    }
    ASSERT_TRUE(server_->Kill());
    EXPECT_EQ(AddFleet(*store, "lost").error().code, Code::kUnavailable);
    EXPECT_EQ(AddFleet(*store, "lost").error().code, Code::kUnavailable);
    EXPECT_EQ(HasFleet(*store, "lost").error().code, Code::kUnavailable);
    EXPECT_FALSE(store->failed());
    ASSERT_TRUE(server_->StartAgain());
    while (!AddFleet(*store, "back-" + std::to_string(round))) std::this_thread::yield();
    for (const std::string& name : acknowledged) EXPECT_TRUE(*HasFleet(*store, name)) << name;
    EXPECT_FALSE(*HasFleet(*store, "lost"));
  }
}

TEST_F(PostgresStoreTest, RefusesANewerSchema) {
  ASSERT_NE(Open(), nullptr);
  Raw(url_, "INSERT INTO schema_migrations VALUES (999, 'future')");
  const auto store = OpenPostgresStore({.url = url_});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::kFailedPrecondition);
  EXPECT_NE(store.error().message.find("schema version 999"), std::string::npos);
}

TEST_F(PostgresStoreTest, RefusesADatabaseThatSortsOtherwise) {
  Raw(url_, "CREATE DATABASE sorted TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'");
  const auto store = OpenPostgresStore({.url = url_.substr(0, url_.rfind('/')) + "/sorted"});
  Raw(url_, "DROP DATABASE sorted");
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::kFailedPrecondition);
  EXPECT_NE(store.error().message.find("createdb --template=template0"), std::string::npos);
}

TEST_F(PostgresStoreTest, SaysWhyItCannotConnect) {
  const std::string server = url_.substr(0, url_.rfind('/'));
  const struct {
    const char* name;
    std::string url;
    Code want;
  } cases[] = {
      {"no such database", server + "/nowhere", Code::kFailedPrecondition},
      {"nobody listens", "postgresql://kedge@127.0.0.1:1/x", Code::kUnavailable},
      {"malformed", "postgresql://kedge@127.0.0.1:port/x", Code::kInvalidArgument},
      {"unknown parameter", url_ + "?colour=blue", Code::kInvalidArgument},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto store = OpenPostgresStore({.url = c.url});
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, c.want) << store.error().message;
  }
}

TEST_F(PostgresStoreTest, AcknowledgesOnlyWhatIsSynced) {
  Raw(url_, "ALTER ROLE kedge SET synchronous_commit = off");
  const auto store = Open();
  Raw(url_, "ALTER ROLE kedge RESET synchronous_commit");
  const auto status = store->Write([](Transaction& t) -> Status {
    KEDGE_TRY(const Rows rows, t.Query("SELECT current_setting('synchronous_commit')"));
    EXPECT_EQ(rows.at(0).Text(0), "on");
    return {};
  });
  EXPECT_TRUE(status) << status.error().message;
}

// Hints are sent until the other node listens: its connection is made in the background.
bool IsHeard(Store& from, Store& at, const std::string& channel) {
  const auto heard = std::make_shared<std::promise<void>>();
  const auto once = std::make_shared<std::once_flag>();
  std::future<void> done = heard->get_future();
  const auto listening =
      at.Listen(channel, [=] { std::call_once(*once, [&] { heard->set_value(); }); });
  for (int i = 0; i < 400; ++i) {
    from.Notify(channel);
    if (done.wait_for(std::chrono::milliseconds(50)) == std::future_status::ready) return true;
  }
  return false;
}

TEST_F(PostgresStoreTest, AHintIsHeardOnEveryNode) {
  const auto one = Open();
  const auto other = Open();
  EXPECT_TRUE(IsHeard(*one, *other, "stages"));
  EXPECT_TRUE(IsHeard(*other, *one, "stages"));
}

TEST_F(PostgresStoreTest, AHintIsHeardOnceByItsSenderAndNotOnOtherChannels) {
  const auto one = Open();
  const auto other = Open();
  std::atomic<int> own = 0;
  std::atomic<int> strangers = 0;
  const auto listening = one->Listen("own", [&] { ++own; });
  const auto elsewhere = other->Listen("elsewhere", [&] { ++strangers; });
  ASSERT_TRUE(IsHeard(*one, *other, "warm"));
  one->Notify("own");
  EXPECT_EQ(own, 1);
  // What came after it has come back: so has it, if it had been going to.
  EXPECT_TRUE(IsHeard(*one, *other, "after"));
  EXPECT_TRUE(IsHeard(*other, *one, "back"));
  EXPECT_EQ(own, 1);
  EXPECT_EQ(strangers, 0);
}

TEST_F(PostgresStoreTest, HintsAreHeardAgainAfterTheServerWasKilled) {
  const auto server = PostgresServer::Start();
  ASSERT_TRUE(server) << server.error().message;
  const auto url = (*server)->NewDatabase();
  ASSERT_TRUE(url) << url.error().message;
  auto one = OpenPostgresStore({.url = *url});
  auto other = OpenPostgresStore({.url = *url});
  ASSERT_TRUE(one && other);
  ASSERT_TRUE(IsHeard(**one, **other, "before"));
  ASSERT_TRUE((*server)->Kill());
  ASSERT_TRUE((*server)->StartAgain());
  EXPECT_TRUE(IsHeard(**one, **other, "after"));
}

// A node that is frozen while it sends: the server has begun to run its statements and waits for
// the end of the row of them, so it counts as active, and no timeout of the server's ends it.
TEST_F(PostgresStoreTest, ANodeFrozenWhileItSendsLosesItsTurn) {
  auto opened = OpenPostgresStore({.url = url_, .stillness_max = std::chrono::seconds(1)});
  ASSERT_TRUE(opened) << opened.error().message;
  const std::unique_ptr<PGconn, decltype(&PQfinish)> frozen(PQconnectdb(url_.c_str()), &PQfinish);
  ASSERT_EQ(PQstatus(frozen.get()), CONNECTION_OK);
  ASSERT_EQ(PQenterPipelineMode(frozen.get()), 1);
  const std::string take = "SELECT pg_advisory_xact_lock(" + std::to_string(postgres::kTurn) + ")";
  for (const char* sql : {"BEGIN", take.c_str()}) {
    ASSERT_EQ(PQsendQueryParams(frozen.get(), sql, 0, nullptr, nullptr, nullptr, nullptr, 0), 1);
  }
  ASSERT_EQ(PQsendFlushRequest(frozen.get()), 1);
  ASSERT_EQ(PQflush(frozen.get()), 0);
  for (int i = 0; i < 2; ++i) {  // both have run: it has the turn
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQgetResult(frozen.get()), &PQclear);
    ASSERT_NE(result, nullptr);
    EXPECT_NE(PQresultStatus(result.get()), PGRES_FATAL_ERROR);
    PQgetResult(frozen.get());  // the null between two statements
  }
  const Status written = AddFleet(**opened, "after");
  EXPECT_TRUE(written) << written.error().message;
  EXPECT_TRUE(*HasFleet(**opened, "after"));
}

}  // namespace
}  // namespace kedge::store
