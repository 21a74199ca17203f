// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/object_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace kedge::compiler {
namespace {

class ObjectCacheTest : public testing::Test {
 protected:
  ObjectCacheTest() : folder_(*TemporaryDirectory::Make()), cache_(folder_.path() / "c", 1 << 20) {}

  Path Put(const std::string& name, const std::string& text) {
    const Path path = folder_.path() / name;
    EXPECT_TRUE(disk_.WriteAtomically(path, AsBytes(text), 0644));
    return path;
  }
  std::string Get(const ObjectCache& cache, const std::string& key) {
    const Path to = folder_.path() / "got.o";
    if (!cache.Fetch(key, to)) return "nothing";
    return std::string(AsText(*disk_.Read(to, 1 << 20)));
  }

  PosixFileSystem disk_;
  TemporaryDirectory folder_;
  ObjectCache cache_;
};

TEST_F(ObjectCacheTest, GivesBackWhatWasStored) {
  EXPECT_EQ(Get(cache_, "ab12"), "nothing");
  cache_.Store("ab12", Put("a.o", "machine code"));
  EXPECT_EQ(Get(cache_, "ab12"), "machine code");
  EXPECT_EQ(Get(cache_, "ab13"), "nothing");
}

TEST_F(ObjectCacheTest, ADamagedFileIsAMiss) {
  cache_.Store("ab12", Put("a.o", "machine code"));
  const Path stored = folder_.path() / "c" / "ab" / "ab12.o";
  ByteBuffer bytes = *disk_.Read(stored, 1 << 20);
  for (size_t kept : {size_t{0}, size_t{20}, bytes.size() - 1}) {
    SCOPED_TRACE(kept);
    ASSERT_TRUE(disk_.WriteAtomically(stored, Bytes(bytes).first(kept), 0644));
    EXPECT_EQ(Get(cache_, "ab12"), "nothing");
  }
  bytes.back() ^= 1;
  ASSERT_TRUE(disk_.WriteAtomically(stored, bytes, 0644));
  EXPECT_EQ(Get(cache_, "ab12"), "nothing");
}

TEST_F(ObjectCacheTest, TrimRemovesTheLeastRecentlyUsed) {
  const ObjectCache small(folder_.path() / "s", 2 * (32 + 1000));
  const Path object = Put("a.o", std::string(1000, 'x'));
  for (const char* key : {"aa", "bb", "cc"}) small.Store(key, object);
  const auto now = std::filesystem::file_time_type::clock::now();
  for (const auto& [key, age] : {std::pair("aa", 1), {"bb", 3}, {"cc", 2}}) {
    std::filesystem::last_write_time(folder_.path() / "s" / key / (std::string(key) + ".o"),
                                     now - std::chrono::hours(age));
  }
  small.Trim();
  EXPECT_NE(Get(small, "aa"), "nothing");
  EXPECT_EQ(Get(small, "bb"), "nothing");
  EXPECT_NE(Get(small, "cc"), "nothing");
}

TEST_F(ObjectCacheTest, WithoutADirectoryOrAWritableOneNothingHits) {
  const Path object = Put("a.o", "machine code");
  const ObjectCache none("", 1 << 20), blocked(object, 1 << 20);
  for (const ObjectCache* cache : {&none, &blocked}) {
    cache->Store("ab12", object);
    EXPECT_EQ(Get(*cache, "ab12"), "nothing");
    cache->Trim();
  }
}

}  // namespace
}  // namespace kedge::compiler
