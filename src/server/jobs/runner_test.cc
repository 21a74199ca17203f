// SPDX-License-Identifier: Apache-2.0
#include <future>
#include <gtest/gtest.h>
#include <set>

#include "base/crypto/crypto.h"
#include "package/testing/specimen.h"
#include "server/jobs/archive.h"
#include "server/jobs/compile_job.h"
#include "server/jobs/job_files.h"
#include "server/jobs/package_job.h"
#include "server/testing/test_server.h"

namespace kedge::server {
namespace {

// A store whose disk is full at some of its writes, counted from 0.
class FullAtTimes final : public store::Store {
 public:
  FullAtTimes(store::Store& real, std::set<int> full) : real_(real), full_(std::move(full)) {}
  void WriteLater(store::Work work, std::function<void(Status)> done) override {
    if (full_.contains(writes_++)) return done(Unavailable("the disk of the database is full"));
    real_.WriteLater(std::move(work), std::move(done));
  }
  Status Read(const store::Work& work) override { return real_.Read(work); }
  bool failed() const override { return real_.failed(); }
  int writes() const { return writes_; }

 private:
  store::Store& real_;
  const std::set<int> full_;
  std::atomic<int> writes_{0};
};

class JobRunTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  void Write(const store::Work& work) {
    const Status status = server_->store().Write(work);
    ASSERT_TRUE(status) << status.error().message;
  }

  void Queue(const std::string& name) {
    Write([&](store::Transaction& transaction) {
      return store::InsertCompilationJob(transaction, {.name = name, .request = "{}"});
    });
  }
  json::Value Describe(const std::string& name) {
    return server_->Must("DescribeCompilationJob", R"({"CompilationJobName":")" + name + "\"}");
  }
  std::string StatusOf(const std::string& name) {
    return Describe(name).StringOr("CompilationJobStatus", "");
  }
  void AwaitStatus(const std::string& name, const std::string& status) {
    while (StatusOf(name) != status) std::this_thread::yield();
  }
  // The function alone, for a job whose row is there.
  Result<store::JobOutputs> Run(const JobFunction& function, const std::string& name) {
    const std::atomic<bool> never{false};
    return function(
        {.name = name, .cancelled = never, .log = log_, .hold = [] { return Status(); }});
  }

  JobLog log_;
  std::unique_ptr<TestServer> server_;
};

// A store that takes no call while it is frozen: what a stopped node's store looks like to it.
class Freezing final : public store::Store {
 public:
  explicit Freezing(store::Store& real) : real_(real) {}
  void WriteLater(store::Work work, std::function<void(Status)> done) override {
    WaitWhileFrozen();
    real_.WriteLater(std::move(work), std::move(done));
  }
  Status Read(const store::Work& work) override {
    WaitWhileFrozen();
    return real_.Read(work);
  }
  bool failed() const override { return real_.failed(); }
  void SetFrozen(bool frozen) {
    frozen_ = frozen;
    frozen_.notify_all();
  }

 private:
  void WaitWhileFrozen() { frozen_.wait(true); }
  store::Store& real_;
  std::atomic<bool> frozen_{false};
};

constexpr std::chrono::milliseconds kShort{1};

RunnerOptions Options(const std::string& holder) {
  return {.holder = holder, .poll = kShort, .retry = kShort};
}

TEST_F(JobRunTest, AFullDiskDelaysAJobAndLosesNothing) {
  Queue("job");
  // Write 0 ends old leases; 1 and 2 claim the job, 4 and 5 store its log or its end.
  FullAtTimes store(server_->store(), {1, 2, 4, 5});
  {
    auto runner = JobRunner::Start(store, server_->clock(), Options("node"),
                                   [](const JobRun&) -> Result<store::JobOutputs> {
                                     return store::JobOutputs{.artifact_uri = "s3://bucket/key"};
                                   });
    ASSERT_TRUE(runner) << runner.error().message;
    AwaitStatus("job", "COMPLETED");
  }
  EXPECT_GE(store.writes(), 7);
}

TEST_F(JobRunTest, AStopRequestStoredByAnotherNodeIsSeen) {
  Queue("job");
  std::promise<void> began;
  auto runner = JobRunner::Start(server_->store(), server_->clock(), Options("node"),
                                 [&](const JobRun& run) -> Result<store::JobOutputs> {
                                   began.set_value();
                                   while (!run.cancelled) std::this_thread::yield();
                                   return Internal("ended early");
                                 });
  ASSERT_TRUE(runner) << runner.error().message;
  began.get_future().wait();
  server_->Must("StopCompilationJob", R"({"CompilationJobName":"job"})");
  AwaitStatus("job", "STOPPED");
  EXPECT_TRUE(Describe("job").Find("CompilationEndTime"));
}

