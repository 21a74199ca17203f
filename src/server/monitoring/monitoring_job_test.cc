// Executions over real objects: captures of a fleet, datasets, ground truth; without the runner's
// threads. SPDX-License-Identifier: Apache-2.0
#include "server/monitoring/monitoring_job.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "server/monitoring/dataset_rows.h"
#include "server/monitoring/schedule.h"
#include "server/testing/test_server.h"
#include "stats/model_monitor/dataset_profile.h"
#include "store/tables/monitoring.h"

namespace kedge::server {
namespace {

namespace mm = stats::model_monitor;

constexpr EpochMs kHourMs = 3'600'000;

class MonitoringJobTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    ASSERT_TRUE(server_->blobs().CreateBucket("bucket"));
    server_->Must(
        "CreateDeviceFleet",
        R"({"DeviceFleetName":"lab","OutputConfig":{"S3OutputLocation":"s3://bucket/captures"}})");
    slot_ = server_->clock().NowMs() / kHourMs * kHourMs;
  }

  void Put(const std::string& key, const std::string& text) {
    ASSERT_TRUE(blob::PutObject(server_->blobs(), {"bucket", key}, AsBytes(text), "text/plain"));
  }
  std::string Get(const std::string& key) {
    const auto bytes = blob::GetObject(server_->blobs(), {"bucket", key}, 1 << 20);
    return bytes ? std::string(AsText(*bytes)) : bytes.error().message;
  }

  // Runs an execution of the kind with the request; the window is the hour before the slot.
  Result<store::JobOutputs> Run(const std::string& kind, const std::string& members,
                                const std::string& endpoint = "lab") {
    const std::string request =
        R"({")" + kind +
        R"(JobOutputConfig":{"MonitoringOutputs":[{"S3Output":{"S3Uri":"s3://bucket/reports"}}]},)" +
        members + "}";
    const std::string name = "e" + std::to_string(++executions_);
    EXPECT_TRUE(server_->store().Write([&](store::Transaction& transaction) {
      return store::InsertExecution(transaction, {.name = name,
                                                  .schedule = "s" + std::to_string(executions_),
                                                  .scheduled = slot_,
                                                  .kind = kind,
                                                  .endpoint = endpoint,
                                                  .request = request,
                                                  .from = slot_ - kHourMs,
                                                  .to = slot_});
    }));
    const JobContext context{.disk = server_->disk(),
                             .store = server_->store(),
                             .blobs = server_->blobs(),
                             .clock = server_->clock(),
                             .keyring = server_->keyring(),
                             .programs = {},
                             .scratch = server_->folder(),
                             .compile_cache = {},
                             .arns = {}};
    const std::atomic<bool> cancelled{cancelled_};
    JobLog log;
    return RunMonitoringJob(context, {.name = name, .cancelled = cancelled, .log = log, .hold = [] {
                                        return Status();
                                      }});
  }
  std::string Folder(const std::string& endpoint = "lab/") const {
    return "reports/" + endpoint + "s" + std::to_string(executions_) + "/" + HourFolder(slot_) +
           "/";
  }
  std::string Hour() const { return HourFolder(slot_ - kHourMs) + "/"; }

  // A capture of the service's form: the output, then two inputs.
  static std::string Capture(int id, const std::string& output, const std::string& input) {
    return R"({"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":")" +
           input +
           R"(","encoding":"CSV"},"endpointOutput":{"observedContentType":"text/csv","mode":"OUTPUT","data":")" +
           output + R"(","encoding":"CSV"}},"eventMetadata":{"eventId":")" + std::to_string(id) +
           R"("},"eventVersion":"0"})" + "\n";
  }
  static std::string Truth(int id, const std::string& label) {
    return R"({"groundTruthData":{"data":")" + label +
           R"(","encoding":"CSV"},"eventMetadata":{"eventId":")" + std::to_string(id) +
           R"("},"eventVersion":"0"})" + "\n";
  }
  // Baseline of 500 rows: y 0 or 1, x 0..99, z 0.0..0.9.
  void PutBaseline() {
    mm::DatasetProfile profile;
    for (int i = 0; i < 500; ++i) {
      profile.BeginRow();
      ASSERT_TRUE(profile.Add("y", std::to_string(i % 2)));
      ASSERT_TRUE(profile.Add("x", std::to_string(i % 100)));
      ASSERT_TRUE(profile.Add("z", "0." + std::to_string(i % 10)));
    }
    Put("baseline/statistics.json", mm::WriteStatistics(profile.ToStatistics()));
    Put("baseline/constraints.json", mm::WriteConstraints(profile.Suggest()));
  }
  static constexpr char kBaseline[] =
      R"("DataQualityBaselineConfig":{"ConstraintsResource":{"S3Uri":"s3://bucket/baseline/constraints.json"},)"
      R"("StatisticsResource":{"S3Uri":"s3://bucket/baseline/statistics.json"}},)";
  static constexpr char kEndpoint[] =
      R"("DataQualityJobInput":{"EndpointInput":{"EndpointName":"lab"}})";

  std::unique_ptr<TestServer> server_;
  EpochMs slot_ = 0;
  int executions_ = 0;
  bool cancelled_ = false;
};

