// The registry with real packages and real workers.
// SPDX-License-Identifier: Apache-2.0
#include "agent/models/registry.h"

#include <csignal>
#include <gtest/gtest.h>
#include <thread>

#include "agent/testing/test_package.h"
#include "base/testing/fake_clock.h"

namespace kedge::agent {
namespace {

using testing::RunOnce;
using testing::TestPackage;

const std::vector<float> kDoubled = {3, 5, 7, 9};

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest()
      : key_(package::testing::MakeTestKey()),
        folder_(*TemporaryDirectory::Make()),
        registry_(testing::TestRegistryOptions(key_.roots, clock_)) {}

  std::string Pack(const TestPackage& package = {}) {
    const Path file = folder_.path() / (package.name + "-" + package.version + ".tar.gz");
    const Status written = testing::WriteTestPackage(key_, package, file);
    EXPECT_TRUE(written) << written.error().message;
    return file.string();
  }

  FakeClock clock_;
  package::testing::TestKey key_;
  TemporaryDirectory folder_;
  Registry registry_;
};

TEST_F(RegistryTest, LoadsRunsListsAndUnloads) {
  const std::string url = Pack();
  auto model = registry_.Load("m1", url);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->identity().model_name, "doubler");
  EXPECT_EQ((*model)->identity().url, url);
  EXPECT_EQ((*model)->inputs()[0].name, "x");
  EXPECT_EQ(*RunOnce(**model), kDoubled);
  EXPECT_EQ((*model)->counters().runs, 1u);
  EXPECT_EQ((*model)->counters().latest_run, clock_.NowMs());
  ASSERT_TRUE(registry_.Load("m2", url));
  EXPECT_EQ(registry_.List().size(), 2u);

  ASSERT_TRUE(registry_.Unload("m1"));
  EXPECT_EQ(registry_.Find("m1").error().code, Code::kNotFound);
  EXPECT_EQ(registry_.Unload("m1").error().code, Code::kNotFound);
  EXPECT_TRUE(registry_.Load("m1", url)) << "the handle is free again";
}

TEST_F(RegistryTest, RefusalsHaveTheirCodes) {
  const std::string url = Pack();
  ASSERT_TRUE(registry_.Load("taken", url));
  const std::string arm = Pack({.model = {.target = "aarch64"}, .name = "arm"});
  const Path damaged = folder_.path() / "damaged.tar.gz";
  PosixFileSystem disk;
  ByteBuffer bytes = *disk.Read(url, 1 << 20);
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(disk.WriteAtomically(damaged, bytes, 0644));
  const package::testing::TestKey stranger = package::testing::MakeTestKey();
  const Path strange = folder_.path() / "strange.tar.gz";
  ASSERT_TRUE(testing::WriteTestPackage(stranger, {}, strange));

  struct Case {
    const char* name;
    std::string handle, url;
    Code want;
  };
  const Case cases[] = {
      {"handle in use", "taken", url, Code::kAlreadyExists},
      {"bad handle", "a_b", url, Code::kInvalidArgument},
      {"hyphen at the end", "a-", url, Code::kInvalidArgument},
      {"empty handle", "", url, Code::kInvalidArgument},
      {"long handle", std::string(64, 'a'), url, Code::kInvalidArgument},
      {"relative url", "m", "model.tar.gz", Code::kInvalidArgument},
      {"no such file", "m", "/nowhere/model.tar.gz", Code::kNotFound},
      {"nothing deployed", "m", "", Code::kNotFound},
      {"another architecture", "m", arm, Code::kFailedPrecondition},
      {"one bit flipped", "m", damaged.string(), Code::kFailedPrecondition},
      {"signed by a stranger", "m", strange.string(), Code::kFailedPrecondition},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto model = registry_.Load(c.handle, c.url);
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, c.want) << model.error().message;
  }
  EXPECT_EQ(registry_.List().size(), 1u);
}

