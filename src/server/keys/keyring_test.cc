// SPDX-License-Identifier: Apache-2.0
#include "server/keys/keyring.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace kedge::server {
namespace {

const std::string kOne = std::string(64, '1') + "\n";
const std::string kTwo = std::string(64, '2') + "\n";

TEST(Keyring, OpensWhatItSealedForTheSamePurposeOnly) {
  const Keyring keyring = *Keyring::Parse(kOne);
  const std::string sealed = *keyring.Seal("access key secret", "wJalrXUtnFEMI");
  EXPECT_EQ(sealed.find("wJalr"), std::string::npos);
  EXPECT_EQ(*keyring.Open("access key secret", sealed), "wJalrXUtnFEMI");
  const auto other = keyring.Open("signing key", sealed);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kDataLoss);
}

TEST(Keyring, SaysThatAnotherMasterKeySealedIt) {
  const std::string sealed = *Keyring::Parse(kOne)->Seal("p", "secret");
  const auto opened = Keyring::Parse(kTwo)->Open("p", sealed);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kFailedPrecondition);
  EXPECT_NE(opened.error().message.find("sealed with another master key"), std::string::npos);
}

TEST(Keyring, OpensWithFormerKeysAndSealsWithTheFirst) {
  const std::string sealed_before = *Keyring::Parse(kOne)->Seal("p", "secret");
  const Keyring both = *Keyring::Parse("# new\n" + kTwo + "\n# old\r\n" + kOne);
  EXPECT_EQ(*both.Open("p", sealed_before), "secret");
  EXPECT_EQ(*Keyring::Parse(kTwo)->Open("p", *both.Seal("p", "secret")), "secret");
  EXPECT_EQ(both.Derive("p"), Keyring::Parse(kTwo)->Derive("p"));
  EXPECT_NE(both.Derive("p"), both.Derive("q"));
}

TEST(Keyring, RefusesDamagedTexts) {
  const Keyring keyring = *Keyring::Parse(kOne);
  const std::string sealed = *keyring.Seal("p", "secret");
  const std::string texts[] = {"",
                               "secret",
                               "kedge1.",
                               sealed.substr(0, sealed.size() - 1),
                               sealed + "A",
                               sealed + "!",
                               "kedge2" + sealed.substr(6)};
  for (const std::string& text : texts) {
    SCOPED_TRACE(text);
    const auto opened = keyring.Open("p", text);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::kDataLoss);
  }
}

TEST(Keyring, RefusesFilesThatHoldNoKey) {
  std::string many;
  for (size_t i = 0; i <= kMasterKeysMax; ++i) many += kOne;
  const std::string texts[] = {
      "",  "# only a comment\n", std::string(63, '1'), std::string(66, '1'), std::string(64, 'g'),
      many};
  for (const std::string& text : texts) {
    SCOPED_TRACE(text.substr(0, 70));
    const auto keyring = Keyring::Parse(text);
    ASSERT_FALSE(keyring);
    EXPECT_EQ(keyring.error().code, Code::kInvalidArgument);
  }
}

TEST(Keyring, MakesItsFileOnce) {
  const TemporaryDirectory folder = *TemporaryDirectory::Make();
  PosixFileSystem disk;
  const Path file = folder.path() / "master.key";
  const auto absent = Keyring::Load(disk, file, false);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::kNotFound);
  const auto made = Keyring::Load(disk, file, true);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(*Keyring::Load(disk, file, true)->Open("p", *made->Seal("p", "s")), "s");
  struct stat found{};
  ASSERT_EQ(::stat(file.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
}

TEST(Keyring, RefusesAFileThatEverybodyMayRead) {
  const TemporaryDirectory folder = *TemporaryDirectory::Make();
  PosixFileSystem disk;
  const Path file = folder.path() / "master.key";
  ASSERT_TRUE(disk.WriteAtomically(file, AsBytes(kOne), 0644));
  const auto loaded = Keyring::Load(disk, file, false);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kPermissionDenied);
}

}  // namespace
}  // namespace kedge::server