TEST_F(MonitoringJobTest, CapturesOfAFleetAreComparedWithTheBaseline) {
  PutBaseline();
  std::string same;
  std::string drifted;
  for (int i = 0; i < 500; ++i) {
    const std::string z = ",0." + std::to_string(i % 10);
    same += Capture(i, std::to_string(i % 2), std::to_string(i % 100) + z);
    drifted += Capture(i, std::to_string(i % 2), std::to_string(i % 100 + 60) + z);
  }
  Put("captures/lab/shapes/" + Hour() + "a.jsonl", same);
  // Not of the window.
  Put("captures/lab/shapes/" + HourFolder(slot_ - 2 * kHourMs) + "/b.jsonl", drifted);
  Put("captures/lab/shapes/" + HourFolder(slot_) + "/c.jsonl", drifted);
  auto outputs = Run("DataQuality", std::string(kBaseline) + kEndpoint);
  ASSERT_TRUE(outputs) << outputs.error().message;
  EXPECT_EQ(outputs->outcome, "Completed");
  EXPECT_EQ(outputs->artifact_uri, "s3://bucket/" + Folder());
  const auto statistics = mm::ReadStatistics(Get(Folder() + "statistics.json"));
  ASSERT_TRUE(statistics) << statistics.error().message;
  EXPECT_EQ(statistics->rows, 500u);
  EXPECT_EQ(statistics->features.at(1).name, "x");  // named by the baseline's place
  EXPECT_TRUE(mm::ReadConstraints(Get(Folder() + "constraints.json")));
  EXPECT_EQ(mm::ReadViolations(Get(Folder() + "constraint_violations.json"))->size(), 0u);

  Put("captures/lab/shapes/" + Hour() + "a.jsonl", drifted);
  outputs = Run("DataQuality", std::string(kBaseline) + kEndpoint);
  ASSERT_TRUE(outputs) << outputs.error().message;
  EXPECT_EQ(outputs->outcome, "CompletedWithViolations");
  EXPECT_EQ(outputs->exit_message,
            "CompletedWithViolations: Job completed successfully with 1 violations.");
  const auto violations = mm::ReadViolations(Get(Folder() + "constraint_violations.json"));
  ASSERT_EQ(violations->size(), 1u);
  EXPECT_EQ(violations->at(0).feature, "x");
  EXPECT_EQ(violations->at(0).check, mm::kBaselineDriftCheck);
}

TEST_F(MonitoringJobTest, EdgeCapturesAreReadWithoutConversion) {
  std::string lines;
  for (int i = 0; i < 10; ++i) {
    lines +=
        R"({"deviceFleetInputs":[{"name":"x","mode":"Input","observedContentType":"Tensor[UINT8; 1, 3]","encoding":"BASE64","data":"YWJj"}],)"
        R"("deviceFleetOutputs":[{"name":"y","mode":"Output","observedContentType":"Tensor[FLOAT32; 1]","encoding":"BASE64","data":"AADAPw=="}],)"
        R"("eventMetadata":{"eventId":"e"},"eventVersion":"0"})"
        "\n";
  }
  Put("captures/lab/shapes/" + Hour() + "a.jsonl", lines);
  const auto outputs = Run("DataQuality", kEndpoint);
  ASSERT_TRUE(outputs) << outputs.error().message;
  const auto statistics = mm::ReadStatistics(Get(Folder() + "statistics.json"));
  EXPECT_EQ(statistics->Find("x_1")->numerical->mean, 98);
  EXPECT_EQ(statistics->Find("y")->numerical->sum, 15);
}

