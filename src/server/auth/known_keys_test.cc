// SPDX-License-Identifier: Apache-2.0
#include "server/auth/known_keys.h"

#include <gtest/gtest.h>

#include "server/testing/test_server.h"
#include "store/tables/devices.h"
#include "store/tables/erasure.h"
#include "store/tables/fleets.h"
#include "store/tables/users.h"

namespace kedge::server {
namespace {

class KnownKeysTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    keys_ = std::make_unique<KnownKeys>(server_->store(), server_->keyring(), server_->clock());
  }
  void Write(const store::Work& work) {
    const Status status = server_->store().Write(work);
    ASSERT_TRUE(status) << status.error().message;
  }
  void AddKey(store::AccessKey key) {
    ASSERT_TRUE(SealSecret(server_->keyring(), key));
    Write([&](store::Transaction& t) { return store::InsertAccessKey(t, key); });
  }
  // The row as another node would change it: without telling this one.
  void Change(const std::string& id, const std::function<void(store::AccessKey&)>& change) {
    Write([&](store::Transaction& t) -> Status {
      KEDGE_TRY(auto key, store::FindAccessKey(t, id));
      change(*key);
      KEDGE_TRY([[maybe_unused]] const bool found, store::UpdateAccessKey(t, *key));
      return {};
    });
  }
  bool Counts(const std::string& id) { return *keys_->Find(id) != nullptr; }
  store::AccessKey Row(const std::string& id) {
    std::optional<store::AccessKey> row;
    EXPECT_TRUE(server_->store().Read([&](store::Transaction& t) -> Status {
      KEDGE_TRY(row, store::FindAccessKey(t, id));
      return {};
    }));
    return row.value_or(store::AccessKey{});
  }

  std::unique_ptr<TestServer> server_;
  std::unique_ptr<KnownKeys> keys_;
};

TEST_F(KnownKeysTest, SecretsStandSealedInTheDatabase) {
  AddKey({.id = "K", .secret = "secret", .role = "viewer"});
  EXPECT_EQ(Row("K").secret.find("secret"), std::string::npos);
  EXPECT_EQ((*keys_->Find("K"))->secret, "secret");
  // Moved to another row, a sealed secret does not open.
  const std::string stolen = Row("K").secret;
  AddKey({.id = "OTHER", .secret = "other", .role = "admin"});
  Change("OTHER", [&](store::AccessKey& key) { key.secret = stolen; });
  EXPECT_EQ(keys_->Find("OTHER").error().code, Code::kDataLoss);
}

TEST_F(KnownKeysTest, PlainSecretsOfAFormerVersionAreSealedAtStart) {
  Write([](store::Transaction& t) {
    return store::InsertAccessKey(t, {.id = "OLD", .secret = "plain", .role = "admin"});
  });
  EXPECT_EQ((*keys_->Find("OLD"))->secret, "plain");
  ASSERT_TRUE(SealPlainSecrets(server_->store(), server_->keyring()));
  EXPECT_TRUE(Row("OLD").is_sealed);
  EXPECT_NE(Row("OLD").secret, "plain");
  keys_->LookAgain();
  EXPECT_EQ((*keys_->Find("OLD"))->secret, "plain");
}

TEST_F(KnownKeysTest, AChangeElsewhereCountsWithinItsBound) {
  const struct {
    const char* name;
    std::function<Status(store::Transaction&)> change;
  } cases[] = {
      {"the key is deleted",
       [](store::Transaction& t) -> Status {
         KEDGE_TRY([[maybe_unused]] const bool found, store::DeleteAccessKey(t, "K"));
         return {};
       }},
      {"its user is disabled",
       [](store::Transaction& t) -> Status {
         KEDGE_TRY(auto user, store::FindUser(t, "ann"));
         user->enabled = false;
         KEDGE_TRY([[maybe_unused]] const bool found, store::UpdateUser(t, *user));
         return {};
       }},
      {"its user is deleted",
       [](store::Transaction& t) -> Status {
         KEDGE_TRY([[maybe_unused]] const bool found, store::DeleteUser(t, "ann"));
         return {};
       }},
      {"the keys of a device are deleted",
       [](store::Transaction& t) -> Status { return store::DeleteAccessKeys(t, "fleet", "d"); }},
      {"the device is deregistered",
       [](store::Transaction& t) -> Status {
         KEDGE_TRY([[maybe_unused]] const bool found, store::DeleteDevice(t, "fleet", "d"));
         return {};
       }},
      {"the device is erased",
       [](store::Transaction& t) -> Status {
         KEDGE_TRY([[maybe_unused]] const int64_t rows, store::EraseDeviceRows(t, "fleet", "d"));
         return {};
       }},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.name);
    SetUp();
    Write([](store::Transaction& t) -> Status {
      KEDGE_TRY_STATUS(store::InsertFleet(t, {.name = "fleet", .output_config = "{}"}));
      KEDGE_TRY_STATUS(store::InsertMissingDevices(t, "fleet", {"d"}, 1));
      return store::InsertUser(t, {.name = "ann", .role = "viewer"});
    });
    AddKey({.id = "K", .secret = "s", .role = "viewer", .user = "ann"});
    AddKey({.id = "D", .secret = "s", .role = "device", .fleet = "fleet", .device = "d"});
    ASSERT_TRUE(Counts("K") && Counts("D"));
    Write(one.change);
    server_->clock().Advance(KnownKeys::kEpochPoll - std::chrono::milliseconds(1));
    EXPECT_TRUE(Counts("K") && Counts("D"));
    server_->clock().Advance(std::chrono::milliseconds(1));
    EXPECT_FALSE(Counts("K") && Counts("D"));
  }
}

