// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/testing/fake_clock.h"
#include "base/testing/faulty_file_system.h"
#include "blob/blob_store.h"
#include "blob/file/object_record.h"

namespace kedge::blob {
namespace {

// Does something once, the next time it is asked for the time.
class InterruptingClock final : public Clock {
 public:
  EpochMs NowMs() const override {
    if (interruption) std::exchange(interruption, nullptr)();
    return clock_.NowMs();
  }
  std::chrono::steady_clock::time_point Steady() const override { return clock_.Steady(); }
  mutable std::function<void()> interruption;

 private:
  FakeClock clock_;
};

class FileBlobStoreTest : public testing::Test {
 protected:
  std::unique_ptr<BlobStore> OpenStore(FileSystem& disk) {
    auto store = OpenFileBlobStore(disk, folder_.path(), clock_);
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(store).value() : nullptr;
  }
  static std::string Get(BlobStore& store, const std::string& key) {
    const auto bytes = GetObject(store, {"bucket", key}, 1u << 30);
    return bytes ? std::string(AsText(*bytes)) : bytes.error().message;
  }
  static Result<ObjectInfo> Put(BlobStore& store, const std::string& key, std::string_view text) {
    return PutObject(store, {"bucket", key}, AsBytes(text), "text/plain");
  }
  // Files below the folder whose path has this part.
  std::vector<Path> FilesBelow(const std::string& part) const {
    std::vector<Path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (entry.is_regular_file() && entry.path().string().find(part) != std::string::npos)
        files.push_back(entry.path());
    }
    return files;
  }

  // In memory where there is such a folder: syncs cost nothing there.
  static Path Parent() {
    return std::filesystem::is_directory("/dev/shm") ? Path("/dev/shm") : Path();
  }

  TemporaryDirectory folder_ = TemporaryDirectory::Make(Parent()).value();
  PosixFileSystem disk_;
  FakeClock clock_;
};

TEST_F(FileBlobStoreTest, ObjectIsThereAfterReopening) {
  ObjectInfo put;
  {
    const auto store = OpenStore(disk_);
    ASSERT_TRUE(store->CreateBucket("bucket"));
    ASSERT_TRUE(store->CreateBucket("bucket"));
    auto info = Put(*store, "a/b", "hello");
    ASSERT_TRUE(info) << info.error().message;
    put = *info;
  }
  EXPECT_EQ(put.etag, "5d41402abc4b2a76b9719d911017c592");
  EXPECT_EQ(put.sha256, crypto::Sha256Hex(AsBytes("hello")));
  EXPECT_EQ(put.bytes, 5u);
  EXPECT_EQ(put.modified, clock_.NowMs());
  const auto store = OpenStore(disk_);
  EXPECT_EQ(Get(*store, "a/b"), "hello");
  const auto head = store->Head({"bucket", "a/b"});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->etag, put.etag);
  EXPECT_EQ(head->attributes.content_type, "text/plain");
  const auto buckets = store->ListBuckets();
  ASSERT_EQ(buckets->size(), 1u);
  EXPECT_EQ(buckets->front().name, "bucket");
  EXPECT_EQ(buckets->front().created, clock_.NowMs());
}

TEST_F(FileBlobStoreTest, HostileKeysStayInsideTheFolder) {
  const auto store = OpenStore(disk_);
  ASSERT_TRUE(store->CreateBucket("bucket"));
  const std::string keys[] = {"../../etc/passwd",     "/",  "a//b", "a/./b",
                              std::string(1024, 'x'), "..", ".",    "CON\n\t\x7f",
                              "\u1234/\"\\"};
  for (const std::string& key : keys) ASSERT_TRUE(Put(*store, key, "content of " + key));
  const auto again = OpenStore(disk_);
  for (const std::string& key : keys) EXPECT_EQ(Get(*again, key), "content of " + key);
  EXPECT_EQ(FilesBelow("/buckets/bucket/content/").size(), std::size(keys));
}

