// SPDX-License-Identifier: Apache-2.0
#include "server/auth/session_token.h"

#include <gtest/gtest.h>

namespace kedge::server {
namespace {

constexpr EpochMs kExpires = 1'795'000'000'000;

TEST(SessionToken, AnyNodeWithTheMasterKeyReadsIt) {
  const Keyring keyring = *Keyring::Parse(std::string(64, '1'));
  const Keyring of_another_node = *Keyring::Parse(std::string(64, '1'));
  const TemporaryKey key = *TemporaryKeys(keyring).Make("5f00ab", kExpires + 999);
  EXPECT_EQ(key.expires, kExpires);
  EXPECT_EQ(key.secret.size(), 40U);
  const TemporaryKeys other(of_another_node);
  const auto claim = other.Read(key.id);
  ASSERT_TRUE(claim);
  EXPECT_EQ(claim->serial, "5f00ab");
  EXPECT_EQ(claim->expires, kExpires);
  EXPECT_EQ(claim->secret, key.secret);
  EXPECT_TRUE(other.TokenIsValid(key.id, key.token));
}

TEST(SessionToken, AnIdThatWasChangedHasAnotherSecretAndNoToken) {
  const Keyring keyring = *Keyring::Parse(std::string(64, '1'));
  const TemporaryKeys keys(keyring);
  const TemporaryKey key = *keys.Make("5f00ab", kExpires);
  const std::string later = "KEDT00ffffffff5f00ab";
  ASSERT_TRUE(keys.Read(later));
  EXPECT_NE(keys.Read(later)->secret, key.secret);
  EXPECT_FALSE(keys.TokenIsValid(later, key.token));
  EXPECT_FALSE(keys.TokenIsValid(key.id, key.token + "A"));
  const Keyring foreign = *Keyring::Parse(std::string(64, '2'));
  EXPECT_NE(TemporaryKeys(foreign).Read(key.id)->secret, key.secret);
  EXPECT_FALSE(TemporaryKeys(foreign).TokenIsValid(key.id, key.token));
}

TEST(SessionToken, OtherIdsAreNotTemporary) {
  const Keyring keyring = *Keyring::Parse(std::string(64, '1'));
  for (const std::string& id :
       {std::string(), std::string("KEDGABCDEFGHIJKLMNOP"), std::string("KEDT00ffffffff"),
        std::string("KEDT00FFFFFFFF5f"), "KEDT00ffffffff" + std::string(41, '1')}) {
    EXPECT_FALSE(TemporaryKeys(keyring).Read(id)) << id;
  }
}

}  // namespace
}  // namespace kedge::server
