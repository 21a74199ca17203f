// SPDX-License-Identifier: Apache-2.0
#include <future>
#include <gtest/gtest.h>
#include <set>

#include "base/crypto/crypto.h"
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

  std::unique_ptr<TestServer> server_;
};

TEST_F(JobRunTest, AFullDiskDelaysAJobAndLosesNothing) {
  Write([](store::Transaction& transaction) {
    return store::InsertCompilationJob(
        transaction, {.name = "job", .status = std::string(store::kJobStarting), .request = "{}"});
  });
  // Write 0 queues again what ran before; 1 and 2 claim the job, 4 and 5 store its end.
  FullAtTimes store(server_->store(), {1, 2, 4, 5});
  std::promise<void> ended;
  const auto function = [&](const JobRun& run) -> store::Work {
    return [&ended, name = run.name](store::Transaction& transaction) -> Status {
      KEDGE_TRY([[maybe_unused]] const bool found,
                store::EndCompilationJob(transaction, name,
                                         {.status = std::string(store::kJobCompleted)}));
      ended.set_value();
      return {};
    };
  };
  auto runner = JobRunner::Start(store, server_->clock(), store::JobKind::kCompilation, 1, function,
                                 std::chrono::milliseconds(1));
  ASSERT_TRUE(runner) << runner.error().message;
  ended.get_future().wait();
  runner->reset();  // waits for that write
  EXPECT_GE(store.writes(), 7);
  EXPECT_EQ(server_->Must("DescribeCompilationJob", R"({"CompilationJobName":"job"})")
                .StringOr("CompilationJobStatus", ""),
            "COMPLETED");
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
                           .signer = *server_->key().signer,
                           .signing_certificate_pem = server_->key().certificate_pem,
                           .programs = programs,
                           .scratch = server_->folder(),
                           .compile_cache = server_->folder() / "cache",
                           .sandboxed = false};
  const std::string name = "job";
  const std::atomic<bool> never{false};
  Write(RunCompilationJob(context, {.name = name, .cancelled = never, .server_stops = never}));
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
                           .signer = *server_->key().signer,
                           .signing_certificate_pem = server_->key().certificate_pem,
                           .scratch = server_->folder()};
  const std::string name = "pack";
  const std::atomic<bool> never{false};
  Write(RunPackagingJob(context, {.name = name, .cancelled = never, .server_stops = never}));
  const json::Value job =
      server_->Must("DescribeEdgePackagingJob", R"({"EdgePackagingJobName":"pack"})");
  EXPECT_EQ(job.StringOr("EdgePackagingJobStatus", ""), "FAILED");
  EXPECT_EQ(job.StringOr("EdgePackagingJobStatusMessage", ""),
            "ClientError: InputConfiguration: 's3://bkt/net.tar.gz' is not what compilation job "
            "job made: its SHA-256 is " +
                crypto::Sha256Hex(AsBytes(replaced)));
  EXPECT_FALSE(server_->blobs().Head({"bkt", "out/net-1.tar.gz"}));
}

}  // namespace
}  // namespace kedge::server
