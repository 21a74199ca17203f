// The spool with a real folder and an object store that fails and is killed at any call.
// SPDX-License-Identifier: Apache-2.0
#include "agent/capture/spool.h"

#include <gtest/gtest.h>
#include <map>

#include "agent/capture/capture_queue.h"
#include "base/testing/fake_clock.h"
#include "base/testing/faulty_file_system.h"

namespace kedge::agent {
namespace {

constexpr EpochMs kNow = 1'790'000'000'000;  // 2026-09-21T14:13:20Z
constexpr EpochMs kHourMs = 3'600'000;

CaptureRecord Record(const std::string& id, EpochMs time) {
  CaptureRecord record;
  record.capture_id = id;
  record.inference_time = time;
  record.model_handle = "face";
  record.model_name = "face-detector";
  record.model_version = "1.0";
  record.input_tensors = {{"x", WireType::kUint8, {40}, std::string(40, 'x')}};
  record.output_tensors = {{"y", WireType::kFloat32, {1}, std::string(4, '\0')}};
  record.reason = "floor";
  record.inclusion_probability = 0.25;
  return record;
}

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() : folder_(*TemporaryDirectory::Make()) {
    options_ = {.root = folder_.path() / "fleet",
                .device = "cam-1",
                .location = "s3://bucket/out/fleet/",
                .bytes_max = 1 << 20,
                .files_max = 1000};
  }

  // Records of `count` hours, one batch an hour.
  void Fill(int count) {
    CaptureQueue queue(disk_, clock_,
                       {.disk_path = folder_.path(),
                        .folder_prefix = "",
                        .fleet = "fleet",
                        .device = "cam-1",
                        .buffer_size = 100,
                        .batch_size = 1,
                        .embed_bytes_max = 16});
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(queue.Put(Record("id-" + std::to_string(i), kNow - i * kHourMs)));
      queue.Flush();
    }
  }

  std::vector<Path> Batches() {
    std::vector<Path> batches;
    const auto hours = *ListHours(disk_, options_.root);
    for (const SpoolHour& hour : hours) {
      const auto of_hour = *ListBatches(disk_, hour);
      batches.insert(batches.end(), of_hour.begin(), of_hour.end());
    }
    return batches;
  }

  // Files and bytes of the whole spool.
  std::pair<uint64_t, uint64_t> Sum() {
    std::pair<uint64_t, uint64_t> sum;
    const auto hours = *ListHours(disk_, options_.root);
    for (const SpoolHour& hour : hours) {
      sum.first += hour.files;
      sum.second += hour.bytes;
    }
    return sum;
  }

  Result<uint64_t> Upload(const Path& batch) {
    const PutObject put = [this](const std::string& url, const ObjectBody& body) -> Status {
      if (puts_left_ == 0) return Unavailable("the server is away");
      --puts_left_;
      ++puts_;
      objects_[url] = body.file.empty() ? std::string(AsText(body.bytes))
                                        : std::string(AsText(*disk_.Read(body.file, 1 << 20)));
      return {};
    };
    return UploadBatch(disk_, options_, batch, put, progress_);
  }

  FakeClock clock_{kNow};
  TemporaryDirectory folder_;
  FaultyFileSystem disk_;
  SpoolOptions options_;
  std::map<std::string, std::string> objects_;
  UploadProgress progress_;
  int puts_left_ = 1'000'000;
  int puts_ = 0;
};

TEST_F(SpoolTest, UploadsABatchUnderNamesOfTheDeviceAndDeletesIt) {
  Fill(1);
  ASSERT_EQ(Batches().size(), 1u);
  const auto sent = Upload(Batches()[0]);
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(Sum().first, 0u);
  ASSERT_EQ(objects_.size(), 2u);
  const std::string hour = "s3://bucket/out/fleet/face/2026/09/21/14/";
  const std::string raw = hour + "raw-data/input-tensors/cam-1.id-0-1.bin";
  ASSERT_TRUE(objects_.contains(raw)) << objects_.begin()->first;
  EXPECT_EQ(objects_[raw], std::string(40, 'x'));
  const auto& [name, lines] = *objects_.begin();
  EXPECT_TRUE(name.starts_with(hour + "cam-1.")) << name;
  const json::Value line = *json::Parse(lines.substr(0, lines.find('\n')));
  EXPECT_EQ((*line.Find("deviceFleetInputs")->AsArray())[0].StringOr("data-ref", ""), raw);
  const json::Value& metadata = *line.Find("eventMetadata");
  EXPECT_EQ(metadata.StringOr("captureReason", ""), "floor");
  EXPECT_EQ(*metadata.Find("inclusionProbability")->AsDouble(), 0.25);
  EXPECT_EQ(*sent, 40 + lines.size());
}

TEST_F(SpoolTest, NothingIsLostWhereverTheServerOrTheDiskFails) {
  // The n-th call of the server (even) or the disk (odd) fails; then all goes on.
  for (int n = 0; n < 24; ++n) {
    SCOPED_TRACE(n);
    objects_.clear();
    Fill(3);
    puts_left_ = n % 2 == 0 ? n / 2 : 1'000'000;
    if (n % 2 == 1) disk_.FailFrom(disk_.calls() + n / 2);
    for (int round = 0; round < 2; ++round) {
      for (const Path& batch : Batches()) {
        if (!Upload(batch)) break;
      }
      puts_left_ = 1'000'000;
      disk_.Heal();
    }
    EXPECT_TRUE(Batches().empty());
    EXPECT_GE(objects_.size(), 6u);
    size_t lines = 0;
    for (const auto& [url, text] : objects_) lines += url.ends_with(".jsonl");
    EXPECT_EQ(lines, 3u) << "the same name each time: nothing twice";
    std::filesystem::remove_all(options_.root);
  }
}

