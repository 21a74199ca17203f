// SPDX-License-Identifier: Apache-2.0
#include "server/nodes/leased_loop.h"

#include <future>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing/fake_clock.h"
#include "store/sqlite/sqlite_store.h"

namespace kedge::server {
namespace {

using std::chrono::milliseconds;

// Values that one thread hands to another.
class Tokens {
 public:
  void Push(int64_t token) {
    {
      const std::lock_guard lock(mutex_);
      tokens_.push_back(token);
    }
    pushed_.notify_all();
  }
  int64_t WaitFor(size_t index) {
    std::unique_lock lock(mutex_);
    pushed_.wait(lock, [&] { return tokens_.size() > index; });
    return tokens_[index];
  }

 private:
  std::mutex mutex_;
  std::condition_variable pushed_;
  std::vector<int64_t> tokens_;
};

class LeasedLoopTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryDirectory::Make();
    ASSERT_TRUE(folder);
    folder_ = std::make_unique<TemporaryDirectory>(std::move(*folder));
    auto store = store::OpenSqliteStore({.file = folder_->path() / "test.db"});
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::move(*store);
  }
  static LeasedLoopOptions OptionsOf(const std::string& node) {
    return {.lease = "work", .node = node, .ttl = milliseconds(300), .period = milliseconds(5)};
  }
  static LeasedWork PushToken(Tokens& tokens) {
    return [&tokens](const store::Lease& lease) -> Result<LeasedStep> {
      tokens.Push(lease.token);
      return LeasedStep::kIdle;
    };
  }
  std::optional<store::Lease> Row() {
    std::optional<store::Lease> row;
    EXPECT_TRUE(store_->Read([&](store::Transaction& t) -> Status {
      KEDGE_TRY(row, store::FindLease(t, "work"));
      return {};
    }));
    return row;
  }

  std::unique_ptr<TemporaryDirectory> folder_;
  std::unique_ptr<store::Store> store_;
  FakeClock clock_;
};

TEST_F(LeasedLoopTest, WorksUnderOneTokenAndReleasesAtTheEnd) {
  Tokens tokens;
  {
    LeasedLoop loop(*store_, clock_, OptionsOf("a"), PushToken(tokens));
    EXPECT_EQ(tokens.WaitFor(0), 1);
    EXPECT_EQ(tokens.WaitFor(2), 1);
  }
  EXPECT_EQ(Row()->token, 1);
  EXPECT_EQ(Row()->expires, 0);
}

TEST_F(LeasedLoopTest, AnotherNodeGoesOnAfterAReleaseWithTheNextToken) {
  Tokens first;
  Tokens second;
  auto a = std::make_unique<LeasedLoop>(*store_, clock_, OptionsOf("a"), PushToken(first));
  EXPECT_EQ(first.WaitFor(0), 1);
  LeasedLoop b(*store_, clock_, OptionsOf("b"), PushToken(second));
  a.reset();
  EXPECT_EQ(second.WaitFor(0), 2);
  EXPECT_EQ(Row()->holder, "b");
}

TEST_F(LeasedLoopTest, AHolderThatSleptBeyondItsLeaseChangesNothing) {
  Tokens second;
  std::promise<void> stepping;
  std::promise<void> go_on;
  std::promise<Status> slept;
  std::unique_ptr<LeasedLoop> b;
  LeasedLoop a(*store_, clock_, OptionsOf("a"),
               [&, first = true](const store::Lease& lease) mutable -> Result<LeasedStep> {
                 if (!std::exchange(first, false)) return LeasedStep::kIdle;
                 stepping.set_value();
                 go_on.get_future().wait();  // SIGSTOP of a whole node looks like this from inside
                 slept.set_value(
                     store_->Write([&](store::Transaction& t) { return store::Fence(t, lease); }));
                 return LeasedStep::kIdle;
               });
  stepping.get_future().wait();
  clock_.Advance(milliseconds(301));
  b = std::make_unique<LeasedLoop>(*store_, clock_, OptionsOf("b"), PushToken(second));
  EXPECT_EQ(second.WaitFor(0), 2);
  go_on.set_value();
  const Status status = slept.get_future().get();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error(), Aborted("lease 'work' with token 1 was taken over"));
}

TEST_F(LeasedLoopTest, AFailedStepIsTriedAgainAndALostLeaseIsGivenUp) {
  Tokens tokens;
  LeasedLoop loop(*store_, clock_, OptionsOf("a"),
                  [&](const store::Lease& lease) -> Result<LeasedStep> {
                    tokens.Push(lease.token);
                    if (lease.token == 1) return Aborted("taken over");
                    return Unavailable("try again");
                  });
  EXPECT_EQ(tokens.WaitFor(0), 1);
  EXPECT_EQ(tokens.WaitFor(1), 2);
  EXPECT_EQ(tokens.WaitFor(2), 2);
}

}  // namespace
}  // namespace kedge::server