TEST_F(MonitoringJobTest, DatasetsAreReadInTheirFormat) {
  constexpr char kInput[] =
      R"("DataQualityJobInput":{"BatchTransformInput":{"DataCapturedDestinationS3Uri":"s3://bucket/)";
  struct Case {
    const char* name;
    const char* text;
    const char* format;
    const char* columns;
  };
  const Case cases[] = {
      {"csv", "a,b\n1,x\n2,y\n", R"({"Csv":{"Header":true}})", "a b"},
      {"bare", "1,x\n2,y\n", R"({"Csv":{"Header":false}})", "_c0 _c1"},
      {"lines", "{\"a\":1}\n{\"a\":2,\"b\":3}\n", R"({"Json":{"Line":true}})", "a b"},
      {"array", "[{\"a\":1},\n{\"a\":2}]", R"({"Json":{"Line":false}})", "a"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    Put(std::string(one.name) + "/data", one.text);
    const auto outputs =
        Run("DataQuality",
            kInput + std::string(one.name) + R"(","DatasetFormat":)" + one.format + "}}", "");
    ASSERT_TRUE(outputs) << outputs.error().message;
    const auto statistics = mm::ReadStatistics(Get(Folder("") + "statistics.json"));
    EXPECT_EQ(statistics->rows, 2u);
    std::string columns;
    for (const auto& feature : statistics->features) {
      columns += (columns.empty() ? "" : " ") + feature.name;
    }
    EXPECT_EQ(columns, one.columns);
  }
}

