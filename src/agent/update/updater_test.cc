// Deployments with real packages, real workers and a network and a disk that break on demand.
// SPDX-License-Identifier: Apache-2.0
#include "agent/update/updater.h"

#include <gtest/gtest.h>

#include "agent/testing/object_server.h"
#include "agent/testing/test_package.h"
#include "base/crypto/crypto.h"
#include "base/testing/fake_clock.h"
#include "base/testing/faulty_file_system.h"
#include "package/store.h"

namespace kedge::agent {
namespace {

using protocol::EdgeDeployment;
using protocol::FailurePolicy;
using protocol::ModelState;
using testing::RunOnce;

const std::vector<float> kVersion1 = {3, 5, 7, 9};  // 2 x + 1
const std::vector<float> kVersion2 = {-1, -2, -3, -4};
constexpr const char* kNegate = "for (int i = 0; i < ELEMENTS; ++i) y[i] = -x[i]; return 0;";
constexpr const char* kCrashOnUse =
    "if (x[0] != 0) *(volatile int*)0 = 1; for (int i = 0; i < ELEMENTS; ++i) y[i] = 0; return 0;";

// Packages are made once: a compiler run each.
struct Packages {
  Packages() {
    Add("v1", {});
    Add("v2", {.model = {.run_body = kNegate}, .version = "2.0"});
    Add("crash", {.model = {.run_body = kCrashOnUse}, .version = "3.0"});
    Add("refuse", {.model = {.run_body = "return 13;"}, .version = "4.0"});
    Add("arm", {.model = {.target = "aarch64"}, .version = "5.0"});
  }
  void Add(const std::string& name, const testing::TestPackage& package) {
    const Path file = folder.path() / (name + ".tar.gz");
    const Status written = testing::WriteTestPackage(key, package, file);
    KEDGE_CHECK(written.has_value());
    bytes[name] = *PosixFileSystem().Read(file, 1 << 24);
    sha1[name] = HexEncode(crypto::Sha1(bytes[name]));
  }
  TemporaryDirectory folder = *TemporaryDirectory::Make();
  package::testing::TestKey key = package::testing::MakeTestKey();
  std::map<std::string, ByteBuffer> bytes;
  std::map<std::string, std::string> sha1;
};
const Packages& AllPackages() {
  static const Packages packages;
  return packages;
}

EdgeDeployment Deploy(const std::string& name, const std::string& package,
                      const std::string& handle = "m") {
  return {.deployment_name = name,
          .definitions = {{handle, "s3://bucket/" + package, AllPackages().sha1.at(package),
                           ModelState::kDeploy}}};
}

// An agent's update part from its start to its death.
struct Device {
  Device(FileSystem& disk, const Path& root, testing::ObjectServer& server, const Clock& clock)
      : store(disk, root),
        updater({disk, clock, registry, AllPackages().key.roots, store, bell}),
        registry(testing::TestRegistryOptions(AllPackages().key.roots, clock)),
        client(server, clock,
               {.endpoint = "http://server",
                .region = "us-east-1",
                .device = {"d", "f"},
                .credentials = {"id", "secret", ""}}) {}

  Status Start() {
    KEDGE_TRY_STATUS(store.Open());
    registry.SetDeployedStart(
        [this](const std::string& handle) { return updater.StartCurrent(handle); });
    updater.StartDeployed();
    return {};
  }
  // Until nothing is left to do now.
  Updater::Next Work() {
    Updater::Next next = Updater::Next::kNow;
    while (next == Updater::Next::kNow) next = updater.Step(&client, nullptr);
    return next;
  }
  // Offers it as often as a server does until it is done.
  void Carry(const EdgeDeployment& deployment) {
    for (int i = 0; i < 20; ++i) {
      updater.Offer({deployment});
      if (Work() == Updater::Next::kIdle && i > 0) return;
    }
  }
  std::vector<float> Ask(const std::string& handle = "m") {
    auto model = registry.Find(handle);
    if (!model) return {};
    return RunOnce(**model).value_or({});
  }