TEST_F(FileBlobStoreTest, ReaderKeepsItsVersionWhenTheObjectIsReplacedOrDeleted) {
  const auto store = OpenStore(disk_);
  ASSERT_TRUE(store->CreateBucket("bucket"));
  ASSERT_TRUE(Put(*store, "k", "old"));
  const auto opened = store->Open({"bucket", "k"});
  ASSERT_TRUE(opened);
  ASSERT_TRUE(Put(*store, "k", "newer"));
  EXPECT_EQ(Get(*store, "k"), "newer");
  ASSERT_TRUE(store->Delete({"bucket", "k"}));
  EXPECT_EQ(AsText(*ReadAll(opened->file.get(), 100)), "old");
  EXPECT_EQ(opened->info.bytes, 3u);
  EXPECT_TRUE(FilesBelow("/content/").empty());
}

TEST_F(FileBlobStoreTest, WriterThatIsNotCommittedLeavesNothing) {
  const auto store = OpenStore(disk_);
  ASSERT_TRUE(store->CreateBucket("bucket"));
  {
    auto writer = store->Create({"bucket", "k"}, {});
    ASSERT_TRUE(writer);
    ASSERT_TRUE((*writer)->Append(AsBytes("half")));
  }
  EXPECT_EQ(store->Head({"bucket", "k"}).error().code, Code::kNotFound);
  EXPECT_TRUE(FilesBelow("/content/").empty());
}

TEST_F(FileBlobStoreTest, DamagedContentIsDataLoss) {
  const auto store = OpenStore(disk_);
  ASSERT_TRUE(store->CreateBucket("bucket"));
  ASSERT_TRUE(Put(*store, "changed", "12345"));
  const Path file = FilesBelow("/content/").front();
  ASSERT_TRUE(disk_.WriteAtomically(file, AsBytes("12346"), 0644));
  EXPECT_EQ(GetObject(*store, {"bucket", "changed"}, 100).error().code, Code::kDataLoss);
  ASSERT_TRUE(disk_.Remove(file));
  EXPECT_EQ(store->Open({"bucket", "changed"}).error().code, Code::kDataLoss);
}

TEST_F(FileBlobStoreTest, WhatACrashLeftIsRemovedAtStart) {
  {
    const auto store = OpenStore(disk_);
    ASSERT_TRUE(store->CreateBucket("bucket"));
    ASSERT_TRUE(Put(*store, "k", "content"));
  }
  const Path bucket = folder_.path() / "buckets" / "bucket";
  ASSERT_TRUE(disk_.MakeDirectories(bucket / "content" / "00", 0755));
  ASSERT_TRUE(
      disk_.WriteAtomically(bucket / "content" / "00" / std::string(32, '0'), AsBytes("x"), 0644));
  ASSERT_TRUE(disk_.WriteAtomically(bucket / "content" / "00" / ".half.tmp", AsBytes("x"), 0644));
  const Path record_folder = FilesBelow("/records/").front().parent_path();
  ASSERT_TRUE(disk_.WriteAtomically(record_folder / ".half.tmp", AsBytes("x"), 0644));
  ASSERT_TRUE(disk_.MakeDirectories(folder_.path() / "buckets" / "half-made" / "records", 0755));
  const auto store = OpenStore(disk_);
  EXPECT_EQ(Get(*store, "k"), "content");
  EXPECT_EQ(FilesBelow("/content/").size(), 1u);
  EXPECT_EQ(FilesBelow("/records/").size(), 1u);
  EXPECT_EQ(store->ListBuckets()->size(), 1u);
}

TEST_F(FileBlobStoreTest, UnreadableRecordStopsTheRemovalOfOrphans) {
  {
    const auto store = OpenStore(disk_);
    ASSERT_TRUE(store->CreateBucket("bucket"));
    ASSERT_TRUE(Put(*store, "broken", "precious"));
    ASSERT_TRUE(Put(*store, "good", "content"));
  }
  for (const Path& path : FilesBelow("/records/")) {
    const ByteBuffer text = disk_.Read(path, 10'000).value();
    if (AsText(text).find("broken") != std::string_view::npos) {
      ASSERT_TRUE(disk_.WriteAtomically(path, AsBytes("{"), 0644));
    }
  }
  const auto store = OpenStore(disk_);
  EXPECT_EQ(Get(*store, "good"), "content");
  EXPECT_EQ(store->Head({"bucket", "broken"}).error().code, Code::kDataLoss);
  EXPECT_EQ(FilesBelow("/content/").size(), 2u);
}

TEST_F(FileBlobStoreTest, RecordsThatAreNoneAreDataLoss) {
  ObjectRecord record;
  record.info = {.key = "k",
                 .bytes = 3,
                 .modified = 5,
                 .etag = "e",
                 .sha256 = std::string(64, 'a'),
                 .attributes = {.content_type = "t"}};
  record.content = std::string(32, 'b');
  const std::string good = WriteRecord(record);
  ASSERT_TRUE(ReadRecord(good));
  struct Case {
    const char* from;
    const char* to;
  };
  const Case cases[] = {
      {"{", "["},
      {"\"version\":1", "\"version\":2"},
      {"\"key\":\"k\"", "\"key\":\"\""},
      {"\"bytes\":3", "\"bytes\":-3"},
      {"\"bytes\":3", "\"bytes\":\"3\""},
      {"\"content\":\"bb", "\"content\":\"../"},
      {"\"content\":\"bb", "\"content\":\""},
      {"\"sha256\":\"a", "\"sha256\":\"A"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.from) + " -> " + c.to);
    std::string text = good;
    text.replace(text.find(c.from), std::string(c.from).size(), c.to);
    EXPECT_EQ(ReadRecord(text).error().code, Code::kDataLoss);
  }
}

