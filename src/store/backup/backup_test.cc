// Backups of both engines into both engines; damaged ones; one taken while others write.
// SPDX-License-Identifier: Apache-2.0
#include "store/backup/backup.h"

#include <atomic>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <thread>

#include "store/migrate.h"
#include "store/tables/deployments.h"
#include "store/tables/devices.h"
#include "store/tables/fleets.h"
#include "store/testing/engines.h"
#include "store/testing/fill.h"

namespace kedge::store {
namespace {

void NoProgress(const std::string&, const BackupCounts&) {}

class BackupTest : public testing::TestWithParam<std::tuple<EngineUnderTest, EngineUnderTest>> {
 protected:
  void SetUp() override {
    auto folder = TemporaryDirectory::Make();
    ASSERT_TRUE(folder);
    folder_ = std::make_unique<TemporaryDirectory>(std::move(*folder));
    source_ = Make(From(), "source", true);
    if (source_ != nullptr) target_ = Make(To(), "target", false);
  }
  static const EngineUnderTest& From() { return std::get<0>(GetParam()); }
  static const EngineUnderTest& To() { return std::get<1>(GetParam()); }
  std::unique_ptr<Store> Make(const EngineUnderTest& engine, const std::string& name,
                              bool migrate) {
    const auto database = engine.make(folder_->path(), name);
    if (!database && database.error().code == Code::kUnimplemented) {
      [&] { GTEST_SKIP() << "skipped: " << database.error().message; }();
      return nullptr;
    }
    EXPECT_TRUE(database) << database.error().message;
    auto store = engine.open(*database, migrate);
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  Path File() const { return folder_->path() / "backup"; }

  Result<BackupCounts> Backup(Store& store) {
    KEDGE_TRY(const FileDescriptor file, OpenFile(File(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
    BackupCounts counts;
    KEDGE_TRY_STATUS(store.Read([&](Transaction& t) -> Status {
      KEDGE_TRY(counts, WriteBackup(t, 77, file.get(), NoProgress));
      return {};
    }));
    return counts;
  }
  Result<BackupCounts> Restore(Store& store) {
    KEDGE_TRY(const FileDescriptor file, OpenFile(File(), O_RDONLY));
    BackupCounts counts;
    KEDGE_TRY_STATUS(store.Write([&](Transaction& t) -> Status {
      KEDGE_TRY(counts, RestoreBackup(t, file.get(), NoProgress));
      return {};
    }));
    return counts;
  }

  std::unique_ptr<TemporaryDirectory> folder_;
  std::unique_ptr<Store> source_;
  std::unique_ptr<Store> target_;
};

INSTANTIATE_TEST_SUITE_P(All, BackupTest,
                         testing::Combine(testing::ValuesIn(kEngines), testing::ValuesIn(kEngines)),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param).name) + "_to_" +
                                  std::get<1>(test.param).name;
                         });

TEST_P(BackupTest, RestoresEveryRowOfEveryTable) {
  ASSERT_TRUE(FillEveryTable(*source_));
  const std::string text = "line\nbreak \"quote\" \\ \u20ac \U0001F600 \x01";
  ASSERT_TRUE(source_->Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(InsertFleet(t, {.name = "odd", .description = text, .output_config = ""}));
    for (int i = 0; i < 2500; ++i) {  // more than a page
      KEDGE_TRY_STATUS(InsertDevice(
          t, {.fleet = "odd", .name = std::to_string(i), .registered = INT64_MAX - i}));
    }
    return {};
  }));
  const auto written = Backup(*source_);
  ASSERT_TRUE(written) << written.error().message;
  const auto restored = Restore(*target_);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(restored->rows, written->rows);
  EXPECT_EQ(restored->tables, written->tables);
  EXPECT_EQ(restored->bytes, written->bytes);
  EXPECT_EQ(restored->schema, Migrations(Engine::kSqlite).back().version);

