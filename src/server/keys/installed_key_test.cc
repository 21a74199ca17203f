// SPDX-License-Identifier: Apache-2.0
#include "server/keys/installed_key.h"

#include <gtest/gtest.h>

#include "server/installation.h"
#include "server/testing/test_server.h"

namespace kedge::server {
namespace {

TEST(InstalledKey, TheFirstNodesKeyCounts) {
  const auto server = *TestServer::Make();
  const auto install = [&](const std::string& key) {
    return InstallFirstKey(server->store(), server->keyring(), "test",
                           {.key_pem = key, .certificate_pem = "c"}, 1);
  };
  const auto none = LoadInstalledKey(server->store(), server->keyring(), "test");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kNotFound);
  ASSERT_TRUE(install("first"));
  ASSERT_TRUE(install("second"));
  EXPECT_EQ(LoadInstalledKey(server->store(), server->keyring(), "test")->key_pem, "first");
}

TEST(InstalledKey, OpensWithItsMasterKeyOnly) {
  const auto server = *TestServer::Make();
  const Keyring other = *Keyring::Parse(std::string(64, '1'));
  const auto key = LoadInstalledKey(server->store(), other, kPackageSigningPurpose);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, Code::kFailedPrecondition);
}

TEST(InstalledKey, TheSigningKeyOfAFormerVersionIsImportedAndItsFileRemoved) {
  const TemporaryDirectory folder = *TemporaryDirectory::Make();
  const auto server = *TestServer::Make();
  PosixFileSystem disk;
  const Folders folders{folder.path()};
  const FileDescriptor lock = *PrepareFolders(disk, folders);
  const auto pair = *trust::GenerateKeyPair("former", server->clock().NowMs());
  ASSERT_TRUE(disk.WriteAtomically(folders.former_package_key(), AsBytes(pair.key_pem), 0600));
  ASSERT_TRUE(
      disk.WriteAtomically(folders.package_certificate(), AsBytes(pair.certificate_pem), 0644));
  // The test server has a key already: that one counts, and the file goes.
  const auto theirs =
      LoadSigningKey(disk, folders, server->clock(), server->keyring(), server->store());
  ASSERT_TRUE(theirs) << theirs.error().message;
  EXPECT_EQ(theirs->certificate_pem, server->key().certificate_pem);
  EXPECT_FALSE(disk.Exists(folders.former_package_key()));

  ASSERT_TRUE(server->store().Write([](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const int64_t rows,
              transaction.Execute("DELETE FROM sealed_keys WHERE number > $1", {int64_t{0}}));
    return {};
  }));
  ASSERT_TRUE(disk.WriteAtomically(folders.former_package_key(), AsBytes(pair.key_pem), 0600));
  ASSERT_TRUE(
      disk.WriteAtomically(folders.package_certificate(), AsBytes(pair.certificate_pem), 0644));
  const auto imported =
      LoadSigningKey(disk, folders, server->clock(), server->keyring(), server->store());
  ASSERT_TRUE(imported) << imported.error().message;
  EXPECT_EQ(imported->certificate_pem, pair.certificate_pem);
  EXPECT_FALSE(disk.Exists(folders.former_package_key()));
}

}  // namespace
}  // namespace kedge::server
