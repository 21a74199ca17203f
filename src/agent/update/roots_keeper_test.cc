// SPDX-License-Identifier: Apache-2.0
#include "agent/update/roots_keeper.h"

#include <gtest/gtest.h>

#include "trust/bundle.h"

namespace kedge::agent {
namespace {

constexpr EpochMs kNow = 1'790'000'000'000;

class RootsKeeperTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryDirectory::Make();
    ASSERT_TRUE(folder);
    folder_ = std::make_unique<TemporaryDirectory>(std::move(*folder));
    ASSERT_TRUE(disk_.MakeDirectories(folder_->path() / "roots", 0755));
    ASSERT_TRUE(disk_.WriteAtomically(folder_->path() / "roots" / "first.pem",
                                      AsBytes(pairs_[0].certificate_pem), 0444));
  }
  Path ChainFile() const { return folder_->path() / "roots.json"; }
  std::unique_ptr<RootsKeeper> Open() {
    auto keeper = std::make_unique<RootsKeeper>(disk_, folder_->path() / "roots", ChainFile());
    const Status status = keeper->Open();
    EXPECT_TRUE(status) << status.error().message;
    return keeper;
  }
  std::string Sign(int64_t version, std::vector<int> keys, int signer) {
    trust::RootsUpdate update{.version = version};
    for (const int key : keys) update.certificates.push_back(pairs_[key].certificate_pem);
    return *trust::SignRootsUpdate(update, *SignerOf(signer));
  }
  std::unique_ptr<trust::Signer> SignerOf(int key) {
    return *trust::LoadSigner(pairs_[key].key_pem, pairs_[key].certificate_pem);
  }
  bool Trusts(const RootsKeeper& keeper, int key) {
    const auto bundle = trust::SignStatement(trust::WriteStatement("m", {}), *SignerOf(key));
    return trust::VerifyBundle(*bundle, keeper.roots()).has_value();
  }

  const trust::KeyPair pairs_[2] = {*trust::GenerateKeyPair("one", kNow),
                                    *trust::GenerateKeyPair("two", kNow)};
  PosixFileSystem disk_;
  std::unique_ptr<TemporaryDirectory> folder_;
};

TEST_F(RootsKeeperTest, ARotationIsFollowedAndOutlivesARestart) {
  const auto keeper = Open();
  EXPECT_TRUE(Trusts(*keeper, 0));
  ASSERT_TRUE(keeper->Offer({Sign(1, {0, 1}, 0)}));
  EXPECT_TRUE(Trusts(*keeper, 0));
  EXPECT_TRUE(Trusts(*keeper, 1));
  ASSERT_TRUE(Open()->Offer({Sign(1, {0, 1}, 0), Sign(2, {1}, 1)}));
  const auto again = Open();
  EXPECT_EQ(again->version(), 2);
  EXPECT_FALSE(Trusts(*again, 0));
  EXPECT_TRUE(Trusts(*again, 1));
}

TEST_F(RootsKeeperTest, AStrangersDocumentChangesNothing) {
  const auto keeper = Open();
  ASSERT_TRUE(keeper->Offer({Sign(1, {1}, 1)}));
  EXPECT_EQ(keeper->version(), 0);
  EXPECT_FALSE(disk_.Exists(ChainFile()));
  EXPECT_FALSE(keeper->Offer({"nonsense"}));
  EXPECT_TRUE(Trusts(*keeper, 0));
}

TEST_F(RootsKeeperTest, ADamagedChainIsPutAsideAndSentAgain) {
  ASSERT_TRUE(Open()->Offer({Sign(1, {0, 1}, 0)}));
  ASSERT_TRUE(disk_.WriteAtomically(ChainFile(), AsBytes(std::string_view("[\"x\"]")), 0600));
  const auto keeper = Open();
  EXPECT_EQ(keeper->version(), 0);
  EXPECT_TRUE(Trusts(*keeper, 0));
  EXPECT_TRUE(disk_.Exists(ChainFile().string() + ".damaged"));
  ASSERT_TRUE(keeper->Offer({Sign(1, {0, 1}, 0)}));
  EXPECT_EQ(Open()->version(), 1);
}

TEST_F(RootsKeeperTest, ConfiguredCertificatesMustNotBeWritable) {
  std::filesystem::permissions(folder_->path() / "roots" / "first.pem",
                               std::filesystem::perms::owner_write,
                               std::filesystem::perm_options::add);
  RootsKeeper keeper(disk_, folder_->path() / "roots", ChainFile());
  const Status status = keeper.Open();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kPermissionDenied);
}

}  // namespace
}  // namespace kedge::agent
