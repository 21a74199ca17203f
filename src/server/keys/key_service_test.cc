// SPDX-License-Identifier: Apache-2.0
#include "server/keys/key_service.h"

#include <gtest/gtest.h>

#include "server/keys/envelope.h"
#include "server/testing/test_server.h"

namespace kedge::server {
namespace {

class KeyServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    keys_ = std::make_unique<KeyService>(server_->store(), server_->keyring(), server_->clock());
  }
  // The id of a new key.
  std::string Create(const std::string& body) {
    return server_->Must("CreateKey", body).Find("KeyMetadata")->StringOr("KeyId", "");
  }
  std::string Change(const std::string& operation, const std::string& name) {
    return server_->Must(operation, R"({"KeyId":")" + name + "\"}")
        .Find("KeyMetadata")
        ->StringOr("KeyState", "");
  }

  std::unique_ptr<TestServer> server_;
  std::unique_ptr<KeyService> keys_;
};

TEST_F(KeyServiceTest, AKeyIsFoundByEveryFormOfItsName) {
  const std::string id = Create(R"({"Alias":"alias/models/eu","Description":"of the models"})");
  for (const std::string& name :
       {id, "key/" + id, "arn:aws:kms:us-east-1:000000000000:key/" + id,
        "arn:aws:kms:eu-west-1:123456789012:key/" + id, std::string("alias/models/eu"),
        std::string("arn:aws:kms:eu-west-1:123456789012:alias/models/eu")}) {
    SCOPED_TRACE(name);
    const json::Value answer = server_->Must("DescribeKey", R"({"KeyId":")" + name + "\"}");
    EXPECT_EQ(answer.Find("KeyMetadata")->StringOr("KeyId", ""), id);
    EXPECT_EQ(answer.Find("KeyMetadata")->StringOr("Alias", ""), "alias/models/eu");
    EXPECT_TRUE(keys_->NewDataKey(name));
  }
  for (const char* name : {"alias/none", "none", "arn:aws:kms:us-east-1", "arn:"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(server_->Call("DescribeKey", std::string(R"({"KeyId":")") + name + "\"}").error,
              "ResourceNotFound");
    const auto refused = keys_->NewDataKey(name);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), PermissionDenied(std::string("No key with name: ") + name));
  }
  EXPECT_EQ(server_->Call("CreateKey", R"({"Alias":"alias/models/eu"})").error, "ResourceInUse");
}

TEST_F(KeyServiceTest, OldVersionsDecryptAfterARotation) {
  const std::string id = Create("{}");
  const auto old = keys_->NewDataKey(id);
  ASSERT_TRUE(old) << old.error().message;
  Change("RotateKey", id);
  const auto fresh = keys_->NewDataKey(id);
  ASSERT_TRUE(fresh);
  EXPECT_EQ(old->version, 1);
  EXPECT_EQ(fresh->version, 2);
  EXPECT_EQ(*keys_->Unwrap(id, 1, old->wrapped), old->key);
  EXPECT_EQ(*keys_->Unwrap(id, 2, fresh->wrapped), fresh->key);
  EXPECT_EQ(keys_->Unwrap(id, 2, old->wrapped).error().code, Code::kDataLoss);
  EXPECT_EQ(keys_->Unwrap(id, 3, old->wrapped).error(),
            DataLoss("key " + id + " has no version 3"));
}

