// Every migration from every level, and killed at each of its steps, on both engines. Nothing here
// knows a table by its name, so a new migration is covered by being there.
// SPDX-License-Identifier: Apache-2.0
#include "store/migrate.h"

#include <algorithm>
#include <csignal>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/shape.h"
#include "store/testing/engines.h"
#include "store/testing/fill.h"

namespace kedge::store {
namespace {

class MigrateTest : public testing::TestWithParam<EngineUnderTest> {
 protected:
  void SetUp() override {
    auto folder = TemporaryDirectory::Make();
    ASSERT_TRUE(folder);
    folder_ = std::make_unique<TemporaryDirectory>(std::move(*folder));
    const auto probe = NewDatabase();
    if (!probe && probe.error().code == Code::kUnimplemented) {
      GTEST_SKIP() << "skipped: " << probe.error().message;
    }
    ASSERT_TRUE(probe) << probe.error().message;
    database_ = *probe;
  }
  Result<std::string> NewDatabase() {
    return GetParam().make(folder_->path(), "database-" + std::to_string(++databases_));
  }
  std::unique_ptr<Store> Open(const std::string& database, bool migrate) {
    auto store = GetParam().open(database, migrate);
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  std::vector<Migration> All() const {
    return Migrations(std::string(GetParam().name) == "sqlite" ? Engine::kSqlite
                                                               : Engine::kPostgres);
  }
  int64_t Level(const std::string& database) {
    int64_t level = -1;
    const auto status = Open(database, false)->Read([&](Transaction& t) -> Status {
      KEDGE_TRY(level, SchemaVersion(t));
      return {};
    });
    EXPECT_TRUE(status) << status.error().message;
    return level;
  }

  std::unique_ptr<TemporaryDirectory> folder_;
  std::string database_;
  int databases_ = 0;
};

INSTANTIATE_TEST_SUITE_P(All, MigrateTest, testing::ValuesIn(kEngines),
                         [](const auto& test) { return std::string(test.param.name); });

Status ApplyUpTo(Store& store, int64_t version) {
  for (int64_t level = 0; level < version;) {
    KEDGE_TRY_STATUS(store.Write([&](Transaction& t) -> Status {
      KEDGE_TRY(const auto applied, ApplyNext(t));
      level = applied->version;
      return {};
    }));
  }
  return {};
}

// What a table is, whatever the order in which its columns were added.
std::string Printed(std::vector<TableShape> shapes) {
  std::string text;
  for (TableShape& shape : shapes) {
    std::sort(shape.columns.begin(), shape.columns.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    text += shape.name + ":";
    for (const auto& column : shape.columns) text += " " + column.name + " " + column.type;
    text += " key";
    for (const auto& column : shape.primary_key) text += " " + column;
    text += " parents";
    for (const auto& parent : shape.parents) text += " " + parent;
    text += "\n";
  }
  return text;
}

std::string PrintedShapes(Store& store) {
  std::string text;
  const auto status = store.Read([&](Transaction& t) -> Status {
    KEDGE_TRY(const auto shapes, TableShapes(t));
    text = Printed(shapes);
    return {};
  });
  EXPECT_TRUE(status) << status.error().message;
  return text;
}

// Columns whose former content a migration drops on purpose.
bool IsDropped(const std::string& table, const std::string& column) {
  return table == "deployment_stages" && column == "message";  // 0006: told from the counts since
}

// Every row of `before` is there, with the same values in the columns that it had.
void ExpectKept(const Content& before, const Content& after) {
  for (const auto& [table, rows] : before) {
    SCOPED_TRACE(table);
    const auto found = after.find(table);
    ASSERT_NE(found, after.end());
    for (const auto& row : rows) {
      const auto kept = [&](const std::map<std::string, Value>& other) {
        return std::all_of(row.begin(), row.end(), [&](const auto& cell) {
          if (IsDropped(table, cell.first)) return true;
          const auto same = other.find(cell.first);
          return same != other.end() && same->second == cell.second;
        });
      };
      EXPECT_TRUE(std::any_of(found->second.begin(), found->second.end(), kept));
    }
  }
}

TEST_P(MigrateTest, EveryLevelUpgradesWithItsRowsToTheSchema) {
  const auto reference = Open(database_, false);
  ASSERT_TRUE(
      reference->Write([](Transaction& t) { return t.ExecuteScript(std::string(SchemaText())); }));
  const std::string want = PrintedShapes(*reference);
  EXPECT_NE(want.find("devices:"), std::string::npos);
  for (const Migration& level : All()) {
    SCOPED_TRACE(level.name);
    const auto database = NewDatabase();
    ASSERT_TRUE(database);
    Result<Content> before = Content();
    {
      const auto store = Open(*database, false);
      const auto applied = ApplyUpTo(*store, level.version);
      ASSERT_TRUE(applied) << applied.error().message;
      const auto filled = FillEveryTable(*store);
      ASSERT_TRUE(filled) << filled.error().message;
      before = AllRows(*store);
      ASSERT_TRUE(before) << before.error().message;
      for (const auto& [table, rows] : *before) EXPECT_GE(rows.size(), 2u) << table;
    }
    const auto store = Open(*database, true);
    EXPECT_EQ(PrintedShapes(*store), want);
    const auto after = AllRows(*store);
    ASSERT_TRUE(after) << after.error().message;
    ExpectKept(*before, *after);
  }
}

// Nodes of the version before go on while the first of the next has migrated the database: every
// table and column that they name is there, and a row that they write, without the new columns, is
// taken. A column goes only in the version after the one that stopped naming it.
TEST_P(MigrateTest, AMigrationLeavesWhatTheVersionBeforeReadsAndWrites) {
  const auto store = Open(database_, false);
  std::vector<TableShape> before;
  for (const Migration& migration : All()) {
    SCOPED_TRACE(migration.name);
    ASSERT_TRUE(ApplyUpTo(*store, migration.version));
    const auto written = FillTables(*store, before, migration.version);
    ASSERT_TRUE(written) << written.error().message;  // also if a table or a column has gone
    const auto after = ShapesToFill(*store);
    ASSERT_TRUE(after) << after.error().message;
    EXPECT_GE(after->size(), before.size());
    before = *after;
  }
}

// Passes statements on, one by one, and ends the process before number `step`.
class KilledBefore final : public Transaction {
 public:
  KilledBefore(Transaction& inner, int step) : inner_(inner), step_(step) {}
  Engine engine() const override { return inner_.engine(); }
  Result<Rows> Query(std::string_view sql, std::span<const Value> parameters) override {
    return inner_.Query(sql, parameters);
  }
  Result<int64_t> Execute(std::string_view sql, std::span<const Value> parameters) override {
    Count();
    return inner_.Execute(sql, parameters);
  }
  Status ExecuteScript(const std::string& sql) override {
    for (size_t start = 0; start < sql.size();) {
      const size_t end = std::min(sql.find(";\n", start), sql.size() - 1);
      Count();
      KEDGE_TRY_STATUS(inner_.ExecuteScript(sql.substr(start, end + 1 - start)));
      start = end + 1;
    }
    return {};
  }

 private:
  void Count() {
    if (step_-- == 0) raise(SIGKILL);
  }
  Transaction& inner_;
  int step_;
};

// In a process of its own, which never comes back: at the latest it is killed after the commit.
void MigrateAndBeKilled(const EngineUnderTest& engine, const std::string& database, int step) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto store = engine.open(database, false);
    if (!store) _exit(1);
    const auto status = (*store)->Write([&](Transaction& t) -> Status {
      KilledBefore killed(t, step);
      KEDGE_TRY([[maybe_unused]] const auto applied, ApplyNext(killed));
      return {};
    });
    if (!status) _exit(2);
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);
}

TEST_P(MigrateTest, KilledAtEachStepTheOldOrTheNewLevelIsThere) {
  int64_t old_level = 0;
  for (const Migration& migration : All()) {
    SCOPED_TRACE(migration.name);
    int step = 0;
    int64_t level = old_level;
    while (level == old_level) {
      ASSERT_NO_FATAL_FAILURE(MigrateAndBeKilled(GetParam(), database_, step++));
      level = Level(database_);
    }
    EXPECT_EQ(level, migration.version);
    EXPECT_GE(step, 3);  // a statement, the row in schema_migrations, the commit
    old_level = level;
  }
  const auto store = Open(database_, true);
  const auto filled = FillEveryTable(*store);
  EXPECT_TRUE(filled) << filled.error().message;
}

TEST_P(MigrateTest, AStartFinishesWhatAKillLeft) {
  ASSERT_NO_FATAL_FAILURE(MigrateAndBeKilled(GetParam(), database_, 5));
  ASSERT_NE(Open(database_, true), nullptr);
  EXPECT_EQ(Level(database_), All().back().version);
}

}  // namespace
}  // namespace kedge::store
