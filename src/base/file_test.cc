// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <gtest/gtest.h>

#include "base/testing/faulty_file_system.h"

namespace kedge {
namespace {

class FileTest : public testing::Test {
 protected:
  TemporaryDirectory directory_ = *TemporaryDirectory::Make();
  PosixFileSystem disk_;
};

TEST_F(FileTest, WritesAtomicallyAndReadsBack) {
  const Path path = directory_.path() / "a";
  ASSERT_TRUE(disk_.WriteAtomically(path, AsBytes("one"), 0600));
  ASSERT_TRUE(disk_.WriteAtomically(path, AsBytes("two"), 0600));
  EXPECT_EQ(AsText(*disk_.Read(path, 100)), "two");
  EXPECT_EQ(*disk_.Size(path), 3u);
  EXPECT_EQ(disk_.List(directory_.path())->size(), 1u);
}

TEST_F(FileTest, WriterWithoutCommitLeavesNothing) {
  {
    auto writer = disk_.CreateAtomically(directory_.path() / "a", 0644);
    ASSERT_TRUE(writer);
    ASSERT_TRUE((*writer)->Append(AsBytes("x")));
  }
  EXPECT_TRUE(disk_.List(directory_.path())->empty());
}

TEST_F(FileTest, NamesWhatIsMissing) {
  const auto missing = disk_.Read(directory_.path() / "nothing", 100);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_NE(missing.error().message.find("nothing"), std::string::npos);
}

TEST_F(FileTest, ReadHoldsTheLimit) {
  ASSERT_TRUE(disk_.WriteAtomically(directory_.path() / "a", AsBytes("12345"), 0644));
  EXPECT_TRUE(disk_.Read(directory_.path() / "a", 5));
  EXPECT_EQ(disk_.Read(directory_.path() / "a", 4).error().code, Code::kResourceExhausted);
}

TEST_F(FileTest, MakesDirectoriesWithParents) {
  EXPECT_TRUE(disk_.MakeDirectories(directory_.path() / "a/b/c", 0755));
  EXPECT_TRUE(disk_.MakeDirectories(directory_.path() / "a/b/c", 0755));
  ASSERT_TRUE(disk_.WriteAtomically(directory_.path() / "f", AsBytes("1"), 0644));
  EXPECT_FALSE(disk_.MakeDirectories(directory_.path() / "f", 0755));
}

TEST_F(FileTest, FaultyDiskFailsTheCallItWasToldTo) {
  FaultyFileSystem faulty({.call = 1});
  EXPECT_TRUE(faulty.WriteAtomically(directory_.path() / "a", AsBytes("1"), 0644));
  EXPECT_EQ(faulty.WriteAtomically(directory_.path() / "a", AsBytes("2"), 0644).error().code,
            Code::kResourceExhausted);
  EXPECT_EQ(AsText(*faulty.Read(directory_.path() / "a", 10)), "1");
  EXPECT_TRUE(faulty.WriteAtomically(directory_.path() / "a", AsBytes("3"), 0644));
}

TEST_F(FileTest, MapsAFile) {
  ASSERT_TRUE(disk_.WriteAtomically(directory_.path() / "a", AsBytes("mapped"), 0644));
  EXPECT_EQ(AsText(MappedFile::Open(directory_.path() / "a")->bytes()), "mapped");
  ASSERT_TRUE(disk_.WriteAtomically(directory_.path() / "b", {}, 0644));
  EXPECT_EQ(MappedFile::Open(directory_.path() / "b").error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace kedge
