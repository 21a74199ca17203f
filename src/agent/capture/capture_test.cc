// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "agent/capture/capture_queue.h"
#include "base/testing/fake_clock.h"
#include "base/testing/faulty_file_system.h"

namespace kedge::agent {
namespace {

constexpr EpochMs kNow = 1'790'000'000'000;  // 2026-09-21T14:13:20Z

CaptureRecord Record(const std::string& id) {
  CaptureRecord record;
  record.capture_id = id;
  record.model_handle = "face";
  record.model_name = "face-detector";
  record.model_version = "1.0";
  record.input_tensors = {{"x", WireType::kUint8, {1, 3}, "abc"}};
  record.output_tensors = {{"y", WireType::kFloat32, {1}, std::string(4, '\0')}};
  return record;
}

class CaptureTest : public ::testing::Test {
 protected:
  CaptureTest() : folder_(*TemporaryDirectory::Make()) {
    options_ = {.disk_path = folder_.path(),
                .folder_prefix = "sme",
                .fleet = "fleet",
                .device = "device",
                .buffer_size = 4,
                .batch_size = 4,
                .push_period = std::chrono::hours(1),
                .embed_bytes_max = 16};
  }

  // The lines of every .jsonl below the folder.
  std::vector<json::Value> Lines() {
    std::vector<json::Value> lines;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (entry.path().extension() != ".jsonl") continue;
      jsonl_ = entry.path();
      const ByteBuffer text = *PosixFileSystem().Read(entry.path(), 1 << 20);
      std::string_view rest = AsText(text);
      while (!rest.empty()) {
        const size_t end = rest.find('\n');
        lines.push_back(*json::Parse(rest.substr(0, end)));
        rest.remove_prefix(end + 1);
      }
    }
    return lines;
  }

  FakeClock clock_{kNow};
  TemporaryDirectory folder_;
  FaultyFileSystem disk_;
  CaptureOptions options_;
  Path jsonl_;
};

TEST_F(CaptureTest, WritesTheRecordAsDocumented) {
  CaptureQueue queue(disk_, clock_, options_);
  ASSERT_TRUE(queue.Put(Record("id-1")));
  EXPECT_EQ(*queue.StatusOf("id-1"), CaptureStatus::kInProgress);
  queue.Flush();
  EXPECT_EQ(*queue.StatusOf("id-1"), CaptureStatus::kSuccess);
  EXPECT_EQ(queue.LatestSample("face"), kNow);
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(
      json::Write(lines[0]),
      R"({"deviceFleetInputs":[{"name":"x","mode":"Input","observedContentType":"Tensor[UINT8; 1, 3]","encoding":"BASE64","data":"YWJj"}],)"
      R"("deviceFleetOutputs":[{"name":"y","mode":"Output","observedContentType":"Tensor[FLOAT32; 1]","encoding":"BASE64","data":"AAAAAA=="}],)"
      R"("deviceFleetAuxiliaryInputs":[],"deviceFleetAuxiliaryOutputs":[],)"
      R"("eventMetadata":{"deviceFleetName":"fleet","deviceId":"device","eventId":"id-1","inferenceTime":"2026-09-21T14:13:20",)"
      R"("modelName":"face-detector","modelVersion":"1.0"},"eventVersion":"0"})");
  EXPECT_EQ(jsonl_.parent_path(), folder_.path() / "sme/fleet/face/2026/09/21/14");
  EXPECT_EQ(jsonl_.stem().string().size(), 32u);
}

TEST_F(CaptureTest, LargeTensorsBecomeFiles) {
  CaptureQueue queue(disk_, clock_, options_);
  CaptureRecord record = Record("big");
  const std::string bytes(17, 'b');
  record.input_tensors = {{"x", WireType::kUint8, {17}, bytes}};
  ASSERT_TRUE(queue.Put(std::move(record)));
  queue.Flush();
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1u);
  const json::Value& entry = (*lines[0].Find("deviceFleetInputs")->AsArray())[0];
  const Path file = jsonl_.parent_path() / "raw-data/input-tensors/big-1.bin";
  EXPECT_EQ(entry.StringOr("data-ref", ""), "file://" + file.string());
  EXPECT_EQ(entry.StringOr("encoding", ""), "NONE");
  EXPECT_EQ(entry.Find("data"), nullptr);
  EXPECT_EQ(AsText(*PosixFileSystem().Read(file, 100)), bytes);
}

TEST_F(CaptureTest, AuxiliaryDataIsTextWhereItCanBe) {
  CaptureQueue queue(disk_, clock_, options_);
  CaptureRecord record = Record("aux");
  record.inputs = {{"meta", CaptureEncoding::kJson, "{\"a\":1}"},
                   {"blob", CaptureEncoding::kBase64, "\xff"},
                   {"photo.jpg", CaptureEncoding::kNone, "\xff\xd8"}};
  ASSERT_TRUE(queue.Put(std::move(record)));
  queue.Flush();
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1u);
  const json::Array& entries = *lines[0].Find("deviceFleetAuxiliaryInputs")->AsArray();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(
      json::Write(entries[0]),
      R"({"name":"meta","mode":"Input","observedContentType":"json","encoding":"JSON","data":"{\"a\":1}"})");
  EXPECT_EQ(entries[1].StringOr("data", ""), "/w==");
  EXPECT_EQ(entries[2].StringOr("observedContentType", ""), "jpg");
  EXPECT_TRUE(entries[2].StringOr("data-ref", "").ends_with("auxiliary-inputs/aux-3.jpg"));
}

