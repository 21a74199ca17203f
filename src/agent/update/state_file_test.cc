// SPDX-License-Identifier: Apache-2.0
#include "agent/update/state_file.h"

#include <gtest/gtest.h>

#include "base/testing/faulty_file_system.h"

namespace kedge::agent {
namespace {

class StateFileTest : public ::testing::Test {
 protected:
  Path Slot(int slot) { return folder_.path() / ("state." + std::to_string(slot)); }
  // What a new process would read.
  Result<std::optional<std::string>> Reload() { return StateFile(disk_, folder_.path()).Load(); }
  void Flip(const Path& file, size_t at) {
    ByteBuffer bytes = *disk_.Read(file, 1 << 20);
    bytes[at % bytes.size()] ^= 0x10;
    ASSERT_TRUE(disk_.WriteAtomically(file, bytes, 0600));
  }

  TemporaryDirectory folder_ = *TemporaryDirectory::Make();
  PosixFileSystem disk_;
};

TEST_F(StateFileTest, BeginsEmptyAndGivesBackTheNewest) {
  StateFile file(disk_, folder_.path());
  EXPECT_EQ(*file.Load(), std::nullopt);
  for (int i = 0; i < 5; ++i) {
    const std::string text = "text " + std::to_string(i);
    ASSERT_TRUE(file.Store(text));
    EXPECT_EQ(**Reload(), text);
  }
  EXPECT_EQ(file.AllTexts().size(), 2u);
}

TEST_F(StateFileTest, AnyFlippedBitOfTheNewestSlotGivesTheFormerText) {
  StateFile file(disk_, folder_.path());
  ASSERT_TRUE(file.Load());
  ASSERT_TRUE(file.Store("former"));
  ASSERT_TRUE(file.Store("newest"));
  const size_t bytes = *disk_.Size(Slot(1));
  for (size_t at = 0; at < bytes; ++at) {
    if (at == 7) continue;              // the format's digit: refused as a newer format, below
    if (at >= 60 && at < 64) continue;  // unused
    SCOPED_TRACE(at);
    Flip(Slot(1), at);
    EXPECT_EQ(**Reload(), "former");
    Flip(Slot(1), at);
  }
  EXPECT_EQ(**Reload(), "newest");
}

TEST_F(StateFileTest, AnyTruncationGivesTheFormerText) {
  StateFile file(disk_, folder_.path());
  ASSERT_TRUE(file.Load());
  ASSERT_TRUE(file.Store("former"));
  ASSERT_TRUE(file.Store("newest"));
  const ByteBuffer whole = *disk_.Read(Slot(1), 1 << 20);
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    SCOPED_TRACE(bytes);
    ASSERT_TRUE(disk_.WriteAtomically(Slot(1), Bytes(whole).first(bytes), 0600));
    EXPECT_EQ(**Reload(), "former");
  }
}

TEST_F(StateFileTest, TwoDamagedSlotsAreAnErrorAndStay) {
  StateFile file(disk_, folder_.path());
  ASSERT_TRUE(file.Load());
  ASSERT_TRUE(file.Store("a"));
  ASSERT_TRUE(file.Store("b"));
  Flip(Slot(0), 64);
  Flip(Slot(1), 64);
  EXPECT_EQ(Reload().error().code, Code::kDataLoss);
  EXPECT_TRUE(disk_.Exists(Slot(0)) && disk_.Exists(Slot(1)));
}

TEST_F(StateFileTest, ANewerFormatIsNotTouched) {
  StateFile file(disk_, folder_.path());
  ASSERT_TRUE(file.Load());
  ASSERT_TRUE(file.Store("a"));
  ByteBuffer bytes = *disk_.Read(Slot(0), 1 << 20);
  bytes[7] = '2';
  ASSERT_TRUE(disk_.WriteAtomically(Slot(0), bytes, 0600));
  const auto loaded = Reload();
  EXPECT_EQ(loaded.error().code, Code::kUnimplemented);
  EXPECT_EQ(*disk_.Read(Slot(0), 1 << 20), bytes);
}

TEST_F(StateFileTest, AFailedStoreLeavesTheFormerOrTheNewText) {
  for (int64_t call = 0;; ++call) {
    SCOPED_TRACE(call);
    const TemporaryDirectory folder = *TemporaryDirectory::Make();
    FaultyFileSystem disk({.call = call, .sticky = true});
    StateFile file(disk, folder.path());
    ASSERT_TRUE(file.Load());
    std::string last;
    bool failed = false;
    for (const char* text : {"1", "2", "3"}) {
      if (!file.Store(text)) {
        failed = true;
        break;
      }
      last = text;
    }
    const auto loaded = StateFile(disk_, folder.path()).Load();
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->value_or(""), last);
    if (!failed) break;
  }
}

TEST_F(StateFileTest, ATextThatIsTooLargeIsRefused) {
  StateFile file(disk_, folder_.path());
  EXPECT_EQ(file.Store(std::string(kStateBytesMax + 1, 'x')).error().code,
            Code::kResourceExhausted);
}

}  // namespace
}  // namespace kedge::agent