TEST_F(RegistryTest, AModelThatNeedsTooMuchMemoryIsResourceExhausted) {
  if (!ring::kSandboxPossible) GTEST_SKIP() << "skipped: no memory limit under a sanitizer";
  const auto model = registry_.Load("m", Pack({.model = {.arena_bytes = "1ull << 33"},
                                               .name = "greedy",
                                               .arena_bytes = int64_t{1} << 33}));
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::kResourceExhausted) << model.error().message;
}

TEST_F(RegistryTest, LoadWithoutUrlGivesTheDeployedVersion) {
  const std::string url = Pack();
  registry_.SetDeployedStart(
      [&](const std::string& handle) -> Result<std::shared_ptr<ServedModel>> {
        if (handle != "deployed") return NotFound("no");
        KEDGE_TRY(ModelSource source, OpenModelSource(url, key_.roots));
        return registry_.StartDetached(handle, url, std::move(source), {});
      });
  EXPECT_EQ(registry_.Load("other", "").error().code, Code::kNotFound);
  auto model = registry_.Load("deployed", "");
  ASSERT_TRUE(model) << model.error().message;
  auto again = registry_.Load("deployed", "");
  ASSERT_TRUE(again) << "a deployed model that is loaded is no error";
  EXPECT_EQ(*model, *again);
}

TEST_F(RegistryTest, AKilledWorkerIsReplacedAndNobodyNotices) {
  auto model = registry_.Load("m", Pack());
  auto other = registry_.Load("other", Pack());
  ASSERT_TRUE(model && other);
  for (int i = 0; i < 5; ++i) {
    const pid_t pid = (*model)->WorkerPid();
    ASSERT_GT(pid, 0);
    ASSERT_EQ(kill(pid, SIGKILL), 0);
    const auto y = RunOnce(**model);
    ASSERT_TRUE(y) << y.error().message;
    EXPECT_EQ(*y, kDoubled);
    EXPECT_TRUE(testing::Eventually([&] {
      const pid_t now = (*model)->WorkerPid();
      return now != 0 && now != pid;
    }));
    clock_.Advance(std::chrono::seconds(2));
  }
  EXPECT_EQ((*other)->counters().worker_restarts, 0u);
  EXPECT_EQ((*model)->counters().failures, 0u);
  EXPECT_FALSE((*model)->condemned());
}

TEST_F(RegistryTest, AModelThatCrashesIsCondemnedAfterThreeStrikesAndOthersRunOn) {
  auto model = registry_.Load(
      "m", Pack({.model = {.run_body = "*(volatile int*)0 = 1; return 0;"}, .name = "crasher"}));
  auto other = registry_.Load("other", Pack());
  ASSERT_TRUE(model && other) << model.error().message;
  // The first call crashes two workers: its own and that of its one repetition.
  EXPECT_EQ(RunOnce(**model).error().code, Code::kUnavailable);
  EXPECT_EQ(*RunOnce(**other), kDoubled);
  EXPECT_EQ(RunOnce(**model).error().code, Code::kUnavailable);
  EXPECT_TRUE(testing::Eventually([&] { return (*model)->condemned(); }));
  EXPECT_NE(RunOnce(**model).error().message.find("is marked bad"), std::string::npos);
  EXPECT_EQ(*RunOnce(**other), kDoubled);
}

TEST_F(RegistryTest, AModelThatHangsIsCondemnedToo) {
  RegistryOptions options = testing::TestRegistryOptions(key_.roots, clock_);
  options.worker.run_timeout = std::chrono::milliseconds(50);
  Registry registry(options);
  auto model = registry.Load(
      "m", Pack({.model = {.run_body = "for (volatile int i = 0;; ++i) {}"}, .name = "hanger"}));
  ASSERT_TRUE(model) << model.error().message;
  for (int i = 0; i < kStrikesMax; ++i)
    EXPECT_EQ(RunOnce(**model).error().code, Code::kDeadlineExceeded);
  EXPECT_TRUE(testing::Eventually([&] { return (*model)->condemned(); }));
}