// What a client knows after its calls: for each key the contents that may be there. A call that
// succeeded leaves one possibility; one that failed leaves the old and the new.
class Expectations {
 public:
  void Done(const std::string& key, const std::string& content) { possible_[key] = {content}; }
  void Tried(const std::string& key, const std::string& content) {
    possible_[key].push_back(content);
  }
  const std::map<std::string, std::vector<std::string>>& all() const { return possible_; }

 private:
  std::map<std::string, std::vector<std::string>> possible_;
};

constexpr char kAbsent[] = "(absent)";

void RunScenario(BlobStore& store, Expectations& expected) {
  const auto put = [&](const std::string& key, const std::string& content) {
    const bool done = PutObject(store, {"bucket", key}, AsBytes(content), "").has_value();
    done ? expected.Done(key, content) : expected.Tried(key, content);
  };
  const auto remove = [&](const std::string& key) {
    const bool done = store.Delete({"bucket", key}).has_value();
    done ? expected.Done(key, kAbsent) : expected.Tried(key, kAbsent);
  };
  put("a", "first");
  put("b", "other");
  put("a", "second version");
  remove("b");
  put("b", "again");
  put("a", "third");
  remove("a");
}

TEST_F(FileBlobStoreTest, NoFaultOfTheDiskLosesWhatWasAcknowledged) {
  int64_t n = 0;
  for (bool fault_seen = true; fault_seen; ++n) {
    for (const bool sticky : {false, true}) {
      SCOPED_TRACE("call " + std::to_string(n) + (sticky ? " and all after it" : ""));
      std::filesystem::remove_all(folder_.path() / "buckets");
      ASSERT_TRUE(OpenStore(disk_)->CreateBucket("bucket"));
      Expectations expected;
      expected.Done("a", kAbsent);
      expected.Done("b", kAbsent);
      FaultyFileSystem faulty({.call = n, .sticky = sticky});
      {
        const auto opened = OpenFileBlobStore(faulty, folder_.path(), clock_);
        if (opened) RunScenario(**opened, expected);
      }
      fault_seen = faulty.calls() > n;

      const auto store = OpenStore(disk_);
      size_t present = 0;
      for (const auto& [key, possible] : expected.all()) {
        const auto bytes = GetObject(*store, {"bucket", key}, 1000);
        if (bytes) ++present;
        const std::string content = bytes ? std::string(AsText(*bytes)) : kAbsent;
        if (!bytes) {
          EXPECT_EQ(bytes.error().code, Code::kNotFound) << bytes.error().message;
        }
        EXPECT_NE(std::find(possible.begin(), possible.end(), content), possible.end())
            << key << " has " << content;
      }
      EXPECT_EQ(FilesBelow("/content/").size(), present);
      EXPECT_EQ(FilesBelow("/records/").size(), present);
    }
  }
  EXPECT_GT(n, 30);
}

TEST_F(FileBlobStoreTest, FailedAppendCannotBeCommitted) {
  const auto plain = OpenStore(disk_);
  ASSERT_TRUE(plain->CreateBucket("bucket"));
  FaultyFileSystem faulty;
  const auto store = OpenStore(faulty);
  auto writer = store->Create({"bucket", "k"}, {});
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->Append(AsBytes("abc")));
  faulty.FailFrom(faulty.calls());
  EXPECT_EQ((*writer)->Append(AsBytes("def")).error().code, Code::kResourceExhausted);
  faulty.Heal();
  EXPECT_EQ((*writer)->Commit().error().code, Code::kFailedPrecondition);
}