// With polls that never come, what another node hints at is seen all the same.
TEST_F(JobRunTest, AHintOfAnotherNodeShortensEveryWait) {
  RunnerOptions options = Options("node");
  options.poll = std::chrono::hours(1);
  std::promise<void> began;
  auto runner = JobRunner::Start(server_->store(), server_->clock(), options,
                                 [&](const JobRun& run) -> Result<store::JobOutputs> {
                                   if (run.name == "first") return Internal("ended at once");
                                   began.set_value();
                                   while (!run.cancelled) std::this_thread::yield();
                                   return Internal("ended early");
                                 });
  ASSERT_TRUE(runner) << runner.error().message;
  Queue("first");
  server_->store().Notify("jobs compilation");
  AwaitStatus("first", "FAILED");  // from now on the runner has looked, and waits
  Queue("job");
  server_->store().Notify("jobs compilation");
  began.get_future().wait();
  server_->Must("StopCompilationJob", R"({"CompilationJobName":"job"})");
  server_->store().Notify("jobs compilation");
  AwaitStatus("job", "STOPPED");
}

TEST_F(JobRunTest, AStopWhileTheResultIsMadeStillStops) {
  Queue("job");
  auto runner =
      JobRunner::Start(server_->store(), server_->clock(), Options("node"),
                       [&](const JobRun& run) -> Result<store::JobOutputs> {
                         server_->Must("StopCompilationJob", R"({"CompilationJobName":"job"})");
                         EXPECT_EQ(run.hold().error().code, Code::kCancelled);
                         return store::JobOutputs{.artifact_uri = "s3://bucket/key"};
                       });
  ASSERT_TRUE(runner) << runner.error().message;
  AwaitStatus("job", "STOPPED");
  EXPECT_EQ(Describe("job").Find("ModelArtifacts")->StringOr("S3ModelArtifacts", "none"), "");
}

TEST_F(JobRunTest, AStoppingServerGivesItsJobsBack) {
  Queue("job");
  std::promise<void> began;
  {
    auto runner = JobRunner::Start(server_->store(), server_->clock(), Options("node"),
                                   [&](const JobRun& run) -> Result<store::JobOutputs> {
                                     began.set_value();
                                     while (!run.cancelled) std::this_thread::yield();
                                     return Cancelled("the job was stopped");
                                   });
    ASSERT_TRUE(runner) << runner.error().message;
    began.get_future().wait();
  }
  EXPECT_EQ(StatusOf("job"), "STARTING");
}

// Two nodes and one job. The first is frozen beyond its lease, in the middle of the job or just
// before its result becomes the object; the second runs the job. The thawed first changes neither
// the row nor the object.
TEST_F(JobRunTest, AFrozenNodeChangesNothingOnceAnotherHasItsJob) {
  ASSERT_TRUE(server_->blobs().CreateBucket("bucket"));
  for (const bool frozen_at_the_last_moment : {false, true}) {
    SCOPED_TRACE(frozen_at_the_last_moment);
    const std::string job = frozen_at_the_last_moment ? "late" : "early";
    // Of its own: ETags tell objects apart, and the second node puts the same text each time.
    const blob::ObjectName result{"bucket", job};
    Queue(job);
    Freezing frozen(server_->store());
    std::promise<void> began, thawed;
    std::shared_future<void> thaw = thawed.get_future().share();
    const auto store_as = [&](const JobRun& run, const std::string& who,
                              const std::function<void()>& last_moment) {
      const Path file = server_->folder() / (job + who);
      EXPECT_TRUE(server_->disk().WriteAtomically(file, AsBytes(who), 0600));
      return StoreFile(server_->blobs(), file, {result, "text/plain"}, [&] {
        const Status held = run.hold();
        last_moment();
        return held;
      });
    };
    const std::function<void()> nothing = [] {};
    Status of_first;
    auto first = JobRunner::Start(
        frozen, server_->clock(), Options("one"),
        [&](const JobRun& run) -> Result<store::JobOutputs> {
          const std::function<void()> freeze = [&, once = false]() mutable {
            if (std::exchange(once, true)) return;
            frozen.SetFrozen(true);
            began.set_value();
            thaw.wait();
          };
          if (!frozen_at_the_last_moment) freeze();
          const auto stored = store_as(run, "one", frozen_at_the_last_moment ? freeze : nothing);
          of_first = stored ? Status() : stored.error();
          return store::JobOutputs{.artifact_uri = "s3://bucket/one"};
        });
    ASSERT_TRUE(first) << first.error().message;
    began.get_future().wait();
    server_->clock().Advance(std::chrono::seconds(60));
    auto second = JobRunner::Start(server_->store(), server_->clock(), Options("two"),
                                   [&](const JobRun& run) -> Result<store::JobOutputs> {
                                     EXPECT_TRUE(store_as(run, "two", [] {}));
                                     return store::JobOutputs{.artifact_uri = "s3://bucket/two"};
                                   });
    ASSERT_TRUE(second) << second.error().message;
    AwaitStatus(job, "COMPLETED");
    frozen.SetFrozen(false);
    thawed.set_value();
    first->reset();
    EXPECT_FALSE(of_first);
    EXPECT_EQ(Describe(job).Find("ModelArtifacts")->StringOr("S3ModelArtifacts", ""),
              "s3://bucket/two");
    EXPECT_EQ(AsText(*blob::GetObject(server_->blobs(), result, 100)), "two");
  }
}