  DeviceStore store;
  Doorbell bell;
  Updater updater;
  Registry registry;
  EdgeClient client;
};

class UpdaterTest : public ::testing::Test {
 protected:
  UpdaterTest() {
    for (const auto& [name, bytes] : AllPackages().bytes)
      server_.objects["/bucket/" + name] = bytes;
  }
  std::unique_ptr<Device> Start(FileSystem& disk, const Path& root) {
    auto device = std::make_unique<Device>(disk, root, server_, clock_);
    const Status started = device->Start();
    EXPECT_TRUE(started) << started.error().message;
    return device;
  }
  std::unique_ptr<Device> Start() { return Start(disk_, folder_.path()); }

  FakeClock clock_;
  PosixFileSystem disk_;
  TemporaryDirectory folder_ = *TemporaryDirectory::Make();
  testing::ObjectServer server_;
};

TEST_F(UpdaterTest, ADeploymentIsServedReportedAndThereAfterARestart) {
  {
    auto device = Start();
    device->Carry(Deploy("plan-1", "v1"));
    EXPECT_EQ(device->Ask(), kVersion1);
    const auto result = device->store.NextUnreported();
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->deployment_name, "plan-1");
    EXPECT_EQ(result->deployment_status, protocol::kDeploymentSucceeded);
    ASSERT_EQ(result->models.size(), 1u);
    EXPECT_TRUE(result->models[0].succeeded);
    EXPECT_EQ(result->models[0].model_name, "doubler");
    EXPECT_EQ(result->models[0].model_version, "1.0");
  }
  auto device = Start();
  EXPECT_EQ(device->Ask(), kVersion1);
  EXPECT_TRUE(device->store.NextUnreported().has_value()) << "not acknowledged before";
  device->updater.Acknowledge(*device->store.NextUnreported());
  device->Work();
  EXPECT_FALSE(device->store.NextUnreported().has_value());
  EXPECT_FALSE(Start()->store.NextUnreported().has_value());
}

TEST_F(UpdaterTest, WhatIsDoneIsNotDoneAgainWhileItIsListed) {
  auto device = Start();
  device->Carry(Deploy("plan-1", "v1"));
  const int requests = server_.requests;
  device->Carry(Deploy("plan-1", "v1"));
  EXPECT_EQ(server_.requests, requests);
  EXPECT_EQ(device->store.state().unreported.size(), 1u);
}

TEST_F(UpdaterTest, ANewVersionTakesOverAndTheFormerOneIsKeptForAWayBack) {
  auto device = Start();
  device->Carry(Deploy("plan-1", "v1"));
  device->Carry(Deploy("plan-2", "v2"));
  EXPECT_EQ(device->Ask(), kVersion2);
  EXPECT_EQ(package::ListInstalled(disk_, device->store.packages())->size(), 2u);
  EXPECT_EQ(device->store.state().models[0].previous->model_version, "1.0");
}

TEST_F(UpdaterTest, APackageInTheStoreIsNotFetchedAgain) {
  auto device = Start();
  device->Carry(Deploy("plan-1", "v1"));
  device->Carry(Deploy("plan-2", "v2"));
  const int requests = server_.requests;
  device->Carry(Deploy("plan-3", "v1"));
  EXPECT_EQ(device->Ask(), kVersion1);
  EXPECT_EQ(server_.requests, requests);
  EXPECT_EQ(device->store.state().unreported.size(), 3u);
}

TEST_F(UpdaterTest, ABrokenConnectionGoesOnWhereItStopped) {
  server_.break_after_bytes = AllPackages().bytes.at("v1").size() / 4;
  auto device = Start();
  device->Carry(Deploy("plan-1", "v1"));
  EXPECT_EQ(device->Ask(), kVersion1);
  EXPECT_GE(server_.requests, 4);
  EXPECT_EQ(server_.bytes_sent, AllPackages().bytes.at("v1").size()) << "no byte came twice";
}

TEST_F(UpdaterTest, ADownloadGoesOnAfterARestart) {
  const uint64_t whole = AllPackages().bytes.at("v1").size();
  server_.break_after_bytes = whole / 2;
  {
    auto device = Start();
    device->updater.Offer({Deploy("plan-1", "v1")});
    EXPECT_EQ(device->Work(), Updater::Next::kLater);
  }
  server_.break_after_bytes = 0;
  auto device = Start();
  device->Work();
  EXPECT_EQ(device->Ask(), kVersion1);
  EXPECT_EQ(server_.bytes_sent, whole);
}

TEST_F(UpdaterTest, AServerThatIgnoresRangesIsAskedForTheWhole) {
  server_.break_after_bytes = 1000;
  auto device = Start();
  device->updater.Offer({Deploy("plan-1", "v1")});
  EXPECT_EQ(device->Work(), Updater::Next::kLater);
  server_.break_after_bytes = 0;
  server_.knows_ranges = false;
  device->Carry(Deploy("plan-1", "v1"));
  EXPECT_EQ(device->Ask(), kVersion1);
}

TEST_F(UpdaterTest, WithoutAServerTheFormerVersionRunsOn) {
  auto device = Start();
  device->Carry(Deploy("plan-1", "v1"));
  server_.status = 503;
  device->updater.Offer({Deploy("plan-2", "v2")});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(device->Work(), Updater::Next::kLater);
  EXPECT_EQ(device->Ask(), kVersion1);
  server_.status = 0;
  device->Work();
  EXPECT_EQ(device->Ask(), kVersion2);
}

TEST_F(UpdaterTest, ADownloadThatIsNoLongerListedIsGivenUp) {
  server_.status = 503;
  auto device = Start();
  device->updater.Offer({Deploy("plan-1", "v1")});
  EXPECT_EQ(device->Work(), Updater::Next::kLater);
  device->updater.Offer({});
  EXPECT_EQ(device->Work(), Updater::Next::kIdle);
  EXPECT_FALSE(device->store.state().update.has_value());
}

TEST_F(UpdaterTest, FailuresAreReportedAndLeaveTheFormerVersionAlone) {
  struct Case {
    const char* name;
    std::function<EdgeDeployment(testing::ObjectServer&)> make;
    const char* want;
  };
  const Case cases[] = {
      {"another architecture", [](auto&) { return Deploy("p", "arm"); }, "aarch64"},
      {"refuses its first run", [](auto&) { return Deploy("p", "refuse"); }, "probe"},
      {"no such object",
       [](testing::ObjectServer& server) {
         server.objects.erase("/bucket/v2");
         return Deploy("p", "v2");
       },
       "404"},
      {"another checksum",
       [](testing::ObjectServer& server) {
         server.objects["/bucket/v2"] = server.objects["/bucket/crash"];
         return Deploy("p", "v2");
       },
       "SHA-1"},
      {"no package",
       [](testing::ObjectServer& server) {
         server.objects["/bucket/v2"] = ToBuffer(AsBytes("hello"));
         EdgeDeployment deployment = Deploy("p", "v2");
         deployment.definitions[0].checksum_sha1 = HexEncode(crypto::Sha1(AsBytes("hello")));
         return deployment;
       },
       ""},
      {"bad url",
       [](auto&) {
         EdgeDeployment deployment = Deploy("p", "v2");
         deployment.definitions[0].s3_url = "http://bucket/v2";
         return deployment;
       },
       "s3://bucket/key"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    testing::ObjectServer server = server_;
    const TemporaryDirectory root = *TemporaryDirectory::Make();
    Device device(disk_, root.path(), server, clock_);
    ASSERT_TRUE(device.Start());
    device.Carry(Deploy("plan-1", "v1"));
    const DeployedModel before = device.store.state().models[0];
    device.Carry(c.make(server));
    EXPECT_EQ(device.Ask(), kVersion1);
    EXPECT_EQ(device.store.state().models[0], before);
    ASSERT_EQ(device.store.state().unreported.size(), 2u);
    const protocol::DeploymentResult& result = device.store.state().unreported[1];
    EXPECT_EQ(result.deployment_status, protocol::kDeploymentFailed);
    EXPECT_FALSE(result.models[0].succeeded);
    EXPECT_NE(result.models[0].status_reason.find(c.want), std::string::npos)
        << result.models[0].status_reason;
    EXPECT_TRUE(disk_.List(root.path() / "staging")->empty());
    Device next(disk_, root.path(), server, clock_);
    ASSERT_TRUE(next.Start());
    EXPECT_EQ(package::ListInstalled(disk_, next.store.packages())->size(), 1u);
  }
}

TEST_F(UpdaterTest, RollbackDropsTheWholeDeploymentAndDoNothingKeepsWhatWorks) {
  EdgeDeployment both = Deploy("plan", "v2", "good");
  both.definitions.push_back(Deploy("plan", "arm", "bad").definitions[0]);
  {
    auto device = Start();
    device->Carry(both);
    EXPECT_TRUE(device->Ask("good").empty());
    EXPECT_FALSE(device->store.state().unreported[0].models[0].succeeded);
  }
  both.failure_policy = FailurePolicy::kNothing;
  both.deployment_name = "plan-b";
  auto device = Start();
  device->Carry(both);
  EXPECT_EQ(device->Ask("good"), kVersion2);
  const auto& models = device->store.state().unreported[1].models;
  EXPECT_TRUE(models[0].succeeded);
  EXPECT_FALSE(models[1].succeeded);
}

TEST_F(UpdaterTest, UndeployEndsTheModelAndRemovesItsPackage) {
  auto device = Start();
  device->Carry(Deploy("plan-1", "v1"));
  EdgeDeployment gone{.deployment_name = "plan-2",
                      .definitions = {{"m", "", "", ModelState::kUndeploy}}};
  device->Carry(gone);
  EXPECT_TRUE(device->Ask().empty());
  EXPECT_TRUE(device->store.state().unreported[1].models[0].succeeded);
  device->updater.Acknowledge(*device->store.NextUnreported());
  device->Work();
  Start();  // both slots now agree that nobody needs the package
  EXPECT_TRUE(package::ListInstalled(disk_, device->store.packages())->empty());
}

TEST_F(UpdaterTest, AVersionThatCrashesInUseMakesWayForTheFormerOne) {
  auto device = Start();
  device->Carry(Deploy("plan-1", "v1"));
  device->Carry(Deploy("plan-2", "crash"));
  EXPECT_EQ(device->store.state().unreported[1].deployment_status, protocol::kDeploymentSucceeded);
  while (device->Ask() != kVersion1) {
    device->bell.WaitUntil(std::chrono::steady_clock::now() + std::chrono::milliseconds(20));
    device->Work();
  }
  const protocol::DeploymentResult& result = device->store.state().unreported[2];
  EXPECT_EQ(result.deployment_name, "plan-2");
  EXPECT_EQ(result.deployment_status, protocol::kDeploymentRolledBack);
  EXPECT_NE(result.models[0].status_reason.find("crashes or hangs in 10 minutes"),
            std::string::npos);
  EXPECT_EQ(Start()->Ask(), kVersion1);
}

TEST_F(UpdaterTest, ADeployedModelThatWasUnloadedAndLoadedAgainIsWatchedAsBefore) {
  auto device = Start();
  device->Carry(Deploy("plan-1", "v1"));
  device->Carry(Deploy("plan-2", "crash"));
  ASSERT_TRUE(device->registry.Unload("m"));
  EXPECT_EQ(device->registry.Load("n", "").error().code, Code::kNotFound);
  auto model = device->registry.Load("m", "");
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->identity().model_version, "3.0");
  EXPECT_TRUE(testing::Eventually([&] {
    device->Work();
    return device->Ask() == kVersion1;
  }));
  EXPECT_EQ(device->store.state().unreported[2].deployment_status, protocol::kDeploymentRolledBack);
}

TEST_F(UpdaterTest, ADamagedPackageOfADeployedModelIsRefusedWhenItIsLoadedAgain) {
  auto device = Start();
  device->Carry(Deploy("plan-1", "v1"));
  ASSERT_TRUE(device->registry.Unload("m"));
  // A whole package with a good signature, but not the one that was deployed.
  const Path current =
      package::InstalledPath(device->store.packages(), *device->store.DeployedDigest("m"));
  ASSERT_TRUE(disk_.WriteAtomically(current, AllPackages().bytes.at("v2"), 0644));
  EXPECT_EQ(device->registry.Load("m", "").error().code, Code::kFailedPrecondition);
}

TEST_F(UpdaterTest, ADamagedPackageIsReplacedByTheFormerVersionAtTheStart) {
  Path current;
  {
    auto device = Start();
    device->Carry(Deploy("plan-1", "v1"));
    device->Carry(Deploy("plan-2", "v2"));
    current = package::InstalledPath(device->store.packages(), *device->store.DeployedDigest("m"));
  }
  ByteBuffer bytes = *disk_.Read(current, 1 << 24);
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(disk_.WriteAtomically(current, bytes, 0644));
  auto device = Start();
  EXPECT_EQ(device->Ask(), kVersion1);
  EXPECT_EQ(device->store.state().unreported.back().deployment_status,
            protocol::kDeploymentRolledBack);
}

TEST_F(UpdaterTest, AStateOfANewerAgentIsLeftAlone) {
  Start()->Carry(Deploy("plan-1", "v1"));
  const Path slot = folder_.path() / "state.0";
  ByteBuffer bytes = *disk_.Read(slot, 1 << 20);
  bytes[7] = '2';
  ASSERT_TRUE(disk_.WriteAtomically(slot, bytes, 0600));
  Device device(disk_, folder_.path(), server_, clock_);
  EXPECT_EQ(device.Start().error().code, Code::kUnimplemented);
  EXPECT_EQ(*disk_.Read(slot, 1 << 20), bytes);
  EXPECT_EQ(package::ListInstalled(disk_, device.store.packages())->size(), 1u);
}

TEST_F(UpdaterTest, ADamagedStateIsPutAsideAndTheDeviceBeginsAnew) {
  Start()->Carry(Deploy("plan-1", "v1"));
  for (const char* slot : {"state.0", "state.1"})
    ASSERT_TRUE(disk_.WriteAtomically(folder_.path() / slot, AsBytes("nonsense"), 0600));
  auto device = Start();
  EXPECT_TRUE(device->Ask().empty());
  EXPECT_TRUE(disk_.Exists(folder_.path() / "state.0.damaged"));
  device->Carry(Deploy("plan-1", "v1"));
  EXPECT_EQ(device->Ask(), kVersion1);
}

TEST_F(UpdaterTest, CrashesAreCountedAndCleanStopsAreNot) {
  Start();
  Start()->updater.MarkStopped();
  auto device = Start();
  EXPECT_EQ(device->store.starts(), 3);
  EXPECT_EQ(device->store.crashes(), 1);
}

// The rows of transitions.h, one after the other: the power goes after each step of an update.
TEST_F(UpdaterTest, APowerCutInAnyStateLeavesTheOldOrTheNewModel) {
  Start()->Carry(Deploy("plan-1", "v1"));
  bool done = false;
  for (int steps = 0; !done; ++steps) {
    SCOPED_TRACE(steps);
    const TemporaryDirectory root = *TemporaryDirectory::Make();
    std::filesystem::copy(folder_.path(), root.path(), std::filesystem::copy_options::recursive);
    {
      auto device = Start(disk_, root.path());
      device->updater.Offer({Deploy("plan-2", "v2")});
      for (int i = 0; i < steps; ++i)
        done = device->updater.Step(&device->client, nullptr) == Updater::Next::kIdle;
    }
    auto device = Start(disk_, root.path());
    const auto y = device->Ask();
    EXPECT_TRUE(y == kVersion1 || y == kVersion2);
    device->Carry(Deploy("plan-2", "v2"));
    EXPECT_EQ(device->Ask(), kVersion2);
    EXPECT_EQ(device->store.state().unreported.size(), 2u);
  }
}

// The same for every call to the disk: it fails, all later ones fail, then the power goes.
TEST_F(UpdaterTest, APowerCutAtAnyDiskCallLeavesTheOldOrTheNewModel) {
  Start()->Carry(Deploy("plan-1", "v1"));
  bool failed = true;
  for (int64_t call = 0; failed; ++call) {
    SCOPED_TRACE(call);
    const TemporaryDirectory root = *TemporaryDirectory::Make();
    std::filesystem::copy(folder_.path(), root.path(), std::filesystem::copy_options::recursive);
    {
      FaultyFileSystem disk({.call = call, .sticky = true});
      Device device(disk, root.path(), server_, clock_);
      if (device.Start()) {
        EXPECT_EQ(device.Ask(), kVersion1) << "a full disk must not stop what runs";
        device.updater.Offer({Deploy("plan-2", "v2")});
        for (int i = 0; i < 12; ++i) device.updater.Step(&device.client, nullptr);
        const auto y = device.Ask();
        EXPECT_TRUE(y == kVersion1 || y == kVersion2);
      }
      failed = disk.calls() > call;
    }
    auto device = Start(disk_, root.path());
    const auto y = device->Ask();
    EXPECT_TRUE(y == kVersion1 || y == kVersion2);
    device->Carry(Deploy("plan-3", "v2"));
    EXPECT_EQ(device->Ask(), kVersion2);
    EXPECT_TRUE(disk_.List(root.path() / "staging")->empty());
  }
}

}  // namespace
}  // namespace kedge::agent