TEST_F(MonitoringJobTest, QualityJoinsPredictionsWithLabels) {
  std::string captures;
  std::string labels;
  for (int i = 0; i < 10; ++i) {
    captures += Capture(i, i < 5 ? "1" : "0", "1,2");
    if (i != 9) labels += Truth(i, i < 4 ? "1" : "0");  // one wrong, one without a label
  }
  Put("captures/lab/shapes/" + Hour() + "a.jsonl", captures);
  Put("labels/" + HourFolder(slot_) + "/l.jsonl", labels);
  Put("quality.json",
      R"({"binary_classification_constraints":{"accuracy":{"threshold":0.9,"comparison_operator":"LessThanThreshold"}}})");
  const auto outputs = Run(
      "ModelQuality",
      R"("ModelQualityAppSpecification":{"ProblemType":"BinaryClassification"},)"
      R"("ModelQualityBaselineConfig":{"ConstraintsResource":{"S3Uri":"s3://bucket/quality.json"}},)"
      R"("ModelQualityJobInput":{"EndpointInput":{"EndpointName":"lab","InferenceAttribute":"0"},)"
      R"("GroundTruthS3Input":{"S3Uri":"s3://bucket/labels"}})");
  // Labels of the slot's own hour are not yet due.
  ASSERT_FALSE(outputs);
  EXPECT_EQ(outputs.error().message, "no prediction has a label");
  Put("labels/" + Hour() + "l.jsonl", labels);
  const auto again = Run(
      "ModelQuality",
      R"("ModelQualityAppSpecification":{"ProblemType":"BinaryClassification"},)"
      R"("ModelQualityBaselineConfig":{"ConstraintsResource":{"S3Uri":"s3://bucket/quality.json"}},)"
      R"("ModelQualityJobInput":{"EndpointInput":{"EndpointName":"lab","InferenceAttribute":"0"},)"
      R"("GroundTruthS3Input":{"S3Uri":"s3://bucket/labels"}})");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->outcome, "CompletedWithViolations");
  const auto metrics = json::Parse(Get(Folder() + "statistics.json"));
  EXPECT_EQ(metrics->Find("dataset")->IntOr("item_count", 0), 9);
  EXPECT_DOUBLE_EQ(
      metrics->Find("binary_classification_metrics")->Find("accuracy")->Find("value")->NumberOr(0),
      8.0 / 9);
  EXPECT_NE(Get(Folder() + "constraint_violations.json").find("LessThanThreshold"),
            std::string::npos);
}

TEST_F(MonitoringJobTest, BiasIsComparedWithItsBaseline) {
  std::string captures;
  std::string labels;
  for (int i = 0; i < 40; ++i) {
    const bool d = i % 2 == 0;
    captures += Capture(i, i % 4 < 3 && !d ? "1" : "0", d ? "7,1" : "7,0");
    labels += Truth(i, i % 4 < 2 ? "1" : "0");
  }
  Put("captures/lab/shapes/" + Hour() + "a.jsonl", captures);
  Put("labels/" + Hour() + "l.jsonl", labels);
  Put("config.json",
      R"({"label":"y","label_values_or_threshold":[1],"facet":[{"name_or_index":"_c2","value_or_threshold":[1]}]})");
  Put("bias.json",
      R"({"version":"1.0","post_training_bias_metrics":{"label":"y","facets":{"_c2":[{"value_or_threshold":"1","metrics":[{"name":"DPPL","value":0.1},{"name":"AD","value":0.9}]}]}}})");
  const auto outputs =
      Run("ModelBias",
          R"("ModelBiasAppSpecification":{"ConfigUri":"s3://bucket/config.json"},)"
          R"("ModelBiasBaselineConfig":{"ConstraintsResource":{"S3Uri":"s3://bucket/bias.json"}},)"
          R"("ModelBiasJobInput":{"EndpointInput":{"EndpointName":"lab"},)"
          R"("GroundTruthS3Input":{"S3Uri":"s3://bucket/labels"}})");
  ASSERT_TRUE(outputs) << outputs.error().message;
  EXPECT_EQ(outputs->outcome, "CompletedWithViolations");
  const auto violations = json::Parse(Get(Folder() + "constraint_violations.json"));
  ASSERT_EQ(violations->Find("violations")->AsArray()->size(), 1u);
  const json::Value& violation = violations->Find("violations")->AsArray()->front();
  EXPECT_EQ(violation.StringOr("metric_name", ""), "DPPL");  // 0.5: every second of a, nobody of d
  EXPECT_EQ(violation.StringOr("constraint_check_type", ""), "bias_drift_check");
}

TEST_F(MonitoringJobTest, AFailureSaysWhy) {
  struct Case {
    const char* name;
    std::string kind;
    std::string members;
    std::string endpoint;
    const char* words;
  };
  Put("bad/data", "{\"a\":1}\nno json\n");
  Put("captures/lab/one/" + Hour() + "a.jsonl", Capture(1, "1", "2"));
  Put("captures/lab/two/" + Hour() + "a.jsonl", Capture(1, "1", "2"));
  const std::string batch =
      R"("DataQualityJobInput":{"BatchTransformInput":{"DatasetFormat":{"Json":{}},"DataCapturedDestinationS3Uri":"s3://bucket/)";
  const Case cases[] = {
      {"two models", "DataQuality", kEndpoint, "lab", "KEDGE_MODEL"},
      {"no fleet", "DataQuality", kEndpoint, "none", "No devicefleet with name: none"},
      {"no data", "DataQuality", batch + R"(nothing"}})", "", "Job inputs had no data"},
      {"bad line", "DataQuality", batch + R"(bad"}})", "", "s3://bucket/bad/data: line 2"},
      {"no baseline object", "DataQuality",
       R"("DataQualityBaselineConfig":{"ConstraintsResource":{"S3Uri":"s3://bucket/none"}},)" +
           batch + R"(bad"}})",
       "", "s3://bucket/none"},
      {"no problem type", "ModelQuality",
       R"("ModelQualityAppSpecification":{},"ModelQualityJobInput":{"BatchTransformInput":{"DataCapturedDestinationS3Uri":"s3://bucket/bad"}})",
       "", "ProblemType"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    const auto outputs = Run(one.kind, one.members, one.endpoint);
    ASSERT_FALSE(outputs);
    EXPECT_NE(outputs.error().message.find(one.words), std::string::npos)
        << outputs.error().message;
  }
  cancelled_ = true;
  EXPECT_EQ(Run("DataQuality", batch + R"(bad"}})", "").error().code, Code::kCancelled);
}

TEST(HourOfKey, FindsTheFolderOfAnHour) {
  EXPECT_EQ(FormatIso8601(*HourOfKey("/a/b/2026/11/28/21/c.jsonl")).substr(0, 13), "2026-11-28T21");
  EXPECT_FALSE(HourOfKey("/a/2026/11/28/c.jsonl"));
  EXPECT_FALSE(HourOfKey("/a/2026/13/28/21/c"));
}

}  // namespace
}  // namespace kedge::server
