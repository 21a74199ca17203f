// What every BlobStore promises: run against a folder, and against the S3 server that the variable
// KEDGE_TEST_S3 names ("s3://bucket?endpoint=...", see blob/s3/s3_location.h), if it is set.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "blob/blob_store.h"
#include "blob/s3/s3_blob_store.h"

namespace kedge::blob {
namespace {

constexpr uint64_t kMiB = 1u << 20;

std::optional<std::string> Variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

class BlobStoreConformance : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    auto opened = Open();
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(opened).value();
    ASSERT_TRUE(store_->CreateBucket("bucket"));
  }
  Result<std::unique_ptr<BlobStore>> Open() {
    if (GetParam() == "file") return OpenFileBlobStore(disk_, folder_.path(), clock_);
    KEDGE_TRY(S3Location location, ReadS3Location(*Variable("KEDGE_TEST_S3"), Variable, disk_));
    location.prefix += prefix_;
    // Small parts, so that several of them are tested with little.
    return OpenS3BlobStore({.location = std::move(location),
                            .scratch = folder_.path(),
                            .sizes = {.single_bytes_max = 6 * kMiB, .part_bytes_min = 5 * kMiB}},
                           *transport_, clock_);
  }
  Result<ObjectInfo> Put(const std::string& key, std::string_view text) {
    return PutObject(*store_, {"bucket", key}, AsBytes(text), "text/plain");
  }
  std::string Get(const std::string& key) {
    const auto bytes = GetObject(*store_, {"bucket", key}, 64 * kMiB);
    return bytes ? std::string(AsText(*bytes)) : bytes.error().message;
  }
  static Path Parent() {
    return std::filesystem::is_directory("/dev/shm") ? Path("/dev/shm") : Path();
  }

  PosixFileSystem disk_;
  SystemClock clock_;
  TemporaryDirectory folder_ = TemporaryDirectory::Make(Parent()).value();
  const std::string prefix_ = HexEncode(crypto::RandomBytes(6)) + "/";
  std::unique_ptr<http::Transport> transport_ = http::MakeCurlTransport();
  std::unique_ptr<BlobStore> store_;
};

TEST_P(BlobStoreConformance, ObjectKeepsItsBytesTypeAndMetadata) {
  const auto before_s = clock_.NowMs() / 1000;
  auto writer = store_->Create(
      {"bucket", "a/b"}, {.content_type = "text/x", .metadata = {{"made-by", "a = test, 1"}}});
  ASSERT_TRUE(writer) << writer.error().message;
  ASSERT_TRUE((*writer)->Append(AsBytes("hel")));
  ASSERT_TRUE((*writer)->Append(AsBytes("lo")));
  (*writer)->SetMetadata("late", "known at the end");
  const auto put = (*writer)->Commit();
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(put->etag, "5d41402abc4b2a76b9719d911017c592");
  EXPECT_EQ(put->sha256, crypto::Sha256Hex(AsBytes("hello")));

  store_.reset();
  store_ = Open().value();
  EXPECT_EQ(Get("a/b"), "hello");
  const auto head = store_->Head({"bucket", "a/b"});
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->key, "a/b");
  EXPECT_EQ(head->bytes, 5u);
  EXPECT_EQ(head->etag, put->etag);
  EXPECT_EQ(head->sha256, put->sha256);
  EXPECT_EQ(head->modified, put->modified);
  EXPECT_GE(head->modified / 1000, before_s);
  EXPECT_EQ(head->attributes.content_type, "text/x");
  EXPECT_EQ(head->attributes.metadata,
            (std::map<std::string, std::string>{{"late", "known at the end"},
                                                {"made-by", "a = test, 1"}}));
}

