// What every engine must do with the tables of jobs.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <map>

#include "store/tables/job_logs.h"
#include "store/tables/jobs.h"
#include "store/tables/leases.h"
#include "store/tables/nodes.h"
#include "store/testing/conformance.h"

namespace kedge::store {
namespace {

// Jobs of one queue (a model) take turns with those of others.
TEST_P(StoreConformance, JobsAreClaimedInTurnsAndOnce) {
  Write([](Transaction& t) -> Status {
    const struct {
      const char* name;
      const char* queue;
      EpochMs created;
    } jobs[] = {{"a1", "a", 1}, {"a2", "a", 2}, {"a3", "a", 3}, {"b1", "b", 4}, {"c1", "c", 5}};
    for (const auto& job : jobs) {
      KEDGE_TRY_STATUS(InsertCompilationJob(
          t, {.name = job.name, .request = "{}", .created = job.created, .queue = job.queue}));
    }
    return {};
  });
  std::string order;
  for (int i = 0; i < 6; ++i) {
    Write([&](Transaction& t) -> Status {
      KEDGE_TRY(const auto claim, ClaimJob(t, JobKind::kCompilation,
                                           {.holder = "node", .now = 9, .lease_until = 100}));
      order += claim ? claim->name : "-";
      // One that comes late begins at the turn that is next then.
      if (claim && claim->name == "c1") {
        KEDGE_TRY_STATUS(
            InsertCompilationJob(t, {.name = "d1", .request = "{}", .created = 2, .queue = "d"}));
      }
      return {};
    });
  }
  EXPECT_EQ(order, "a1b1c1a2d1a3");
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const auto job, FindCompilationJob(t, "a1"));
    EXPECT_EQ(job->status, kJobInProgress);
    EXPECT_EQ(job->started, 9);
    KEDGE_TRY(const bool any, AnyJobToClaim(t, JobKind::kCompilation, 99));
    EXPECT_FALSE(any);
    KEDGE_TRY(const bool late, AnyJobToClaim(t, JobKind::kCompilation, 100));
    EXPECT_TRUE(late);
    return {};
  });
}

TEST_P(StoreConformance, JobsAreRefusedWhenTooManyAreQueued) {
  Write([](Transaction& t) -> Status {
    for (int64_t i = 0; i < kQueuedJobsMax; ++i) {
      KEDGE_TRY_STATUS(InsertPackagingJob(t, {.name = std::to_string(i), .request = "{}"}));
    }
    return {};
  });
  const auto refused = store_->Write(
      [](Transaction& t) { return InsertPackagingJob(t, {.name = "more", .request = "{}"}); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), OutOfRange("1000 jobs are queued, which is the most"));
}