// As a node of the version before writes it: the epoch stays.
TEST_F(KnownKeysTest, AChangeThatRaisesNoEpochCountsWithinTheLongerBound) {
  AddKey({.id = "K", .secret = "s", .role = "operator"});
  ASSERT_TRUE(Counts("K"));
  Write([](store::Transaction& t) -> Status {
    KEDGE_TRY([[maybe_unused]] const int64_t rows,
              t.Execute("DELETE FROM access_keys WHERE id = $1", {std::string("K")}));
    return {};
  });
  server_->clock().Advance(KnownKeys::kTrustedFor - std::chrono::milliseconds(1));
  EXPECT_TRUE(Counts("K"));
  server_->clock().Advance(std::chrono::milliseconds(1));
  EXPECT_FALSE(Counts("K"));
}

TEST_F(KnownKeysTest, AChangeHereCountsAtOnce) {
  AddKey({.id = "K", .secret = "s", .role = "operator"});
  ASSERT_TRUE(Counts("K"));
  Change("K", [](store::AccessKey& key) { key.enabled = false; });
  keys_->LookAgain();
  EXPECT_FALSE(Counts("K"));
}

TEST_F(KnownKeysTest, KeysExpireWhileTheyAreRemembered) {
  const EpochMs expires = server_->clock().NowMs() + 1000;
  AddKey({.id = "K", .secret = "s", .role = "operator", .expires = expires});
  EXPECT_TRUE(Counts("K"));
  server_->clock().Advance(std::chrono::milliseconds(1000));
  EXPECT_FALSE(Counts("K"));
}

TEST_F(KnownKeysTest, AUsersKeyHasNoMoreRightsThanItsUser) {
  store::User user{.name = "ann", .role = "viewer", .fleets = R"(["lab*"])"};
  Write([&](store::Transaction& t) { return store::InsertUser(t, user); });
  AddKey({.id = "K", .secret = "s", .role = "admin", .user = "ann"});
  const Identity identity = (*keys_->Find("K"))->identity;
  EXPECT_EQ(identity.role, Role::kViewer);
  EXPECT_EQ(identity.fleets, std::vector<std::string>{"lab*"});
  EXPECT_EQ(identity.Principal(), "user/ann");
  user.enabled = false;
  Write([&](store::Transaction& t) -> Status {
    KEDGE_TRY([[maybe_unused]] const bool found, store::UpdateUser(t, user));
    return {};
  });
  keys_->LookAgain();
  EXPECT_FALSE(Counts("K"));
}

TEST_F(KnownKeysTest, ADamagedListOfFleetsIsNeverAllFleets) {
  for (const char* text : {"", "lab", "{}", "[1]", R"(["lab")"}) {
    SCOPED_TRACE(text);
    EXPECT_EQ(ReadFleets(text).error().code, Code::kDataLoss);
  }
  AddKey({.id = "K", .secret = "s", .role = "viewer", .fleets = "lab"});
  EXPECT_EQ(keys_->Find("K").error().code, Code::kDataLoss);
}

TEST_F(KnownKeysTest, TheTimeOfUseIsWrittenNowAndThen) {
  AddKey({.id = "K", .secret = "s", .role = "viewer"});
  const auto use = [&] { keys_->NoteUse("K", **keys_->Find("K")); };
  // A write that is queued behind the noted one: when it is done, so is that.
  const auto used = [&] {
    Write([](store::Transaction&) { return Status(); });
    return Row("K").used.value_or(0);
  };
  use();
  const EpochMs first = used();
  EXPECT_EQ(first, server_->clock().NowMs());
  server_->clock().Advance(std::chrono::minutes(9));
  use();
  EXPECT_EQ(used(), first);
  server_->clock().Advance(std::chrono::minutes(1));
  use();
  EXPECT_EQ(used(), server_->clock().NowMs());
}

TEST_F(KnownKeysTest, RemembersABoundedNumber) {
  Write([](store::Transaction& t) -> Status {
    for (size_t i = 0; i < KnownKeys::kEntriesMax + 2; ++i) {
      KEDGE_TRY_STATUS(store::InsertAccessKey(
          t, {.id = "K" + std::to_string(i), .secret = "s", .role = "viewer"}));
    }
    return {};
  });
  for (size_t i = 0; i < KnownKeys::kEntriesMax + 2; ++i) {
    ASSERT_TRUE(Counts("K" + std::to_string(i)));
  }
  EXPECT_LE(keys_->size(), KnownKeys::kEntriesMax);
  EXPECT_FALSE(Counts("NOBODY"));
}

}  // namespace
}  // namespace kedge::server
