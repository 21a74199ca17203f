// SPDX-License-Identifier: Apache-2.0
#include "server/objects/scrubber.h"

#include <filesystem>
#include <gtest/gtest.h>

namespace kedge::server {
namespace {

class ScrubberTest : public testing::Test {
 protected:
  void SetUp() override {
    store_ = blob::OpenFileBlobStore(disk_, folder_.path()).value();
    ASSERT_TRUE(store_->CreateBucket("bucket"));
    for (const char* key : {"a", "b", "c"})
      ASSERT_TRUE(blob::PutObject(*store_, {"bucket", key}, AsBytes("12345"), ""));
  }
  // Changes the content file that has these bytes first.
  void Damage(bool remove) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (entry.path().string().find("/content/") == std::string::npos || !entry.is_regular_file())
        continue;
      ASSERT_TRUE(remove ? disk_.Remove(entry.path())
                         : disk_.WriteAtomically(entry.path(), AsBytes("12340"), 0644));
      return;
    }
  }
  static bool Quickly(uint64_t) { return true; }

  PosixFileSystem disk_;
  TemporaryDirectory folder_ = TemporaryDirectory::Make().value();
  std::unique_ptr<blob::BlobStore> store_;
};

TEST_F(ScrubberTest, GoodObjectsAreCounted) {
  const auto report = Scrub(*store_, Quickly);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->complete);
  EXPECT_EQ(report->objects, 3u);
  EXPECT_EQ(report->bytes, 15u);
  EXPECT_EQ(report->damaged_objects, 0u);
}

TEST_F(ScrubberTest, ChangedAndLostContentIsNamed) {
  Damage(/*remove=*/false);
  EXPECT_EQ(Scrub(*store_, Quickly)->damaged.size(), 1u);
  Damage(/*remove=*/true);
  const auto report = Scrub(*store_, Quickly);
  EXPECT_GE(report->damaged_objects, 1u);
  EXPECT_TRUE(report->damaged.at(0).starts_with("s3://bucket/"));
  EXPECT_EQ(report->objects, 3u);
}

TEST_F(ScrubberTest, StopsWhenItIsTold) {
  int pieces = 0;
  const auto report = Scrub(*store_, [&](uint64_t) { return ++pieces < 2; });
  EXPECT_FALSE(report->complete);
  EXPECT_EQ(report->objects, 1u);
  const Scrubber scrubber(*store_, {});  // ends without waiting for its time
}

}  // namespace
}  // namespace kedge::server