TEST_F(FileBlobStoreTest, ConcurrentWritersAndReadersSeeWholeVersions) {
  const auto store = OpenStore(disk_);
  ASSERT_TRUE(store->CreateBucket("bucket"));
  ASSERT_TRUE(Put(*store, "k", "start"));
  std::atomic<int> writers_left{3};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < 3; ++writer) {
    threads.emplace_back([&, writer] {
      for (int i = 0; i < 25; ++i) {
        const std::string content(1000 + 100 * writer, static_cast<char>('a' + i));
        EXPECT_TRUE(Put(*store, "k", content));
      }
      --writers_left;
    });
  }
  threads.emplace_back([&] {
    while (writers_left > 0) {
      const auto bytes = GetObject(*store, {"bucket", "k"}, 10'000);  // checks the digest
      EXPECT_TRUE(bytes) << bytes.error().message;
    }
  });
  for (std::thread& thread : threads) thread.join();
  const std::string last = Get(*store, "k");
  const auto again = OpenStore(disk_);
  EXPECT_EQ(Get(*again, "k"), last);
  EXPECT_EQ(FilesBelow("/content/").size(), 1u);
}

TEST_F(FileBlobStoreTest, TenThousandObjectsAreListedPageByPage) {
  // Records written by hand, without a sync each: what is tested is the reading.
  ASSERT_TRUE(OpenStore(disk_)->CreateBucket("bucket"));
  const Path bucket = folder_.path() / "buckets" / "bucket";
  constexpr int kObjects = 10'000;
  for (int i = 0; i < kObjects; ++i) {
    ObjectRecord record;
    record.info = {
        .key = "k" + std::to_string(i), .bytes = 0, .etag = "e", .sha256 = std::string(64, '0')};
    record.content = HexEncode(crypto::RandomBytes(16));
    const std::string hash = crypto::Sha256Hex(AsBytes(record.info.key));
    std::filesystem::create_directories(bucket / "records" / hash.substr(0, 2));
    const auto file =
        OpenFile(bucket / "records" / hash.substr(0, 2) / (hash + ".json"), O_WRONLY | O_CREAT);
    ASSERT_TRUE(file);
    ASSERT_TRUE(WriteAll(file->get(), AsBytes(WriteRecord(record))));
  }
  const auto store = OpenStore(disk_);
  BlobStore::ListOptions options;
  int seen = 0;
  for (;;) {
    const auto page = store->List("bucket", options);
    ASSERT_TRUE(page);
    for (const ObjectInfo& info : page->objects) {
      EXPECT_GT(info.key, options.start_after);
      options.start_after = info.key;
      ++seen;
    }
    if (!page->truncated) break;
  }
  EXPECT_EQ(seen, kObjects);
}

// Two stores on one folder stand to each other as two processes do: the locks belong to
// descriptors.
TEST_F(FileBlobStoreTest, TwoStoresOfOneFolderSeeEachOther) {
  const auto one = OpenStore(disk_);
  const auto two = OpenStore(disk_);
  ASSERT_TRUE(one->CreateBucket("bucket"));
  ASSERT_TRUE(two->List("bucket", {})->objects.empty());
  ASSERT_TRUE(Put(*one, "a", "from one"));
  EXPECT_EQ(Get(*two, "a"), "from one");
  EXPECT_EQ(two->List("bucket", {})->objects.size(), 1u);
  ASSERT_TRUE(Put(*two, "a", "from two"));
  ASSERT_TRUE(Put(*two, "b", "also"));
  EXPECT_EQ(Get(*one, "a"), "from two");
  EXPECT_EQ(one->List("bucket", {})->objects.at(0).bytes, 8u);
  EXPECT_EQ(one->DeleteBucket("bucket").error().code, Code::kFailedPrecondition);
  ASSERT_TRUE(one->Delete({"bucket", "a"}));
  ASSERT_TRUE(one->Delete({"bucket", "b"}));
  EXPECT_TRUE(two->List("bucket", {})->objects.empty());
  const auto writer = two->Create({"bucket", "late"}, {});
  ASSERT_TRUE(writer);
  ASSERT_TRUE(one->DeleteBucket("bucket"));
  EXPECT_EQ((*writer)->Commit().error().code, Code::kNotFound);
  EXPECT_TRUE(two->ListBuckets()->empty());
}