TEST_P(BlobStoreConformance, HostileKeysAreKeysLikeOthers) {
  const std::string keys[] = {
      "../../etc/passwd", "a//b",  "a/./b", std::string(900, 'x'), "..", ".", "a+b c", "CON\t\x7f",
      "\u1234/\"\\",      "a%2Fb", "?x=1&y"};
  for (const std::string& key : keys) {
    const auto put = Put(key, "content of " + key);
    ASSERT_TRUE(put) << put.error().message;
  }
  for (const std::string& key : keys) EXPECT_EQ(Get(key), "content of " + key);
  const auto listing = store_->List("bucket", {});
  ASSERT_TRUE(listing) << listing.error().message;
  std::set<std::string> listed;
  for (const ObjectInfo& info : listing->objects) listed.insert(info.key);
  EXPECT_EQ(listed, std::set<std::string>(std::begin(keys), std::end(keys)));
}

TEST_P(BlobStoreConformance, ReaderKeepsItsVersionWhenTheObjectIsReplacedOrDeleted) {
  ASSERT_TRUE(Put("k", "old"));
  const auto opened = store_->Open({"bucket", "k"});
  ASSERT_TRUE(opened);
  ASSERT_TRUE(Put("k", "newer"));
  EXPECT_EQ(Get("k"), "newer");
  ASSERT_TRUE(store_->Delete({"bucket", "k"}));
  ByteBuffer bytes(10);
  ASSERT_EQ(pread(opened->file.get(), bytes.data(), bytes.size(), 0), 3);
  EXPECT_EQ(AsText(Bytes(bytes).first(3)), "old");
  EXPECT_EQ(opened->info.bytes, 3u);
  EXPECT_EQ(store_->Head({"bucket", "k"}).error().code, Code::kNotFound);
}

TEST_P(BlobStoreConformance, PartOfAnObjectIsOpened) {
  ASSERT_TRUE(Put("k", "0123456789"));
  const auto opened =
      store_->OpenPart({"bucket", "k"}, [](const ObjectInfo& info) -> Result<BlobStore::Part> {
        EXPECT_EQ(info.bytes, 10u);
        return BlobStore::Part{4, 3};
      });
  ASSERT_TRUE(opened) << opened.error().message;
  char text[4] = {};
  ASSERT_EQ(pread(opened->file.get(), text, 3, static_cast<off_t>(4 - opened->first)), 3);
  EXPECT_STREQ(text, "456");
  const auto refused = store_->OpenPart({"bucket", "k"}, [](const ObjectInfo&) {
    return Result<BlobStore::Part>(OutOfRange("not that"));
  });
  EXPECT_EQ(refused.error(), OutOfRange("not that"));
}

TEST_P(BlobStoreConformance, WriterThatIsNotCommittedLeavesNothing) {
  {
    auto writer = store_->Create({"bucket", "k"}, {});
    ASSERT_TRUE(writer);
    ASSERT_TRUE((*writer)->Append(AsBytes("half")));
  }
  EXPECT_EQ(store_->Head({"bucket", "k"}).error().code, Code::kNotFound);
  EXPECT_TRUE(store_->List("bucket", {})->objects.empty());
}