TEST_F(KeyServiceTest, AKeyThatIsDisabledOrToBeDeletedIsClosed) {
  const std::string id = Create("{}");
  const auto data_key = keys_->NewDataKey(id);
  ASSERT_TRUE(data_key);
  const auto is_open = [&] {
    const bool wraps = keys_->NewDataKey(id).has_value();
    EXPECT_EQ(keys_->Unwrap(id, 1, data_key->wrapped).has_value(), wraps);
    return wraps;
  };
  EXPECT_EQ(Change("DisableKey", id), "Disabled");
  EXPECT_FALSE(is_open());
  EXPECT_EQ(keys_->NewDataKey(id).error(), PermissionDenied("key " + id + " is disabled"));
  EXPECT_EQ(server_->Call("RotateKey", R"({"KeyId":")" + id + "\"}").error, "ResourceInUse");
  EXPECT_EQ(Change("EnableKey", id), "Enabled");
  EXPECT_TRUE(is_open());
  EXPECT_EQ(Change("ScheduleKeyDeletion", id), "PendingDeletion");
  EXPECT_FALSE(is_open());
  EXPECT_EQ(keys_->NewDataKey(id).error(),
            PermissionDenied("key " + id + " is about to be deleted"));
  EXPECT_EQ(Change("CancelKeyDeletion", id), "Disabled");
  EXPECT_EQ(Change("EnableKey", id), "Enabled");
  EXPECT_TRUE(is_open());
  Change("ScheduleKeyDeletion", id);
  server_->clock().Advance(std::chrono::hours(30 * 24));
  EXPECT_EQ(keys_->NewDataKey(id).error(), PermissionDenied("No key with name: " + id));
  EXPECT_EQ(server_->Call("CancelKeyDeletion", R"({"KeyId":")" + id + "\"}").error,
            "ResourceNotFound");
  EXPECT_TRUE(server_->Must("ListKeys", "{}").Find("Keys")->AsArray()->empty());
}

TEST_F(KeyServiceTest, KeysAreListedInPages) {
  for (int i = 0; i < 3; ++i) Create("{}");
  const json::Value first = server_->Must("ListKeys", R"({"MaxResults":2})");
  EXPECT_EQ(first.Find("Keys")->AsArray()->size(), 2u);
  const json::Value second = server_->Must(
      "ListKeys", R"({"MaxResults":2,"NextToken":")" + first.StringOr("NextToken", "") + "\"}");
  EXPECT_EQ(second.Find("Keys")->AsArray()->size(), 1u);
  EXPECT_FALSE(second.Find("NextToken"));
}

TEST_F(KeyServiceTest, AnEnvelopeOpensOnlyWithItsKeyAtItsPlace) {
  const std::string id = Create("{}");
  const auto key = keys_->NewDataKey(id);
  ASSERT_TRUE(key);
  const std::string text = EnvelopeText(*key);
  EXPECT_EQ(EnvelopeHeader(text).size(), kEnvelopeHeaderBytes);
  EXPECT_EQ(*OpenEnvelopeText(*keys_, text), key->key);
  EXPECT_EQ(OpenEnvelopeText(*keys_, "{}").error().code, Code::kDataLoss);
  const ChunkPlace place{.object = "bucket/key", .index = 7, .last = false};
  const ByteBuffer sealed = SealChunk(key->key, place, AsBytes(std::string_view("plain")));
  EXPECT_EQ(AsText(*OpenChunk(key->key, place, sealed)), "plain");
  ChunkPlace others[] = {place, place, place};
  others[0].index = 8;
  others[1].last = true;
  others[2].object = "bucket/other";
  for (const ChunkPlace& other : others) {
    EXPECT_EQ(OpenChunk(key->key, other, sealed).error().code, Code::kDataLoss);
  }
  for (size_t i = 0; i < sealed.size(); ++i) {
    ByteBuffer changed = sealed;
    changed[i] ^= 1;
    EXPECT_FALSE(OpenChunk(key->key, place, changed)) << i;
  }
}

TEST(Envelope, CountsItsBytes) {
  const struct {
    uint64_t plain, chunks;
  } cases[] = {{0, 1}, {1, 1}, {65536, 1}, {65537, 2}, {uint64_t{5} << 30, 81920}};
  for (const auto& c : cases) {
    EXPECT_EQ(ChunkCount(c.plain), c.chunks);
    EXPECT_EQ(SealedBytes(c.plain), 512 + c.plain + 40 * c.chunks);
  }
}

}  // namespace
}  // namespace kedge::server