TEST_F(RegistryTest, MoreCallsThanTheLimitAreRefusedAndOtherModelsRunOn) {
  RegistryOptions options = testing::TestRegistryOptions(key_.roots, clock_);
  options.worker.run_timeout = std::chrono::milliseconds(500);
  Registry registry(options);
  auto model = registry.Load(
      "m", Pack({.model = {.run_body = "for (volatile int i = 0;; ++i) {}"}, .name = "hanger"}));
  auto other = registry.Load("other", Pack());
  ASSERT_TRUE(model && other);
  std::atomic<int> refused{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < kRunsInFlightMax + 8; ++i)
    clients.emplace_back([&] {
      if (RunOnce(**model).error().code == Code::kResourceExhausted) ++refused;
    });
  EXPECT_TRUE(testing::Eventually([&] { return refused.load() > 0; }));
  EXPECT_EQ(*RunOnce(**other), kDoubled);
  for (std::thread& client : clients) client.join();
}

TEST_F(RegistryTest, AModelThatAsksForMoreThanItsSignedLimitIsRefused) {
  const auto model =
      registry_.Load("m", Pack({.model = {.arena_bytes = "8192"}, .name = "larger"}));
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::kFailedPrecondition) << model.error().message;
}

TEST_F(RegistryTest, TheModelsOwnErrorComesThroughAndIsNoStrike) {
  auto model = registry_.Load(
      "m",
      Pack({.model = {.run_body = "message[0] = 'n'; message[1] = 'o'; message[2] = 0; return 11;"},
            .name = "refuser"}));
  ASSERT_TRUE(model) << model.error().message;
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(RunOnce(**model).error(), (Error{Code::kOutOfRange, "running model 'm': no"}));
  EXPECT_EQ((*model)->counters().worker_restarts, 0u);
}

TEST_F(RegistryTest, PutHandsOverWithoutAGap) {
  auto first = registry_.Load("m", Pack());
  ASSERT_TRUE(first);
  const std::string second_url =
      Pack({.model = {.run_body = "for (int i = 0; i < ELEMENTS; ++i) y[i] = -x[i]; return 0;"},
            .version = "2.0"});
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0}, runs{0};
  std::thread client([&] {
    while (!stop.load()) {
      auto model = registry_.Find("m");
      const auto y = model ? RunOnce(**model) : Result<std::vector<float>>(model.error());
      if (!y || (*y != kDoubled && *y != std::vector<float>{-1, -2, -3, -4})) ++failures;
      ++runs;
    }
  });
  auto source = OpenModelSource(second_url, key_.roots);
  ASSERT_TRUE(source);
  auto second = registry_.StartDetached("m", second_url, std::move(*source), {});
  ASSERT_TRUE(second);
  ASSERT_TRUE((*second)->Probe());
  EXPECT_EQ((*second)->counters().runs, 0u) << "a probe is no use of the model";
  ASSERT_TRUE(registry_.Put(*second));
  *first = nullptr;
  const int at_switch = runs.load();
  EXPECT_TRUE(testing::Eventually([&] { return runs.load() > at_switch + 10; }));
  stop.store(true);
  client.join();
  EXPECT_EQ(failures.load(), 0);
  EXPECT_EQ(RunOnce(**registry_.Find("m"))->front(), -1);
}

TEST_F(RegistryTest, AnUnpackedFolderLoadsToo) {
  const std::string url = Pack();
  const Path folder = folder_.path() / "unpacked";
  std::filesystem::create_directory(folder);
  const std::string command = "tar xzf " + url + " -C " + folder.string();
  ASSERT_EQ(std::system(command.c_str()), 0);
  auto model = registry_.Load("m", folder.string());
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ(*RunOnce(**model), kDoubled);
}

}  // namespace
}  // namespace kedge::agent