  auto before = AllRows(*source_);
  auto after = AllRows(*target_);
  ASSERT_TRUE(before && after);
  EXPECT_GE(before->at("devices").size(), 2502u);
  // What a restore raises.
  const Value raised =
      std::get<int64_t>(before->at("event_feed").at(0).at("next_position")) + kEpochStep;
  EXPECT_TRUE(after->at("event_feed").at(0).at("next_position") == raised);
  EXPECT_TRUE(after->at("leases").at(0).at("token") == Value(1 + kEpochStep));
  EXPECT_TRUE(after->at("leases").at(0).at("holder") == Value(""));
  for (const char* table : {"event_feed", "leases", "compilation_jobs", "packaging_jobs", "epochs",
                            "certificate_epoch"}) {
    EXPECT_EQ(before->at(table).size(), after->at(table).size()) << table;
    before->erase(table);
    after->erase(table);
  }
  EXPECT_TRUE(*before == *after);
}

TEST_P(BackupTest, NumbersThatDevicesRememberAreNotGivenAgain) {
  int64_t before = 0;
  const auto next = [](Store& store, int64_t& number) {
    return store.Write([&](Transaction& t) -> Status {
      KEDGE_TRY(number, NextStartNumber(t));
      return {};
    });
  };
  ASSERT_TRUE(next(*source_, before));
  ASSERT_TRUE(Backup(*source_));
  ASSERT_TRUE(next(*source_, before));  // given after the backup, and lost with the source
  ASSERT_TRUE(Restore(*target_));
  int64_t after = 0;
  ASSERT_TRUE(next(*target_, after));
  EXPECT_GT(after, before + kEpochStep - 10);
}

// The fleet and its device are one write; acknowledged pairs are counted.
TEST_P(BackupTest, ABackupUnderWritesIsOneMoment) {
  constexpr int kThreads = 4;
  std::atomic<bool> stop = false;
  std::atomic<int> acknowledged[kThreads] = {};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; !stop; ++j) {
        const std::string name = std::to_string(i) + "-" + std::to_string(j);
        const auto status = source_->Write([&](Transaction& t) -> Status {
          KEDGE_TRY_STATUS(InsertFleet(t, {.name = name, .output_config = "{}"}));
          return InsertDevice(t, {.fleet = name, .name = "only", .registered = 1});
        });
        if (status) ++acknowledged[i];
      }
    });
  }
  while (acknowledged[0] < 100) std::this_thread::yield();
  int before[kThreads];
  for (int i = 0; i < kThreads; ++i) before[i] = acknowledged[i];
  const auto written = Backup(*source_);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(written) << written.error().message;
  const auto restored = Restore(*target_);
  ASSERT_TRUE(restored) << restored.error().message;
  const auto status = target_->Read([&](Transaction& t) -> Status {
    KEDGE_TRY(const Rows halves,
              t.Query("SELECT COUNT(*) FROM fleets WHERE NOT EXISTS (SELECT 1 FROM devices WHERE "
                      "devices.fleet = fleets.name)"));
    EXPECT_EQ(halves.at(0).Integer(0), 0);
    for (int i = 0; i < kThreads; ++i) {
      for (int j = 0; j < before[i]; ++j) {
        const std::string name = std::to_string(i) + "-" + std::to_string(j);
        KEDGE_TRY(const auto fleet, FindFleet(t, name));
        EXPECT_TRUE(fleet) << name;
      }
    }
    return {};
  });
  EXPECT_TRUE(status) << status.error().message;
}

TEST_P(BackupTest, DamagedBackupsAreRefusedAndNothingIsRestored) {
  ASSERT_TRUE(FillEveryTable(*source_));
  ASSERT_TRUE(Backup(*source_));
  PosixFileSystem disk;
  const auto whole = disk.Read(File(), 64 << 20);
  ASSERT_TRUE(whole);
  // Making all tables takes PostgreSQL a second, and what is refused does not depend on the engine.
  const size_t step = whole->size() / (std::string(To().name) == "sqlite" ? 12 : 2);
  std::vector<ByteBuffer> damaged;
  for (size_t at = 0; at < whole->size(); at += step) {
    damaged.emplace_back(whole->begin(), whole->begin() + static_cast<ptrdiff_t>(at));  // cut off
    damaged.push_back(*whole);
    damaged.back()[at] ^= 1;  // one bit
  }
  damaged.emplace_back(whole->begin(), whole->end() - 1);
  damaged.push_back(*whole);
  damaged.back().push_back('\n');
  for (const ByteBuffer& bytes : damaged) {
    ASSERT_TRUE(disk.WriteAtomically(File(), bytes, 0600));
    const auto restored = Restore(*target_);
    ASSERT_FALSE(restored);
  }
  ASSERT_TRUE(disk.WriteAtomically(File(), *whole, 0600));
  ASSERT_TRUE(Restore(*target_));
  const auto twice = Restore(*target_);  // not empty any more
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, Code::kFailedPrecondition);
}

TEST_P(BackupTest, RefusesANewerSchema) {
  PosixFileSystem disk;
  const std::string text = "{\"kedge_backup\":1,\"schema\":999}\n";
  ASSERT_TRUE(disk.WriteAtomically(File(), AsBytes(text), 0600));
  const auto restored = Restore(*target_);
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code, Code::kFailedPrecondition) << restored.error().message;
}

}  // namespace
}  // namespace kedge::store