TEST_P(BlobStoreConformance, EmptyAndLongObjects) {
  ASSERT_TRUE(Put("empty", ""));
  EXPECT_EQ(Get("empty"), "");
  std::string text(17 * kMiB + 1, '\0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 2654435761u >> 24);
  const auto put = Put("long", text);
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(put->sha256, crypto::Sha256Hex(AsBytes(text)));
  EXPECT_TRUE(Get("long") == text);
  EXPECT_EQ(store_->Head({"bucket", "long"})->attributes.content_type, "text/plain");
}

TEST_P(BlobStoreConformance, OnlyTheFirstOfTwoIsPutIfAbsent) {
  const auto put = [&](const std::string& text) {
    auto writer = store_->Create({"bucket", "k"}, {});
    EXPECT_TRUE(writer && (*writer)->Append(AsBytes(text)));
    (*writer)->OnlyIfAbsent();
    return (*writer)->Commit();
  };
  const auto first = put("first");
  if (!first && first.error().code == Code::kUnimplemented)
    GTEST_SKIP() << "skipped: this S3 server has no If-None-Match on PUT";
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(put("second").error().code, Code::kAlreadyExists);
  EXPECT_EQ(Get("k"), "first");
}

TEST_P(BlobStoreConformance, IsPutOnlyOverTheEtagThatWasSeen) {
  const auto put = [&](const std::string& text, const std::string& etag) {
    auto writer = store_->Create({"bucket", "k"}, {});
    EXPECT_TRUE(writer && (*writer)->Append(AsBytes(text)));
    (*writer)->OnlyIfEtag(etag);
    return (*writer)->Commit();
  };
  ASSERT_TRUE(Put("k", "first"));
  const std::string seen = store_->Head({"bucket", "k"})->etag;
  const auto second = put("second", seen);
  if (GetParam() == "s3" && !second && second.error().code == Code::kUnimplemented)
    GTEST_SKIP() << "skipped: this S3 server has no If-Match on PUT";
  ASSERT_TRUE(second) << second.error().message;
  const auto third = put("third", seen);
  EXPECT_EQ(third.error().code, Code::kAborted);
  EXPECT_EQ(Get("k"), "second");
  ASSERT_TRUE(store_->Delete({"bucket", "k"}));
  EXPECT_EQ(put("fourth", second->etag).error().code, Code::kAborted);
}

TEST_P(BlobStoreConformance, EachErrorHasItsCode) {
  const ObjectName nowhere = {"no-bucket", "k"};
  EXPECT_EQ(store_->Create(nowhere, {}).error().code, Code::kNotFound);
  EXPECT_EQ(store_->Head(nowhere).error().code, Code::kNotFound);
  EXPECT_EQ(store_->Open(nowhere).error().code, Code::kNotFound);
  EXPECT_EQ(store_->Delete(nowhere).error().code, Code::kNotFound);
  EXPECT_EQ(store_->List("no-bucket", {}).error().code, Code::kNotFound);
  EXPECT_EQ(store_->DeleteBucket("no-bucket").error().code, Code::kNotFound);
  EXPECT_EQ(store_->CreateBucket("No").error().code, Code::kInvalidArgument);
  EXPECT_EQ(store_->Create({"bucket", ""}, {}).error().code, Code::kInvalidArgument);
  const ObjectAttributes refused[] = {
      {.content_type = "a\nb"},        {.content_type = std::string(257, 'a')},
      {.metadata = {{"Upper", "x"}}},  {.metadata = {{"", "x"}}},
      {.metadata = {{"a", "b\r\nc"}}}, {.metadata = {{"a", std::string(2049, 'b')}}}};
  for (const ObjectAttributes& attributes : refused)
    EXPECT_EQ(store_->Create({"bucket", "k"}, attributes).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(store_->Delete({"bucket", "absent"}));
  ASSERT_TRUE(Put("k", "12345"));
  EXPECT_EQ(store_->DeleteBucket("bucket").error().code, Code::kFailedPrecondition);
  EXPECT_EQ(GetObject(*store_, {"bucket", "k"}, 4).error().code, Code::kResourceExhausted);
  auto writer = store_->Create({"bucket", "late"}, {});
  ASSERT_TRUE(writer);
  ASSERT_TRUE(store_->Delete({"bucket", "k"}));
  ASSERT_TRUE(store_->DeleteBucket("bucket"));
  EXPECT_EQ((*writer)->Commit().error().code, Code::kNotFound);
  EXPECT_EQ(store_->Head({"bucket", "k"}).error().code, Code::kNotFound);
  EXPECT_TRUE(store_->ListBuckets()->empty());
}

std::string KeysOf(const BlobStore::Listing& listing) {
  std::string keys;
  for (const ObjectInfo& info : listing.objects) keys += info.key + " ";
  for (const std::string& prefix : listing.common_prefixes) keys += prefix + "* ";
  return keys;
}

TEST_P(BlobStoreConformance, ListingWalksKeysInOrder) {
  for (const char* key : {"b/2", "a", "b/1", "b", "b/3/x", "c", "b0"}) ASSERT_TRUE(Put(key, key));
  struct Case {
    const char* name;
    BlobStore::ListOptions options;
    std::string want;
    bool truncated;
  };
  const Case cases[] = {
      {"all", {}, "a b b/1 b/2 b/3/x b0 c ", false},
      {"prefix", {.prefix = "b/"}, "b/1 b/2 b/3/x ", false},
      {"prefix and start", {.prefix = "b/", .start_after = "b/1"}, "b/2 b/3/x ", false},
      {"start before prefix", {.prefix = "b/", .start_after = "a"}, "b/1 b/2 b/3/x ", false},
      {"start after prefix", {.prefix = "b/", .start_after = "c"}, "", false},
      {"start at absent key", {.start_after = "b/2x"}, "b/3/x b0 c ", false},
      {"maximum", {.max_keys = 2}, "a b ", true},
      {"exact maximum", {.max_keys = 7}, "a b b/1 b/2 b/3/x b0 c ", false},
      {"nothing is asked for", {.max_keys = 0}, "", false},
      {"no such prefix", {.prefix = "zz"}, "", false},
      {"delimiter", {.delimiter = "/"}, "a b b0 c b/* ", false},
      {"prefix and delimiter", {.prefix = "b/", .delimiter = "/"}, "b/1 b/2 b/3/* ", false},
      {"after a common prefix", {.delimiter = "/", .start_after = "b/\xff"}, "b0 c ", false},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto listing = store_->List("bucket", c.options);
    ASSERT_TRUE(listing) << listing.error().message;
    EXPECT_EQ(KeysOf(*listing), c.want);
    EXPECT_EQ(listing->truncated, c.truncated);
  }
  EXPECT_EQ(store_->List("bucket", {.prefix = "b0"})->objects.at(0).bytes, 2u);
}

TEST_P(BlobStoreConformance, PagesWithDelimiterGiveEachEntryOnce) {
  for (const char* key : {"a/1", "a/2", "b", "c/1", "c/2", "c/3", "d"}) ASSERT_TRUE(Put(key, key));
  BlobStore::ListOptions options{.delimiter = "/", .max_keys = 1};
  std::string seen;
  for (int page = 0; page < 10; ++page) {
    const auto listing = store_->List("bucket", options);
    ASSERT_TRUE(listing) << listing.error().message;
    seen += KeysOf(*listing);
    if (!listing->truncated) break;
    options.start_after = listing->next_start_after;
  }
  EXPECT_EQ(seen, "a/* b c/* d ");
}

TEST_P(BlobStoreConformance, BucketsComeAndGo) {
  ASSERT_TRUE(store_->CreateBucket("another"));
  ASSERT_TRUE(store_->CreateBucket("another"));
  const auto buckets = store_->ListBuckets();
  ASSERT_TRUE(buckets) << buckets.error().message;
  ASSERT_EQ(buckets->size(), 2u);
  EXPECT_EQ(buckets->front().name, "another");
  EXPECT_GT(buckets->front().created, 0);
  ASSERT_TRUE(store_->DeleteBucket("another"));
  EXPECT_EQ(store_->ListBuckets()->size(), 1u);
}

TEST_P(BlobStoreConformance, ThreadsReadAndWriteWholeVersions) {
  ASSERT_TRUE(Put("k", "start"));
  std::atomic<int> writers_left{3};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 3; ++writer) {
    threads.emplace_back([&, writer] {
      for (int i = 0; i < 8; ++i) {
        const auto put = Put("k", std::string(1000 + 100 * writer, static_cast<char>('a' + i)));
        EXPECT_TRUE(put) << put.error().message;
      }
      --writers_left;
    });
  }
  threads.emplace_back([&] {
    while (writers_left > 0) {
      const auto bytes = GetObject(*store_, {"bucket", "k"}, 10'000);  // checks the digest
      EXPECT_TRUE(bytes || bytes.error().code == Code::kAborted) << bytes.error().message;
    }
  });
  for (std::thread& thread : threads) thread.join();
}

std::vector<std::string> Stores() {
  std::vector<std::string> stores = {"file"};
  if (Variable("KEDGE_TEST_S3").has_value()) stores.push_back("s3");
  return stores;
}
INSTANTIATE_TEST_SUITE_P(Store, BlobStoreConformance, testing::ValuesIn(Stores()),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace kedge::blob
