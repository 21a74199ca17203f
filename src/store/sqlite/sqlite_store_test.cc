// What is SQLite's own: its settings, its file, and faults of the disk below it.
// SPDX-License-Identifier: Apache-2.0
#include "store/sqlite/sqlite_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "store/migrate.h"
#include "store/sqlite/connection.h"
#include "store/sqlite/testing/faulty_vfs.h"
#include "store/tables/fleets.h"

namespace kedge::store {
namespace {

using sqlite::DiskFault;

class SqliteStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    sqlite::SetDiskFault(DiskFault::kNone);
    auto folder = TemporaryDirectory::Make();
    ASSERT_TRUE(folder);
    folder_ = std::make_unique<TemporaryDirectory>(std::move(*folder));
  }
  void TearDown() override { sqlite::SetDiskFault(DiskFault::kNone); }
  Path File() const { return folder_->path() / "test.db"; }

  // Runs a statement on the file with plain SQLite and gives its first column, a line a row.
  std::string Raw(const Path& file, const std::string& sql) {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
    std::string text;
    const auto append = [](void* to, int, char** values, char**) {
      *static_cast<std::string*>(to) += std::string(values[0] ? values[0] : "") + "\n";
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), append, &text, nullptr), SQLITE_OK) << sql;
    sqlite3_close(db);
    return text;
  }

  std::unique_ptr<TemporaryDirectory> folder_;
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

TEST_F(SqliteStoreTest, MigrationsAddUpToTheSchema) {
  ASSERT_TRUE(OpenSqliteStore({.file = File()}));
  const Path other = folder_->path() / "schema.db";
  Raw(other, std::string(SchemaText()));
  // ALTER TABLE adds a column without the line breaks and spaces that schema.sql has around it.
  const std::string dump =
      "SELECT type || ' ' || name || ' ' || "
      "REPLACE(REPLACE(COALESCE(sql, ''), char(10), ''), ' ', '') "
      "FROM sqlite_schema ORDER BY name";
  EXPECT_EQ(Raw(File(), dump), Raw(other, dump));
}

TEST_F(SqliteStoreTest, FileIsOursAlone) {
  ASSERT_TRUE(OpenSqliteStore({.file = File()}));
  struct stat status = {};
  ASSERT_EQ(stat(File().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(Raw(File(), "PRAGMA journal_mode"), "wal\n");
  EXPECT_EQ(Raw(File(), "PRAGMA user_version"),
            std::to_string(Migrations(Engine::kSqlite).back().version) + "\n");
}

TEST_F(SqliteStoreTest, RefusesAnotherProgramsDatabase) {
  Raw(File(), "PRAGMA application_id = 1234; CREATE TABLE theirs (x)");
  const auto store = OpenSqliteStore({.file = File()});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Code::kFailedPrecondition) << store.error().message;
}

TEST_F(SqliteStoreTest, RefusesANewerSchema) {
  ASSERT_TRUE(OpenSqliteStore({.file = File()}));
  Raw(File(), "INSERT INTO schema_migrations VALUES (999, 'future')");
  const auto store = OpenSqliteStore({.file = File()});
  ASSERT_FALSE(store);
  EXPECT_EQ(
      store.error(),
      FailedPrecondition("database has schema version 999, this program knows versions up to " +
                         std::to_string(Migrations(Engine::kSqlite).back().version)));
}

TEST_F(SqliteStoreTest, RefusesAFileThatIsNoDatabase) {
  PosixFileSystem disk;
  const std::string noise(8192, 'x');
  ASSERT_TRUE(disk.WriteAtomically(File(), AsBytes(noise), 0600));
  EXPECT_FALSE(OpenSqliteStore({.file = File()}));
}

TEST_F(SqliteStoreTest, FullDiskRefusesTheWriteAndLaterOnesWorkAgain) {
  const auto store = OpenSqliteStore({.file = File(), .vfs = sqlite::FaultyVfs()});
  ASSERT_TRUE(store) << store.error().message;
  ASSERT_TRUE(AddFleet(**store, "before"));
  sqlite::SetDiskFault(DiskFault::kFull);
  const auto refused = AddFleet(**store, "refused");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), Unavailable("the disk of the database is full"));
  EXPECT_FALSE((*store)->failed());
  EXPECT_TRUE(*HasFleet(**store, "before"));  // reading goes on
  EXPECT_FALSE(*HasFleet(**store, "refused"));
  sqlite::SetDiskFault(DiskFault::kNone);
  ASSERT_TRUE(AddFleet(**store, "after"));
  EXPECT_TRUE(*HasFleet(**store, "after"));
}

TEST_F(SqliteStoreTest, NothingIsAcknowledgedAfterAnErrorOfTheDisk) {
  for (const DiskFault fault : {DiskFault::kWriteError, DiskFault::kSyncError}) {
    SCOPED_TRACE(static_cast<int>(fault));
    const Path file = folder_->path() / ("fault-" + std::to_string(static_cast<int>(fault)));
    std::string told;
    {
      const auto store = OpenSqliteStore(
          {.file = file, .vfs = sqlite::FaultyVfs(), .on_failure = [&](const Error& error) {
             told = error.message;
           }});
      ASSERT_TRUE(store) << store.error().message;
      ASSERT_TRUE(AddFleet(**store, "before"));
      sqlite::SetDiskFault(fault);
      EXPECT_EQ(AddFleet(**store, "lost").error().code, Code::kUnavailable);
      sqlite::SetDiskFault(DiskFault::kNone);
      // The disk works again, but what it forgot is not known: no write until a new start.
      EXPECT_EQ(AddFleet(**store, "later").error().code, Code::kUnavailable);
      EXPECT_TRUE((*store)->failed());
    }
    EXPECT_FALSE(told.empty());
    const auto again = OpenSqliteStore({.file = file});
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_TRUE(*HasFleet(**again, "before"));
    EXPECT_FALSE(*HasFleet(**again, "later"));
  }
}

TEST_F(SqliteStoreTest, StatementWithTheWrongNumberOfParametersIsAnError) {
  const auto store = OpenSqliteStore({.file = File()});
  ASSERT_TRUE(store);
  const auto status = (*store)->Write([](Transaction& t) -> Status {
    KEDGE_TRY([[maybe_unused]] const Rows rows, t.Query("SELECT $1", {}));
    return {};
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kInternal);
}

TEST_F(SqliteStoreTest, ReadersCannotWrite) {
  const auto store = OpenSqliteStore({.file = File()});
  ASSERT_TRUE(store);
  const auto status = (*store)->Read(
      [](Transaction& t) { return InsertFleet(t, {.name = "x", .output_config = "{}"}); });
  EXPECT_FALSE(status);
}

}  // namespace
}  // namespace kedge::store
