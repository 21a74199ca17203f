// SPDX-License-Identifier: Apache-2.0
#include "package/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/testing/faulty_file_system.h"
#include "package/testing/specimen.h"

namespace kedge::package {
namespace {

using ::testing::ElementsAre;
using testing::InMemory;
using testing::MakePackage;
using testing::MakeTestKey;
using testing::TestKey;

class PackageStore : public ::testing::Test {
 protected:
  PackageStore()
      : key_(MakeTestKey()),
        bytes_(*MakePackage(key_, {{.weights_bytes = 600'000}})),
        sha256_(crypto::Sha256Hex(bytes_)),
        memory_(InMemory(bytes_)),
        directory_(*TemporaryDirectory::Make()),
        store_(directory_.path() / "store") {}

  Result<Path> Install(FileSystem& disk) {
    return InstallPackage(disk, memory_.get(), key_.roots, store_);
  }
  std::vector<std::string> Names() {
    return disk_.Exists(store_) ? *disk_.List(store_) : std::vector<std::string>{};
  }

  TestKey key_;
  ByteBuffer bytes_;
  std::string sha256_;
  FileDescriptor memory_;
  PosixFileSystem disk_;
  TemporaryDirectory directory_;
  Path store_;
};

TEST_F(PackageStore, HoldsWhatWasInstalledUnderItsDigest) {
  const auto path = Install(disk_);
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(*path, InstalledPath(store_, sha256_));
  EXPECT_EQ(*disk_.Read(*path, 1 << 20), bytes_);
  const auto package = OpenInstalled(store_, sha256_, key_.roots);
  ASSERT_TRUE(package);
  EXPECT_EQ(package->sha256(), sha256_);
  EXPECT_TRUE(package->OpenFile("x86-64-v3/weights.bin"));
  EXPECT_THAT(*ListInstalled(disk_, store_), ElementsAre(sha256_));
}

TEST_F(PackageStore, InstallsTwiceWithoutWriting) {
  ASSERT_TRUE(Install(disk_));
  FaultyFileSystem counting;
  EXPECT_TRUE(Install(counting));
  EXPECT_EQ(counting.calls(), 0);
}

TEST_F(PackageStore, RepairsAFileThatRotted) {
  const auto path = Install(disk_);
  ASSERT_TRUE(path);
  ByteBuffer rotten = bytes_;
  rotten[rotten.size() / 2] ^= 1;
  ASSERT_TRUE(disk_.WriteAtomically(*path, rotten, 0644));
  const auto opened = OpenInstalled(store_, sha256_, key_.roots);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kInvalidArgument);
  ASSERT_TRUE(Install(disk_));
  EXPECT_TRUE(OpenInstalled(store_, sha256_, key_.roots));
}

TEST_F(PackageStore, NoticesAnotherPackageUnderTheName) {
  ASSERT_TRUE(Install(disk_));
  const auto other = MakePackage(key_, {{.weights_bytes = 10}});
  ASSERT_TRUE(disk_.WriteAtomically(InstalledPath(store_, sha256_), *other, 0644));
  const auto opened = OpenInstalled(store_, sha256_, key_.roots);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kDataLoss);
}

TEST_F(PackageStore, HasNoOther) {
  EXPECT_THAT(*ListInstalled(disk_, store_), ElementsAre());
  const auto opened = OpenInstalled(store_, sha256_, key_.roots);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kNotFound);
}

TEST_F(PackageStore, IsOldOrNewWhereverTheDiskFails) {
  for (int64_t call = 0;; ++call) {
    SCOPED_TRACE(call);
    FaultyFileSystem faulty({.call = call});
    const auto path = Install(faulty);
    if (path) break;
    EXPECT_EQ(path.error().code, Code::kResourceExhausted);
    EXPECT_THAT(Names(), ElementsAre());
  }
  EXPECT_TRUE(OpenInstalled(store_, sha256_, key_.roots));
}

TEST_F(PackageStore, TrustsNoUnknownKey) {
  const TestKey other = MakeTestKey();
  const auto path = InstallPackage(disk_, memory_.get(), other.roots, store_);
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().code, Code::kPermissionDenied);
  EXPECT_THAT(Names(), ElementsAre());
}

TEST_F(PackageStore, SweepsWhatAKilledInstallLeft) {
  ASSERT_TRUE(Install(disk_));
  const std::string left = "." + sha256_ + ".tar.gz.0123456789ab.tmp";
  ASSERT_TRUE(disk_.WriteAtomically(store_ / left, AsBytes("half"), 0644));
  EXPECT_THAT(*ListInstalled(disk_, store_), ElementsAre(sha256_));
  EXPECT_THAT(Names(), ElementsAre(sha256_ + ".tar.gz"));
}

TEST_F(PackageStore, RemovesWithoutDisturbingWhoHasItOpen) {
  ASSERT_TRUE(Install(disk_));
  const auto package = OpenInstalled(store_, sha256_, key_.roots);
  ASSERT_TRUE(package);
  EXPECT_TRUE(RemoveInstalled(disk_, store_, sha256_));
  EXPECT_TRUE(RemoveInstalled(disk_, store_, sha256_));
  EXPECT_THAT(Names(), ElementsAre());
  EXPECT_TRUE(package->OpenFile("x86-64-v3/model.so"));
}

}  // namespace
}  // namespace kedge::package
