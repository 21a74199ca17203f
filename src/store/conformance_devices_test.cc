// What every engine must do with the tables of devices, their keys and certificates.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "store/tables/access_keys.h"
#include "store/tables/certificates.h"
#include "store/tables/devices.h"
#include "store/tables/sealed_keys.h"
#include "store/testing/conformance.h"

namespace kedge::store {
namespace {

TEST_P(StoreConformance, HeartbeatIsStoredAndFound) {
  AddFleet("lab");
  AddDevice("lab", "d1");
  AddDevice("lab", "d2");
  const std::vector<LoadedModel> models = {{"digits", "1.0", 5, 6}, {"faces", "2.0", 0, 0}};
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY(const auto found, FindStates(t, {{"lab", "d1"}, {"lab", "d9"}}));
    EXPECT_TRUE(found[0].has_value());
    EXPECT_FALSE(found[1].has_value());
    KEDGE_TRY_STATUS(UpdateStates(t, {{.key = {"lab", "d1"},
                                       .revision = found[0]->revision + 1,
                                       .heartbeat_time = 77,
                                       .agent_version = "1.0",
                                       .models = models}}));
    return InsertModels(t, {{{"lab", "d1"}, "digits", "1.0"}, {{"lab", "d1"}, "faces", "2.0"}});
  });
  Read([&](Transaction& t) -> Status {
    KEDGE_TRY(const auto by_time, ListDevices(t, {.heartbeat_after = 76}, {}));
    EXPECT_EQ(by_time.items.size(), 1u);
    KEDGE_TRY(const auto later, ListDevices(t, {.heartbeat_after = 77}, {}));
    EXPECT_TRUE(later.items.empty());
    KEDGE_TRY(const auto device, FindDevice(t, "lab", "d1"));
    EXPECT_EQ(device->heartbeat_time, 77);
    EXPECT_EQ(device->agent_version, "1.0");
    EXPECT_EQ(device->models, models);
    KEDGE_TRY(const auto other, FindDevice(t, "lab", "d2"));
    EXPECT_FALSE(other->heartbeat_time.has_value());
    return {};
  });
}

TEST_P(StoreConformance, AStateIsWrittenOverItsFormerRevisionOnly) {
  AddFleet("lab");
  AddDevice("lab", "d1");
  const auto update = [&](int64_t revision) {
    return store_->Write([&](Transaction& t) {
      return UpdateStates(
          t, {{.key = {"lab", "d1"}, .revision = revision, .heartbeat_time = 70 + revision}});
    });
  };
  EXPECT_TRUE(update(1));
  const auto again = update(1);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kAborted);
  EXPECT_TRUE(update(2));
}

TEST_P(StoreConformance, AccessKeysGoWithTheirDevice) {
  AddFleet("lab");
  AddDevice("lab", "d1");
  Write([](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(InsertAccessKey(t, {.id = "ADMIN", .secret = "s", .role = "admin"}));
    return InsertAccessKey(
        t, {.id = "DEVICE", .secret = "s", .role = "device", .fleet = "lab", .device = "d1"});
  });
  Write([](Transaction& t) -> Status {
    KEDGE_TRY(const bool deleted, DeleteDevice(t, "lab", "d1"));
    EXPECT_TRUE(deleted);
    return {};
  });
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const auto admin, FindAccessKey(t, "ADMIN"));
    EXPECT_TRUE(admin);
    KEDGE_TRY(const auto device, FindAccessKey(t, "DEVICE"));
    EXPECT_FALSE(device);
    return {};
  });
}