TEST_F(SpoolTest, DamagedBatchesAreSetAsideAndOthersGoOn) {
  struct Case {
    const char* name;
    std::string text;
  };
  const Case cases[] = {
      {"no JSON", "what?\n"},
      {"a reference out of its folder",
       R"({"deviceFleetInputs":[{"data-ref":"file:///etc/passwd"}]})"
       "\n"},
      {"a reference with dots", R"({"deviceFleetInputs":[{"data-ref":"file://)" +
                                    options_.root.string() +
                                    R"(/face/2026/09/21/14/raw-data/../../x"}]})"
                                    "\n"},
      {"a raw file that is not there", R"({"deviceFleetInputs":[{"data-ref":"file://)" +
                                           options_.root.string() +
                                           R"(/face/2026/09/21/14/raw-data/a/b.bin"}]})"
                                           "\n"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    objects_.clear();
    const Path folder = options_.root / "face/2026/09/21/14";
    ASSERT_TRUE(disk_.MakeDirectories(folder, 0755));
    const Path batch = folder / "0.jsonl";
    ASSERT_TRUE(disk_.WriteAtomically(batch, AsBytes(c.text), 0644));
    const auto sent = Upload(batch);
    ASSERT_TRUE(sent) << sent.error().message;
    EXPECT_TRUE(objects_.empty());
    EXPECT_FALSE(disk_.Exists(batch));
    EXPECT_TRUE(disk_.Exists(batch.string() + ".damaged"));
  }
}

TEST_F(SpoolTest, AnUploadThatBrokeOffGoesOnWithWhatIsMissing) {
  Fill(1);
  puts_left_ = 1;
  const Path batch = Batches()[0];
  EXPECT_EQ(Upload(batch).error().code, Code::kUnavailable);
  puts_left_ = 1;
  EXPECT_TRUE(Upload(batch));
  EXPECT_EQ(puts_, 2);
  EXPECT_EQ(objects_.size(), 2u);
}

TEST_F(SpoolTest, WhatTheServerSaysDecides) {
  struct Case {
    const char* name;
    Error error;
    bool set_aside;
  };
  const Case cases[] = {{"no bucket yet", NotFound("no such bucket"), false},
                        {"no rights yet", PermissionDenied("not here"), false},
                        {"away", Unavailable("away"), false},
                        {"the day's budget", ResourceExhausted("spent"), false},
                        {"a key that it does not take", InvalidArgument("key"), true}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    std::filesystem::remove_all(options_.root);
    Fill(1);
    const Path batch = Batches()[0];
    const auto sent = UploadBatch(
        disk_, options_, batch,
        [&](const std::string&, const ObjectBody&) -> Status { return c.error; }, progress_);
    EXPECT_EQ(sent.has_value(), c.set_aside);
    EXPECT_EQ(disk_.Exists(batch), !c.set_aside);
    EXPECT_EQ(disk_.Exists(batch.string() + ".refused"), c.set_aside);
  }
}

TEST_F(SpoolTest, TrimmingDropsTheOldestHoursFirst) {
  for (const bool by_bytes : {true, false}) {
    SCOPED_TRACE(by_bytes);
    std::filesystem::remove_all(options_.root);
    objects_.clear();
    Fill(6);
    const auto [files, bytes] = Sum();
    EXPECT_EQ(files, 12u);
    options_.bytes_max = by_bytes ? bytes / 2 : bytes;
    options_.files_max = by_bytes ? files : 4;
    const auto removed = TrimSpool(disk_, options_);
    ASSERT_TRUE(removed);
    EXPECT_GT(*removed, 0u);
    const auto [files_left, bytes_left] = Sum();
    EXPECT_LE(bytes_left, options_.bytes_max);
    EXPECT_LE(files_left, options_.files_max);
    const auto batches = Batches();
    ASSERT_FALSE(batches.empty());
    EXPECT_NE(batches.back().string().find("2026/09/21/14"), std::string::npos) << "the newest";
    EXPECT_EQ(*TrimSpool(disk_, options_), 0u);
    // What is left uploads whole.
    for (const Path& batch : batches) EXPECT_TRUE(Upload(batch));
    EXPECT_TRUE(Batches().empty());
    EXPECT_GE(objects_.size(), 2 * batches.size());
  }
}

TEST_F(SpoolTest, SweepingTakesWhatNoLineNamesOnceItIsOld) {
  Fill(2);
  const Path hour = options_.root / "face/2026/09/21/13",
             newest = options_.root / "face/2026/09/21/14";
  const Path raw = hour / "raw-data/input-tensors/id-1-1.bin";
  ASSERT_TRUE(disk_.Exists(raw));
  for (const Path& batch : Batches()) ASSERT_TRUE(disk_.Remove(batch));
  SweepSpool(disk_, options_, kNow + 24 * kHourMs);
  EXPECT_TRUE(disk_.Exists(raw)) << "its line may be on its way";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.root)) {
    if (!entry.is_regular_file()) continue;
    std::filesystem::last_write_time(
        entry, std::filesystem::file_time_type::clock::now() - std::chrono::hours(3));
  }
  SweepSpool(disk_, options_, kNow + kSpoolGraceMs);
  EXPECT_FALSE(disk_.Exists(hour));
  EXPECT_TRUE(disk_.Exists(newest)) << "this hour is not over for long enough";
  SweepSpool(disk_, options_, kNow + 24 * kHourMs);
  EXPECT_FALSE(disk_.Exists(options_.root / "face"));
  EXPECT_TRUE(disk_.Exists(options_.root));
}

}  // namespace
}  // namespace kedge::agent