TEST(JobLog, GivesWholeCharactersOfValidText) {
  JobLog log;
  log.Append("a\xc3");
  EXPECT_EQ(log.Take(false), "a");
  log.Append("\xa4z");
  EXPECT_EQ(log.Take(false), "\xc3\xa4z");
  log.Append(std::string("\0\xff\xed\xa0\x80\xe2\x82", 7));
  EXPECT_EQ(log.Take(true),
            "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
            "\xef\xbf\xbd\xef\xbf\xbd");
  log.Append(std::string(JobLog::kPendingBytesMax, 'x'));
  log.Line("end");
  const std::string text = log.Take(true);
  EXPECT_TRUE(text.starts_with("[... lines were lost here ...]\nxxx"));
  EXPECT_TRUE(text.ends_with("end\n"));
}

TEST_F(JobRunTest, CompilersOfOneBucketShareACache) {
  const Path programs = server_->folder() / "programs";
  ASSERT_TRUE(server_->disk().MakeDirectories(programs, 0700));
  const std::string script = "#!/bin/sh\necho left > \"$KEDGE_CACHE_DIR/left\"; exit 1\n";
  ASSERT_TRUE(server_->disk().WriteAtomically(programs / "kedge-compile", AsBytes(script), 0755));
  ASSERT_TRUE(server_->blobs().CreateBucket("trusted"));
  ASSERT_TRUE(blob::PutObject(server_->blobs(), {"trusted", "net.onnx"}, AsBytes("x"), ""));
  Write([](store::Transaction& transaction) {
    return store::InsertCompilationJob(
        transaction, {.name = "job", .status = std::string(store::kJobInProgress), .request = R"({
            "InputConfig":{"S3Uri":"s3://trusted/net.onnx","Framework":"ONNX"},
            "OutputConfig":{"S3OutputLocation":"s3://trusted/out","TargetDevice":"rasp4b"}})"});
  });
  const JobContext context{.disk = server_->disk(),
                           .store = server_->store(),
                           .blobs = server_->blobs(),
                           .clock = server_->clock(),
                           .keyring = server_->keyring(),
                           .programs = programs,
                           .scratch = server_->folder(),
                           .compile_cache = server_->folder() / "cache",
                           .sandboxed = false};
  const auto result =
      Run([&](const JobRun& run) { return RunCompilationJob(context, run); }, "job");
  EXPECT_FALSE(result);
  EXPECT_TRUE(server_->disk().Exists(server_->folder() / "cache" / "trusted" / "left"));
  EXPECT_FALSE(server_->disk().Exists(server_->folder() / "cache" / "left"));
}