// Whatever a node writes for a job repeats the token of its claim.
TEST_P(StoreConformance, JobsTakenOverAreNotChangedByTheirFormerNode) {
  constexpr JobKind kKind = JobKind::kCompilation;
  JobClaim first, second;
  const auto claim = [&](Transaction& t, const char* holder, EpochMs now,
                         JobClaim& into) -> Status {
    KEDGE_TRY(const auto got,
              ClaimJob(t, kKind, {.holder = holder, .now = now, .lease_until = now + 10}));
    if (!got) return NotFound("nothing to claim");
    into = *got;
    return {};
  };
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(InsertCompilationJob(t, {.name = "job", .request = "{}"}));
    KEDGE_TRY_STATUS(claim(t, "one", 0, first));
    KEDGE_TRY(const auto held, HoldJob(t, kKind, first, 20));
    EXPECT_EQ(held, kJobInProgress);
    EXPECT_FALSE(claim(t, "two", 19, second));
    return claim(t, "two", 20, second);
  });
  EXPECT_EQ(second.attempt, 2);
  const JobEnd end{.status = std::string(kJobCompleted),
                   .time = 25,
                   .outputs = {.artifact_uri = "s3://b/k", .report = R"({"a":1})"}};
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY(const auto held, HoldJob(t, kKind, first, 99));
    EXPECT_FALSE(held);
    KEDGE_TRY(const auto ended, EndJob(t, kKind, first, end));
    EXPECT_FALSE(ended);
    KEDGE_TRY_STATUS(ReleaseJob(t, kKind, first, 21));
    EXPECT_EQ(AppendJobLog(t, kKind, first, "late").error(),
              Aborted("job job is another node's now"));
    KEDGE_TRY(const auto report, FindReport(t, "job"));
    EXPECT_FALSE(report);
    KEDGE_TRY_STATUS(AppendJobLog(t, kKind, second, "hello"));
    KEDGE_TRY(const auto stored, EndJob(t, kKind, second, end));
    EXPECT_EQ(stored, kJobCompleted);
    KEDGE_TRY(const auto twice, EndJob(t, kKind, second, end));
    EXPECT_FALSE(twice);
    return {};
  });
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY(const auto job, FindCompilationJob(t, "job"));
    EXPECT_EQ(job->artifact_uri, "s3://b/k");
    EXPECT_EQ(job->ended, 25);
    KEDGE_TRY(const auto report, FindReport(t, "job"));
    EXPECT_EQ(report, R"({"a":1})");
    KEDGE_TRY_STATUS(DeleteCompilationJob(t, "job"));
    KEDGE_TRY(const auto gone, FindReport(t, "job"));
    EXPECT_FALSE(gone);
    KEDGE_TRY(const auto log, ReadJobLog(t, kKind, "job", 0, 100));
    EXPECT_EQ(log.total_bytes, 0);
    return {};
  });
}

TEST_P(StoreConformance, JobsStopFromEveryState) {
  constexpr JobKind kKind = JobKind::kPackaging;
  std::map<std::string, JobClaim> claims;
  Write([&](Transaction& t) -> Status {
    EpochMs created = 0;
    for (const char* name : {"ends", "is released", "is abandoned", "is queued"}) {
      KEDGE_TRY_STATUS(
          InsertPackagingJob(t, {.name = name, .request = "{}", .created = created++}));
    }
    for (int i = 0; i < 3; ++i) {
      KEDGE_TRY(const auto claim,
                ClaimJob(t, kKind, {.holder = "node", .now = 1, .lease_until = 10}));
      claims[claim->name] = *claim;
      KEDGE_TRY(const auto stopping, StopJob(t, kKind, claim->name, 2));
      EXPECT_EQ(stopping, kJobStopping);
    }
    KEDGE_TRY(const auto stopped, StopJob(t, kKind, "is queued", 2));
    EXPECT_EQ(stopped, kJobStopped);
    KEDGE_TRY(const auto none, StopJob(t, kKind, "nobody", 3));
    EXPECT_FALSE(none);
    KEDGE_TRY(const auto ended,
              EndJob(t, kKind, claims["ends"],
                     {.status = std::string(kJobCompleted), .outputs = {.artifact_uri = "s3://"}}));
    EXPECT_EQ(ended, kJobStopped);
    KEDGE_TRY_STATUS(ReleaseJob(t, kKind, claims["is released"], 3));
    KEDGE_TRY_STATUS(EndAbandonedJobs(t, kKind, 9));
    KEDGE_TRY(const auto held, LookAtJob(t, kKind, claims["is abandoned"]));
    EXPECT_EQ(held, kJobStopping);
    return EndAbandonedJobs(t, kKind, 10);
  });
  Read([](Transaction& t) -> Status {
    for (const char* name : {"ends", "is released", "is abandoned", "is queued"}) {
      KEDGE_TRY(const auto job, FindPackagingJob(t, name));
      EXPECT_EQ(job->status, kJobStopped) << name;
      EXPECT_EQ(job->artifact_uri, "") << name;
    }
    return {};
  });
}

