// SPDX-License-Identifier: Apache-2.0
#include "agent/config.h"

#include <gtest/gtest.h>

#include "base/json/json.h"

namespace kedge::agent {
namespace {

json::Object Good() {
  return {{"sagemaker_edge_core_device_name", "device-1"},
          {"sagemaker_edge_core_device_fleet_name", "fleet_1"},
          {"sagemaker_edge_core_region", "us-east-1"},
          {"sagemaker_edge_core_root_certs_path", "/roots"}};
}

Result<Config> Parse(const json::Object& object, std::vector<std::string>* warnings = nullptr) {
  std::vector<std::string> dropped;
  return ParseConfig(json::Write(object), warnings != nullptr ? warnings : &dropped);
}

TEST(Config, DefaultsAreThoseOfTheDocumentation) {
  std::vector<std::string> warnings;
  const auto config = Parse(Good(), &warnings);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(config->capture_destination, "Disk");
  EXPECT_EQ(config->capture_buffer_size, 30);
  EXPECT_EQ(config->capture_batch_size, 10);
  EXPECT_EQ(config->capture_push_period_seconds, 4);
  EXPECT_EQ(config->capture_embed_bytes_max, 3072);
  EXPECT_EQ(config->PollSeconds(), 1440 * 60);
  EXPECT_EQ(config->heartbeat_interval_seconds, 60);
}

TEST(Config, TakesTheOlderNameOfTheDevice) {
  auto object = Good();
  object.Erase("sagemaker_edge_core_device_name");
  object.Set("sagemaker_edge_core_device_uuid", "old-name");
  const auto config = Parse(object);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->device_name, "old-name");
}

TEST(Config, OurPollIntervalInSecondsWins) {
  auto object = Good();
  object.Set("sagemaker_edge_model_deployment_poll_interval", 5);
  EXPECT_EQ(Parse(object)->PollSeconds(), 300);
  object.Set("kedge_deployment_poll_interval_seconds", 7);
  EXPECT_EQ(Parse(object)->PollSeconds(), 7);
}

TEST(Config, ASmallBufferHasASmallBatch) {
  auto object = Good();
  object.Set("sagemaker_edge_core_capture_data_buffer_size", 4);
  EXPECT_EQ(Parse(object)->capture_batch_size, 2);
}

TEST(Config, UnknownKeysAndKeysWithoutEffectAreWarnings) {
  auto object = Good();
  object.Set("sagemaker_edge_core_colour", "blue");
  object.Set("sagemaker_edge_db_module_path", "/lib/db.so");
  std::vector<std::string> warnings;
  ASSERT_TRUE(Parse(object, &warnings));
  EXPECT_EQ(warnings, (std::vector<std::string>{
                          "key 'sagemaker_edge_core_colour' is unknown and ignored",
                          "key 'sagemaker_edge_db_module_path' has no effect in this agent"}));
}

TEST(Config, RefusalsNameTheKey) {
  struct Case {
    const char* name;
    const char* key;
    json::Value value;
    const char* want;
  };
  const Case cases[] = {
      {"missing", "sagemaker_edge_core_region", nullptr,
       "key 'sagemaker_edge_core_region' is of kind null, needs string"},
      {"empty", "sagemaker_edge_core_region", "", "key 'sagemaker_edge_core_region' is missing"},
      {"too long", "sagemaker_edge_core_region", "a-region-that-is-too-long",
       "key 'sagemaker_edge_core_region' has 25 characters, at most 15 are allowed"},
      {"relative path", "sagemaker_edge_core_root_certs_path", "roots",
       "key 'sagemaker_edge_core_root_certs_path' is 'roots', needs an absolute path"},
      {"number as text", "sagemaker_edge_core_capture_data_buffer_size", "30",
       "key 'sagemaker_edge_core_capture_data_buffer_size' is of kind string, needs integer"},
      {"number out of range", "sagemaker_edge_core_capture_data_base64_embed_limit", 3073,
       "key 'sagemaker_edge_core_capture_data_base64_embed_limit' is 3073, needs 1 to 3072"},
      {"flag", "sagemaker_edge_log_verbose", 1,
       "key 'sagemaker_edge_log_verbose' is of kind number, needs boolean"},
      {"device name", "sagemaker_edge_core_device_name", "../x",
       "key 'sagemaker_edge_core_device_name' is '../x', which is not the name of a device"},
      {"provider", "sagemaker_edge_provider_provider", "Custom",
       "key 'sagemaker_edge_provider_provider' is 'Custom', needs Aws or None"},
      {"batch", "sagemaker_edge_core_capture_data_batch_size", 31,
       "key 'sagemaker_edge_core_capture_data_batch_size' is 31, more than the buffer size 30"},
      {"prefix", "sagemaker_edge_core_folder_prefix", "../x",
       "key 'sagemaker_edge_core_folder_prefix' is '../x', needs a path without '..' below"},
      {"endpoint without credentials", "sagemaker_edge_core_endpoint_override", "http://h",
       "key 'kedge_credentials_path' or 'sagemaker_edge_provider_aws_cert_file' is missing, and "
       "'sagemaker_edge_core_endpoint_override' "
       "names a server"},
      {"rate of another kind", "kedge_capture_floor_rate", "0.1",
       "key 'kedge_capture_floor_rate' is of kind string, needs number"},
      {"rate above 1", "kedge_capture_drift_rate", 1.5,
       "key 'kedge_capture_drift_rate' is 1.5, needs 0 to 1"},
      {"rate below 0", "kedge_monitor_cpu_fraction", -1,
       "key 'kedge_monitor_cpu_fraction' is -1, needs 0 to 1"},
      {"rule", "kedge_drift_rule", "explode",
       "key 'kedge_drift_rule' is 'explode', needs nothing, stop or fall_back"},
      {"certificate without key", "sagemaker_edge_provider_aws_cert_file", "/a.pem",
       "keys 'sagemaker_edge_provider_aws_cert_file' and "
       "'sagemaker_edge_provider_aws_cert_pk_file' "
       "are given together or not at all"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    auto object = Good();
    object.Set(c.key, c.value);
    const auto config = Parse(object);
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code, Code::kInvalidArgument);
    EXPECT_EQ(config.error().message, c.want);
  }
}

TEST(Config, CloudIsDiskWithUpload) {
  auto object = Good();
  object.Set("sagemaker_edge_core_capture_data_destination", "Cloud");
  object.Set("sagemaker_edge_local_data_root_path", "/var/lib/kedge");
  object.Set("kedge_capture_floor_rate", 1);
  std::vector<std::string> warnings;
  const auto config = Parse(object, &warnings);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(warnings.empty());
  EXPECT_TRUE(config->capture_upload);
  EXPECT_EQ(config->capture_disk_path, "/var/lib/kedge/captures");
  EXPECT_EQ(config->capture_floor_rate, 1);
}

TEST(Config, RefusesWhatIsNoObject) {
  std::vector<std::string> warnings;
  EXPECT_EQ(ParseConfig("[]", &warnings).error().message,
            "the configuration is of kind array, needs object");
  EXPECT_FALSE(ParseConfig("{", &warnings));
}

}  // namespace
}  // namespace kedge::agent