TEST_P(StoreConformance, ClaimTokensAreUsedUpAndExpire) {
  AddFleet("lab");
  Write([](Transaction& t) -> Status {
    ClaimToken token{.id = "t1", .token_sha256 = "aa", .fleet = "lab", .device_pattern = "cam-*"};
    token.uses = token.uses_left = 2;
    token.expires = 1000;
    KEDGE_TRY_STATUS(InsertClaimToken(t, token));
    for (const bool expected : {true, true, false}) {
      KEDGE_TRY(const bool used, UseClaimToken(t, "t1", 999));
      EXPECT_EQ(used, expected);
    }
    token.id = "t2";
    token.token_sha256 = "bb";
    KEDGE_TRY_STATUS(InsertClaimToken(t, token));
    KEDGE_TRY(const bool expired, UseClaimToken(t, "t2", 1000));
    EXPECT_FALSE(expired);
    KEDGE_TRY(const auto found, FindClaimToken(t, "aa"));
    EXPECT_EQ(found->uses_left, 0);
    EXPECT_EQ(found->device_pattern, "cam-*");
    KEDGE_TRY(const auto tokens, ListClaimTokens(t, "lab", {}));
    EXPECT_EQ(tokens.items.size(), 2U);
    KEDGE_TRY(const bool foreign, DeleteClaimToken(t, "other", "t2"));
    EXPECT_FALSE(foreign);
    KEDGE_TRY(const bool deleted, DeleteClaimToken(t, "lab", "t2"));
    EXPECT_TRUE(deleted);
    KEDGE_TRY(const auto gone, FindClaimToken(t, "bb"));
    EXPECT_FALSE(gone);
    return {};
  });
}

TEST_P(StoreConformance, RevokedCertificatesAreFoundByTheirEpoch) {
  Write([](Transaction& t) -> Status {
    for (const char* serial : {"1", "2", "3"}) {
      KEDGE_TRY_STATUS(InsertDeviceCertificate(t, {.serial = serial,
                                                   .fleet = "lab",
                                                   .device = serial[0] == '3' ? "d2" : "d1",
                                                   .fingerprint = "ff",
                                                   .issued = 5,
                                                   .expires = 10}));
    }
    return NoteCertificateSeen(t, "2", 7, "10.0.0.1");
  });
  Write([](Transaction& t) -> Status {
    KEDGE_TRY(const int64_t before, CertificateEpoch(t));
    Revocation revocation{.fleet = "lab", .device = "d1", .serial = "1", .now = 6, .why = "lost"};
    KEDGE_TRY(const int64_t one, RevokeDeviceCertificates(t, revocation));
    EXPECT_EQ(one, 1);
    KEDGE_TRY(const int64_t between, CertificateEpoch(t));
    revocation.serial.reset();
    KEDGE_TRY(const int64_t rest, RevokeDeviceCertificates(t, revocation));
    EXPECT_EQ(rest, 1);
    KEDGE_TRY(const auto all, RevokedSince(t, before));
    EXPECT_EQ(all.size(), 2U);
    KEDGE_TRY(const auto later, RevokedSince(t, between));
    EXPECT_EQ(later, std::vector<std::string>{"2"});
    KEDGE_TRY(const auto first, FindDeviceCertificate(t, "1"));
    EXPECT_EQ(first->revoked, 6);
    EXPECT_EQ(first->revoked_why, "lost");
    KEDGE_TRY(const auto of_device, ListDeviceCertificates(t, "lab", "d1", {}));
    EXPECT_EQ(of_device.items.size(), 2U);
    EXPECT_EQ(of_device.items.at(1).seen_address, "10.0.0.1");
    KEDGE_TRY(const auto of_fleet, ListDeviceCertificates(t, "lab", std::nullopt, {}));
    EXPECT_EQ(of_fleet.items.size(), 3U);
    EXPECT_FALSE(of_fleet.items.at(2).revoked);
    return {};
  });
}

TEST_P(StoreConformance, SealedKeysAreGivenNewestFirstAndNeverReplaced) {
  Write([](Transaction& t) -> Status {
    for (const int64_t number : {1, 2}) {
      KEDGE_TRY_STATUS(InsertSealedKey(t, {.purpose = "p", .number = number, .sealed = "s"}));
    }
    return {};
  });
  const Status again = store_->Write([](Transaction& t) {
    return InsertSealedKey(t, {.purpose = "p", .number = 2, .sealed = "other"});
  });
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kAlreadyExists);
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const auto keys, ListSealedKeys(t, "p"));
    EXPECT_EQ(keys.at(0).number, 2);
    EXPECT_EQ(keys.at(0).sealed, "s");
    EXPECT_EQ(keys.size(), 2U);
    KEDGE_TRY(const auto none, ListSealedKeys(t, "q"));
    EXPECT_TRUE(none.empty());
    return {};
  });
}

}  // namespace
}  // namespace kedge::store