TEST_F(CaptureTest, ABatchIsWrittenWhenItIsFull) {
  options_.batch_size = 2;
  CaptureQueue queue(disk_, clock_, options_);
  ASSERT_TRUE(queue.Put(Record("1")));
  ASSERT_TRUE(queue.Put(Record("2")));
  while (*queue.StatusOf("2") == CaptureStatus::kInProgress) {
  }
  EXPECT_EQ(Lines().size(), 2u);
}

TEST_F(CaptureTest, WhatWaitsIsWrittenAtTheEnd) {
  {
    CaptureQueue queue(disk_, clock_, options_);
    ASSERT_TRUE(queue.Put(Record("1")));
  }
  EXPECT_EQ(Lines().size(), 1u);
}

TEST_F(CaptureTest, RefusalsHaveTheirCodes) {
  options_.batch_size = options_.buffer_size = 2;
  options_.batch_size = 100;  // nothing is written by itself
  CaptureQueue queue(disk_, clock_, options_);
  ASSERT_TRUE(queue.Put(Record("used")));
  struct Case {
    const char* name;
    const char* id;
    EpochMs time;
    std::string bytes;
    Code want;
  };
  const Case cases[] = {
      {"used id", "used", 0, "abc", Code::kAlreadyExists},
      {"empty id", "", 0, "abc", Code::kInvalidArgument},
      {"path in the id", "../x", 0, "abc", Code::kInvalidArgument},
      {"future", "f", kNow + kFutureToleranceMs + 1, "abc", Code::kOutOfRange},
      {"bytes of another shape", "s", 0, "ab", Code::kInvalidArgument},
      {"fits", "ok", kNow - 1000, "abc", Code::kOk},
      {"full", "late", 0, "abc", Code::kResourceExhausted},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    CaptureRecord record = Record(c.id);
    record.inference_time = c.time;
    record.input_tensors[0].bytes = c.bytes;
    const Status put = queue.Put(std::move(record));
    EXPECT_EQ(put ? Code::kOk : put.error().code, c.want);
  }
  EXPECT_EQ(queue.StatusOf("late").error().code, Code::kNotFound) << "a refused id stays free";
}

TEST_F(CaptureTest, ABufferOfBytesHasItsLimitToo) {
  options_.batch_size = 100;
  options_.buffer_size = 100;
  CaptureQueue queue(disk_, clock_, options_);
  const auto big = [](const std::string& id) {
    CaptureRecord record = Record(id);
    const int32_t bytes = 40 << 20;
    record.input_tensors = {{"x", WireType::kUint8, {bytes}, std::string(bytes, 'x')}};
    return record;
  };
  ASSERT_TRUE(queue.Put(big("1")));
  EXPECT_EQ(queue.Put(big("2")).error().code, Code::kResourceExhausted);
}

TEST_F(CaptureTest, TheSampleOfTheHandleUsedLongestAgoIsForgotten) {
  options_.batch_size = options_.buffer_size = kLatestSamplesMax + 1;
  CaptureQueue queue(disk_, clock_, options_);
  for (size_t i = 0; i <= kLatestSamplesMax; ++i) {
    CaptureRecord record = Record("id-" + std::to_string(i));
    record.model_handle = "m" + std::to_string(i);
    record.inference_time = clock_.NowMs();
    clock_.Advance(std::chrono::milliseconds(1));
    ASSERT_TRUE(queue.Put(std::move(record)));
  }
  queue.Flush();
  EXPECT_EQ(queue.LatestSample("m0"), 0);
  EXPECT_EQ(queue.LatestSample("m1"), kNow + 1);
  EXPECT_EQ(queue.LatestSample("m" + std::to_string(kLatestSamplesMax)),
            kNow + static_cast<EpochMs>(kLatestSamplesMax));
}

TEST_F(CaptureTest, WithoutADestinationNothingIsTaken) {
  options_.disk_path = "";
  CaptureQueue queue(disk_, clock_, options_);
  EXPECT_EQ(queue.Put(Record("1")).error().code, Code::kFailedPrecondition);
}

TEST_F(CaptureTest, AFullDiskIsAFailureOfItsRecordsOnlyAndLeavesNoHalfLine) {
  for (int64_t call = 0;; ++call) {
    SCOPED_TRACE(call);
    FaultyFileSystem disk({.call = call});
    CaptureQueue queue(disk, clock_, options_);
    CaptureRecord record = Record("fails-" + std::to_string(call));
    record.input_tensors = {{"x", WireType::kUint8, {17}, std::string(17, 'b')}};
    ASSERT_TRUE(queue.Put(record));
    queue.Flush();
    const bool failed = disk.calls() > call;
    EXPECT_EQ(*queue.StatusOf(record.capture_id),
              failed ? CaptureStatus::kFailure : CaptureStatus::kSuccess);
    EXPECT_EQ(Lines().size(), failed ? 0u : 1u);
    if (!failed) break;
    record = Record("next-" + std::to_string(call));
    record.model_handle = "other";
    ASSERT_TRUE(queue.Put(record));
    queue.Flush();
    EXPECT_EQ(*queue.StatusOf(record.capture_id), CaptureStatus::kSuccess);
    std::filesystem::remove_all(folder_.path() / "sme");
  }
}

}  // namespace
}  // namespace kedge::agent