TEST_F(JobRunTest, SignsOnlyWhatTheCompilationJobMade) {
  ASSERT_TRUE(server_->blobs().CreateBucket("bkt"));
  const std::string replaced = "what another job left at the same place";
  ASSERT_TRUE(blob::PutObject(server_->blobs(), {"bkt", "net.tar.gz"}, AsBytes(replaced),
                              "application/gzip"));
  Write([](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(store::InsertCompilationJob(
        transaction, {.name = "job",
                      .status = std::string(store::kJobCompleted),
                      .request = "{}",
                      .artifact_uri = "s3://bkt/net.tar.gz",
                      .artifact_sha256 = crypto::Sha256Hex(AsBytes("what the job made"))}));
    return store::InsertPackagingJob(
        transaction, {.name = "pack",
                      .status = std::string(store::kJobInProgress),
                      .compilation_job = "job",
                      .model_name = "net",
                      .model_version = "1",
                      .request = R"({"OutputConfig":{"S3OutputLocation":"s3://bkt/out"}})"});
  });
  const JobContext context{.disk = server_->disk(),
                           .store = server_->store(),
                           .blobs = server_->blobs(),
                           .clock = server_->clock(),
                           .keyring = server_->keyring(),
                           .scratch = server_->folder()};
  const auto result = Run([&](const JobRun& run) { return RunPackagingJob(context, run); }, "pack");
  ASSERT_FALSE(result);
  EXPECT_EQ(FailureReason(result.error()),
            "ClientError: InputConfiguration: 's3://bkt/net.tar.gz' is not what compilation job "
            "job made: its SHA-256 is " +
                crypto::Sha256Hex(AsBytes(replaced)));
  EXPECT_FALSE(server_->blobs().Head({"bkt", "out/net-1.tar.gz"}));
}

class BaselineJobTest : public JobRunTest {
 protected:
  JobContext Context() {
    return {.disk = server_->disk(),
            .store = server_->store(),
            .blobs = server_->blobs(),
            .clock = server_->clock(),
            .keyring = server_->keyring(),
            .scratch = server_->folder()};
  }
  // Stores an archive of a folder's files as s3://bkt/<name>; gives its bytes.
  ByteBuffer PutArchive(const Path& folder, const std::string& name,
                        const std::vector<std::string>& files) {
    const Path archive = server_->folder() / name;
    EXPECT_TRUE(PackArchive(archive, folder, files));
    const ByteBuffer bytes = *server_->disk().Read(archive);
    EXPECT_TRUE(server_->blobs().CreateBucket("bkt"));
    EXPECT_TRUE(blob::PutObject(server_->blobs(), {"bkt", name}, bytes, "application/gzip"));
    return bytes;
  }
};

TEST_F(BaselineJobTest, APackageCarriesTheBaselineOfItsModel) {
  const Path folder = server_->folder() / "compiled";
  ASSERT_TRUE(package::testing::WriteCompiled(folder));
  const std::string baseline = package::testing::SpecimenBaseline();
  ASSERT_TRUE(server_->disk().WriteAtomically(folder / "baseline.json", AsBytes(baseline), 0600));
  const ByteBuffer archive =
      PutArchive(folder, "net.tar.gz", {"model.so", "weights.bin", "report.json", "baseline.json"});
  Write([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(
        store::InsertCompilationJob(transaction, {.name = "job",
                                                  .status = std::string(store::kJobCompleted),
                                                  .request = "{}",
                                                  .artifact_uri = "s3://bkt/net.tar.gz",
                                                  .artifact_sha256 = crypto::Sha256Hex(archive)}));
    return store::InsertPackagingJob(
        transaction, {.name = "pack",
                      .status = std::string(store::kJobInProgress),
                      .compilation_job = "job",
                      .model_name = "net",
                      .model_version = "1",
                      .request = R"({"OutputConfig":{"S3OutputLocation":"s3://bkt/out"}})"});
  });
  const JobContext context = Context();
  const auto result = Run([&](const JobRun& run) { return RunPackagingJob(context, run); }, "pack");
  ASSERT_TRUE(result) << result.error().message;
  const Path file = server_->folder() / "fetched.tar.gz";
  ASSERT_TRUE(FetchObject(server_->blobs(), {"bkt", "out/net-1.tar.gz"}, file, 1u << 30));
  trust::TrustedRoots roots;
  ASSERT_TRUE(roots.Add(server_->key().certificate_pem));
  const auto package = package::OpenPackageAt(file, roots);
  ASSERT_TRUE(package) << package.error().message;
  EXPECT_EQ(*package->ReadBaseline(), baseline);
}

TEST_F(BaselineJobTest, ACompilationWithABrokenBaselineFailsBeforeItCompiles) {
  const Path folder = server_->folder() / "input";
  ASSERT_TRUE(server_->disk().MakeDirectories(folder, 0700));
  for (const char* name : {"net.onnx", "baseline.json"})
    ASSERT_TRUE(server_->disk().WriteAtomically(folder / name, AsBytes("{}"), 0600));
  PutArchive(folder, "in.tar.gz", {"net.onnx", "baseline.json"});
  Write([](store::Transaction& transaction) {
    return store::InsertCompilationJob(
        transaction, {.name = "job", .status = std::string(store::kJobInProgress), .request = R"({
            "InputConfig":{"S3Uri":"s3://bkt/in.tar.gz","Framework":"ONNX"},
            "OutputConfig":{"S3OutputLocation":"s3://bkt/out","TargetDevice":"rasp4b"}})"});
  });
  const JobContext context = Context();
  const auto result =
      Run([&](const JobRun& run) { return RunCompilationJob(context, run); }, "job");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  EXPECT_TRUE(result.error().message.starts_with("baseline.json: ")) << result.error().message;
}

}  // namespace
}  // namespace kedge::server
