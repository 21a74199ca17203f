// SPDX-License-Identifier: Apache-2.0
#include "server/keys/sealed_blobs.h"

#include <gtest/gtest.h>

#include "base/crypto/crypto.h"
#include "server/keys/envelope.h"
#include "server/testing/test_server.h"

namespace kedge::server {
namespace {

class SealedBlobsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    keys_ = std::make_unique<KeyService>(server_->store(), server_->keyring(), server_->clock());
    sealed_ =
        MakeSealedBlobs(server_->blobs(), *keys_,
                        FleetEncryptionRule(server_->store(), server_->clock()), server_->folder());
    server_->Must("CreateKey", R"({"Alias":"alias/k"})");
    ASSERT_TRUE(sealed_->CreateBucket("bucket"));
  }
  void Put(const std::string& key, const std::string& text) {
    auto writer = sealed_->Create(
        {"bucket", key}, {.content_type = "text/plain", .metadata = {{kKeyAttribute, "alias/k"}}});
    ASSERT_TRUE(writer) << writer.error().message;
    // In pieces that do not fit the chunks.
    for (size_t at = 0; at < text.size(); at += 50'000) {
      ASSERT_TRUE((*writer)->Append(AsBytes(std::string_view(text).substr(at, 50'000))));
    }
    const auto info = (*writer)->Commit();
    ASSERT_TRUE(info) << info.error().message;
    EXPECT_EQ(info->bytes, text.size());
  }
  Result<std::string> Part(const std::string& key, uint64_t first, uint64_t bytes) {
    KEDGE_TRY(const auto opened, sealed_->OpenPart({"bucket", key}, [&](const blob::ObjectInfo&) {
      return Result<blob::BlobStore::Part>(blob::BlobStore::Part{first, bytes});
    }));
    KEDGE_TRY(const ByteBuffer all, ReadAll(opened.file.get(), 1 << 30));
    return std::string(AsText(all)).substr(first - opened.first, bytes);
  }

  std::unique_ptr<TestServer> server_;
  std::unique_ptr<KeyService> keys_;
  std::unique_ptr<blob::BlobStore> sealed_;
};

std::string Pattern(size_t bytes) {
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + (i * 31 + i / 997) % 26);
  return text;
}

TEST_F(SealedBlobsTest, LooksLikeThePlaintextAndIsNot) {
  for (const size_t bytes :
       {size_t{0}, size_t{1}, size_t{65'535}, size_t{65'536}, size_t{65'537}, size_t{300'000}}) {
    SCOPED_TRACE(bytes);
    const std::string text = Pattern(bytes);
    Put("object", text);
    const auto read = blob::GetObject(*sealed_, {"bucket", "object"}, 1 << 20);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(AsText(*read), text);
    crypto::Hasher md5(crypto::Hasher::Kind::kMd5);
    md5.Update(AsBytes(text));
    const auto info = sealed_->Head({"bucket", "object"});
    ASSERT_TRUE(info);
    EXPECT_EQ(info->bytes, bytes);
    EXPECT_EQ(info->etag, HexEncode(md5.Finish()));
    EXPECT_EQ(info->sha256, crypto::Sha256Hex(AsBytes(text)));
    const auto listing = sealed_->List("bucket", {});
    ASSERT_TRUE(listing);
    EXPECT_EQ(listing->objects.at(0).bytes, bytes);
    const auto stored = blob::GetObject(server_->blobs(), {"bucket", "object"}, 1 << 20);
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->size(), SealedBytes(bytes));
    if (bytes > 100) {
      EXPECT_EQ(std::string(AsText(*stored)).find(text.substr(50, 40)), std::string::npos);
    }
  }
}

TEST_F(SealedBlobsTest, GivesEveryRange) {
  const std::string text = Pattern(200'000);
  Put("object", text);
  const struct {
    uint64_t first, bytes;
  } ranges[] = {{0, 1},       {0, 200'000},     {65'535, 2}, {65'536, 65'536},
                {199'999, 1}, {131'072, 1'000}, {70'000, 0}, {1, 199'998}};
  for (const auto& range : ranges) {
    SCOPED_TRACE(std::to_string(range.first) + "+" + std::to_string(range.bytes));
    const auto part = Part("object", range.first, range.bytes);
    ASSERT_TRUE(part) << part.error().message;
    EXPECT_EQ(*part, text.substr(range.first, range.bytes));
  }
}

TEST_F(SealedBlobsTest, ADisabledKeyClosesReadingAndWriting) {
  Put("object", "secret");
  server_->Must("DisableKey", R"({"KeyId":"alias/k"})");
  EXPECT_EQ(blob::GetObject(*sealed_, {"bucket", "object"}, 100).error().code,
            Code::kPermissionDenied);
  EXPECT_EQ(
      sealed_->Create({"bucket", "new"}, {.metadata = {{kKeyAttribute, "alias/k"}}}).error().code,
      Code::kPermissionDenied);
  EXPECT_TRUE(sealed_->Head({"bucket", "object"}));
  server_->Must("EnableKey", R"({"KeyId":"alias/k"})");
  EXPECT_EQ(AsText(*blob::GetObject(*sealed_, {"bucket", "object"}, 100)), "secret");
}

TEST_F(SealedBlobsTest, AFleetsKeyEncryptsWhatIsBelowItsFolder) {
  server_->Must(
      "CreateDeviceFleet",
      R"({"DeviceFleetName":"lab","RoleArn":"arn:aws:iam::000000000000:role/x","OutputConfig":)"
      R"({"S3OutputLocation":"s3://bucket/captures","KmsKeyId":"alias/k"}})");
  for (const auto& [key, is_sealed] : {std::pair{"captures/a", true}, {"captures-b", false}}) {
    SCOPED_TRACE(key);
    ASSERT_TRUE(blob::PutObject(*sealed_, {"bucket", key}, AsBytes(std::string_view("x")), ""));
    EXPECT_EQ(server_->blobs().Head({"bucket", key})->bytes, is_sealed ? SealedBytes(1) : 1);
    EXPECT_EQ(AsText(*blob::GetObject(*sealed_, {"bucket", key}, 100)), "x");
  }
}

}  // namespace
}  // namespace kedge::server