TEST_F(FileBlobStoreTest, WhoIsNotAloneRemovesNothingOfOthers) {
  const auto one = OpenStore(disk_);
  ASSERT_TRUE(one->CreateBucket("bucket"));
  const auto writer = one->Create({"bucket", "k"}, {});
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->Append(AsBytes("text")));
  const auto two = OpenStore(disk_);
  ASSERT_TRUE((*writer)->Commit());
  EXPECT_EQ(Get(*two, "k"), "text");
}

// Puts, replaces and deletes the same keys as another process does.
int WorkOn(BlobStore& store, int seed) {
  for (int i = 0; i < 150; ++i) {
    const ObjectName name{"bucket", "k" + std::to_string((i * 7 + seed) % 5)};
    const std::string content(1000 + i, static_cast<char>('a' + seed));
    if (!PutObject(store, name, AsBytes(content), "")) return 1;
    const auto bytes = GetObject(store, name, 10'000);  // checks the digest
    if (!bytes && bytes.error().code != Code::kNotFound) return 2;
    if (i % 10 == 9 && !store.Delete(name)) return 3;
    if (!store.List("bucket", {})) return 4;
  }
  return 0;
}

TEST_F(FileBlobStoreTest, TwoProcessesShareAFolder) {
  ASSERT_TRUE(OpenStore(disk_)->CreateBucket("bucket"));
  const pid_t child = fork();
  if (child == 0) {
    const auto store = OpenFileBlobStore(disk_, folder_.path(), clock_);
    _exit(store ? WorkOn(**store, 1) : 9);
  }
  ASSERT_GT(child, 0);
  EXPECT_EQ(WorkOn(*OpenStore(disk_), 0), 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  const size_t contents_before = FilesBelow("/content/").size();
  const auto store = OpenStore(disk_);
  const auto listing = store->List("bucket", {});
  for (const ObjectInfo& info : listing->objects)
    EXPECT_EQ(Get(*store, info.key).size(), info.bytes);
  EXPECT_EQ(contents_before, listing->objects.size()) << "orphans were left";
}

TEST_F(FileBlobStoreTest, ProcessThatDiesHoldsUpNobody) {
  ASSERT_TRUE(OpenStore(disk_)->CreateBucket("bucket"));
  const pid_t child = fork();
  if (child == 0) {
    const auto store = OpenFileBlobStore(disk_, folder_.path(), clock_);
    for (int i = 0;; ++i) {
      if (!PutObject(**store, {"bucket", "k"}, AsBytes(std::string(100, 'x')), "")) _exit(1);
    }
  }
  ASSERT_GT(child, 0);
  const auto store = OpenStore(disk_);
  while (!store->Head({"bucket", "k"})) {
  }
  ASSERT_EQ(kill(child, SIGKILL), 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  ASSERT_TRUE(Put(*store, "k", "mine"));
  EXPECT_EQ(Get(*store, "k"), "mine");
}

// A writer asks for the time between its content and its record.
TEST(FileBlobStore, RefusesAnObjectWhoseBucketWasReplacedMeanwhile) {
  auto folder = TemporaryDirectory::Make();
  ASSERT_TRUE(folder);
  PosixFileSystem disk;
  InterruptingClock clock;
  auto store = OpenFileBlobStore(disk, folder->path(), clock);
  ASSERT_TRUE(store);
  ASSERT_TRUE((*store)->CreateBucket("bucket"));
  const auto writer = (*store)->Create({"bucket", "key"}, {.content_type = "text/plain"});
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->Append(AsBytes("text")));
  clock.interruption = [&] {
    EXPECT_TRUE((*store)->DeleteBucket("bucket"));
    EXPECT_TRUE((*store)->CreateBucket("bucket"));
  };
  const auto committed = (*writer)->Commit();
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error(), NotFound("bucket 'bucket' does not exist"));
  EXPECT_FALSE((*store)->Head({"bucket", "key"}));
}

}  // namespace
}  // namespace kedge::blob
