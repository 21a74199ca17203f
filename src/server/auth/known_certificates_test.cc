// SPDX-License-Identifier: Apache-2.0
#include "server/auth/known_certificates.h"

#include <gtest/gtest.h>

#include "server/testing/test_server.h"
#include "store/tables/certificates.h"

namespace kedge::server {
namespace {

class KnownCertificatesTest : public testing::Test {
 protected:
  void SetUp() override {
    server_ = *TestServer::Make();
    ASSERT_TRUE(server_->store().Write([](store::Transaction& transaction) {
      return store::InsertDeviceCertificate(transaction, {.serial = "5f",
                                                          .fleet = "lab",
                                                          .device = "cam-1",
                                                          .fingerprint = "ff",
                                                          .issued = 1,
                                                          .expires = 9});
    }));
  }
  void Revoke() {
    ASSERT_TRUE(server_->store().Write([](store::Transaction& transaction) -> Status {
      KEDGE_TRY([[maybe_unused]] const int64_t revoked,
                store::RevokeDeviceCertificates(
                    transaction, {.fleet = "lab", .device = "cam-1", .now = 5, .why = "lost"}));
      return {};
    }));
  }
  std::string Count(const std::string& kind) {
    std::string count;
    EXPECT_TRUE(server_->store().Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(const auto rows,
                transaction.Query("SELECT COUNT(*) FROM events WHERE kind = $1", {kind}));
      count = std::to_string(rows.at(0).Integer(0));
      return {};
    }));
    return count;
  }

  std::unique_ptr<TestServer> server_;
};

TEST_F(KnownCertificatesTest, ForeignSerialsAreUnknownAndNotRemembered) {
  KnownCertificates known(server_->store(), server_->clock());
  EXPECT_EQ(*known.Find("60"), nullptr);
  EXPECT_EQ(known.size(), 0U);
}

TEST_F(KnownCertificatesTest, ARevocationOfAnotherNodeCountsAfterThePoll) {
  KnownCertificates known(server_->store(), server_->clock());
  EXPECT_FALSE((*known.Find("5f"))->revoked);
  Revoke();
  server_->clock().Advance(KnownCertificates::kRevocationPoll - std::chrono::milliseconds(1));
  EXPECT_FALSE((*known.Find("5f"))->revoked);
  server_->clock().Advance(std::chrono::milliseconds(1));
  EXPECT_TRUE((*known.Find("5f"))->revoked);
}

TEST_F(KnownCertificatesTest, ComingBackFromAnotherAddressIsToldOnce) {
  KnownCertificates known(server_->store(), server_->clock());
  const auto certificate = *known.Find("5f");
  const auto use = [&](const char* address) {
    known.NoteUse(*certificate, address);
    server_->clock().Advance(std::chrono::seconds(1));
    // What NoteUse queued is committed before a later write.
    EXPECT_TRUE(server_->store().Write([](store::Transaction&) { return Status(); }));
  };
  use("10.0.0.1");
  use("10.0.0.2");
  use("10.0.0.2");
  EXPECT_EQ(Count("CertificateShared"), "0");  // it moved
  use("10.0.0.1");
  EXPECT_EQ(Count("CertificateShared"), "1");
  use("10.0.0.2");
  EXPECT_EQ(Count("CertificateShared"), "1");
}

TEST_F(KnownCertificatesTest, MovingToAndFroInLongStepsIsNoSharing) {
  KnownCertificates known(server_->store(), server_->clock());
  const auto certificate = *known.Find("5f");
  for (const char* address : {"10.0.0.1", "10.0.0.2", "10.0.0.1"}) {
    known.NoteUse(*certificate, address);
    server_->clock().Advance(KnownCertificates::kSharedWindow);
  }
  EXPECT_TRUE(server_->store().Write([](store::Transaction&) { return Status(); }));
  EXPECT_EQ(Count("CertificateShared"), "0");
}

}  // namespace
}  // namespace kedge::server