TEST_P(StoreConformance, JobsThatNobodyWillEndFail) {
  constexpr JobKind kKind = JobKind::kCompilation;
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(InsertCompilationJob(t, {.name = "kills", .request = "{}", .created = 1}));
    KEDGE_TRY_STATUS(InsertCompilationJob(
        t, {.name = "waits", .request = "{}", .created = 2, .queue = "w", .wait_until = 1000}));
    for (EpochMs now = 0; now < kJobAttemptsMax; ++now) {
      KEDGE_TRY_STATUS(EndAbandonedJobs(t, kKind, now));
      KEDGE_TRY(const auto claim,
                ClaimJob(t, kKind, {.holder = "node", .now = now, .lease_until = now + 1}));
      EXPECT_EQ(claim->name, "kills");
    }
    KEDGE_TRY_STATUS(EndLeasesOf(t, kKind, "node"));
    KEDGE_TRY_STATUS(EndAbandonedJobs(t, kKind, 999));
    KEDGE_TRY(const auto waits, FindCompilationJob(t, "waits"));
    EXPECT_EQ(waits->status, kJobStarting);
    return EndAbandonedJobs(t, kKind, 1000);
  });
  Read([](Transaction& t) -> Status {
    KEDGE_TRY(const auto kills, FindCompilationJob(t, "kills"));
    EXPECT_EQ(kills->status, kJobFailed);
    EXPECT_EQ(kills->failure_reason, "ServerError: 5 nodes that ran the job ended before it did");
    KEDGE_TRY(const auto waits, FindCompilationJob(t, "waits"));
    EXPECT_EQ(waits->status, kJobFailed);
    EXPECT_EQ(waits->ended, 1000);
    return {};
  });
}

TEST_P(StoreConformance, JobLogsKeepTheirEnd) {
  constexpr JobKind kKind = JobKind::kCompilation;
  const std::string block(1 << 14, 'x');
  Write([&](Transaction& t) -> Status {
    KEDGE_TRY_STATUS(InsertCompilationJob(t, {.name = "job", .request = "{}"}));
    KEDGE_TRY(const auto claim,
              ClaimJob(t, kKind, {.holder = "node", .now = 1, .lease_until = 10}));
    KEDGE_TRY_STATUS(AppendJobLog(t, kKind, *claim, "first\u00e4"));
    KEDGE_TRY(const auto page, ReadJobLog(t, kKind, "job", 6, 100));  // within the last character
    EXPECT_EQ(page.text, "");
    EXPECT_EQ(page.next_byte, 7);
    for (int64_t bytes = 0; bytes < kJobLogBytesMax; bytes += 1 << 14) {
      KEDGE_TRY_STATUS(AppendJobLog(t, kKind, *claim, block));
    }
    return AppendJobLog(t, kKind, *claim, "last");
  });
  Read([&](Transaction& t) -> Status {
    KEDGE_TRY(const auto page, ReadJobLog(t, kKind, "job", 0, 100));
    EXPECT_EQ(page.start_byte, 7);
    EXPECT_EQ(page.first_byte, page.start_byte);
    EXPECT_EQ(page.text.size(), block.size());  // at least a segment
    EXPECT_EQ(page.total_bytes, 7 + kJobLogBytesMax + 4);
    KEDGE_TRY(const auto tail, ReadJobLog(t, kKind, "job", page.total_bytes - 5, 100));
    EXPECT_EQ(tail.text, "xlast");
    KEDGE_TRY(const auto last, ReadJobLog(t, kKind, "job", tail.next_byte, 100));
    EXPECT_EQ(last.text, "");
    KEDGE_TRY(const auto none, ReadJobLog(t, kKind, "job", 1 << 30, 100));
    EXPECT_EQ(none.text, "");
    EXPECT_EQ(none.next_byte, page.total_bytes);
    return {};
  });
}

}  // namespace
}  // namespace kedge::store
