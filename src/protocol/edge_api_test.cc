// SPDX-License-Identifier: Apache-2.0
#include "protocol/edge_api.h"

#include <gtest/gtest.h>

#include "protocol/device_credentials.h"

namespace kedge::protocol {
namespace {

Heartbeat FullHeartbeat() {
  Heartbeat heartbeat;
  heartbeat.agent_version = "0.1.0";
  heartbeat.device = {"device-1", "fleet_1"};
  heartbeat.agent_metrics = {{"", "CrashCount", 2, 1'790'000'000'000}};
  heartbeat.models = {{"face",
                       "1.0",
                       1'790'000'000'500,
                       1'790'000'001'000,
                       {{"Model/x", "InferenceCount", 12.5, std::nullopt}}}};
  DeploymentResult result;
  result.deployment_name = "plan-1";
  result.deployment_status = kDeploymentFailed;
  result.deployment_status_message = "checksum differs";
  result.start_time = 1'790'000'000'000;
  result.end_time = 1'790'000'002'000;
  result.models = {{"face", "face", "2.0", ModelState::kDeploy, ModelState::kUndeploy, false,
                    "checksum differs", ""}};
  heartbeat.deployment_result = result;
  return heartbeat;
}

TEST(EdgeApi, HeartbeatSurvivesTheTripThroughText) {
  const Heartbeat heartbeat = FullHeartbeat();
  auto value = json::Parse(json::Write(ToJson(heartbeat)));
  ASSERT_TRUE(value);
  auto read = ParseHeartbeat(*value);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, heartbeat);
}

TEST(EdgeApi, DeploymentsSurviveTheTripThroughText) {
  const std::vector<EdgeDeployment> deployments = {
      {"plan-1",
       FailurePolicy::kNothing,
       {{"face", "s3://b/k.tar.gz", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
         ModelState::kDeploy},
        {"old", "", "", ModelState::kUndeploy}}},
      {"plan-2", FailurePolicy::kRollback, {}}};
  auto read = ParseDeployments(*json::Parse(json::Write(ToJson(deployments))));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, deployments);
}

TEST(EdgeApi, RegistrationCarriesItsLifetimeAsAString) {
  const DeviceRegistration registration{std::string(kRegistered), 300};
  EXPECT_EQ(json::Write(ToJson(registration)),
            R"({"DeviceRegistration":"REGISTERED","CacheTTL":"300"})");
  EXPECT_EQ(*ParseDeviceRegistration(ToJson(registration)), registration);
  const DeviceRegistration placed{.registration = std::string(kRegistered),
                                  .capture_location = "s3://bucket/captures/lab/"};
  EXPECT_EQ(*ParseDeviceRegistration(ToJson(placed)), placed);
  const DeviceRegistration rotated{std::string(kRegistered), 300, {"one", "two"}};
  EXPECT_EQ(*ParseDeviceRegistration(ToJson(rotated)), rotated);
}

TEST(EdgeApi, RegistrationWordsInAnyCase) {
  for (const char* word : {"true", "Registered", "ACTIVE", "enabled"}) {
    SCOPED_TRACE(word);
    EXPECT_TRUE(IsRegistered(word));
  }
  for (const char* word : {"", "false", "NOT_REGISTERED", "inactive"}) {
    SCOPED_TRACE(word);
    EXPECT_FALSE(IsRegistered(word));
  }
}

TEST(EdgeApi, RefusalsNameTheMember) {
  struct Case {
    const char* name;
    const char* text;
    const char* want;
  };
  const Case cases[] = {
      {"no object", "[]", "the message is of kind array, not object"},
      {"deployments of another kind", R"({"Deployments":1})",
       "member Deployments is of kind number, not array"},
      {"no name", R"({"Deployments":[{}]})", "member Deployments[0].DeploymentName is missing"},
      {"no url", R"({"Deployments":[{"DeploymentName":"a","Definitions":[{"ModelHandle":"h"}]}]})",
       "member Deployments[0].Definitions[0].S3Url is missing"},
      {"handle with a slash",
       R"({"Deployments":[{"DeploymentName":"a","Definitions":[{"ModelHandle":"../h"}]}]})",
       "member Deployments[0].Definitions[0].ModelHandle has the value '../h', which its pattern "
       "does not allow"},
      {"checksum of another type",
       R"({"Deployments":[{"DeploymentName":"a","Definitions":[{"ModelHandle":"h","S3Url":"s3://b/k","Checksum":{"Type":"MD5"}}]}]})",
       "member Deployments[0].Definitions[0].Checksum.Type is 'MD5', only SHA1 is known"},
      {"checksum too short",
       R"({"Deployments":[{"DeploymentName":"a","Definitions":[{"ModelHandle":"h","S3Url":"s3://b/k","Checksum":{"Type":"SHA1","Sum":"ab"}}]}]})",
       "member Deployments[0].Definitions[0].Checksum.Sum is not a SHA-1 in lower-case "
       "hexadecimal"},
      {"policy", R"({"Deployments":[{"DeploymentName":"a","FailureHandlingPolicy":"PANIC"}]})",
       "member Deployments[0].FailureHandlingPolicy is neither ROLLBACK_ON_FAILURE nor DO_NOTHING"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    auto read = ParseDeployments(*json::Parse(c.text));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::kInvalidArgument);
    EXPECT_EQ(read.error().message, c.want);
  }
}

TEST(EdgeApi, HeartbeatRefusesTimesThatAreNone) {
  auto value = ToJson(FullHeartbeat());
  value.AsObject()->Set("AgentMetrics", json::Array{json::Object{{"Timestamp", "yesterday"}}});
  auto read = ParseHeartbeat(value);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message,
            "member AgentMetrics[0].Timestamp is not a time in epoch seconds");
}

TEST(EdgeApi, LongReasonsAreCutAtACharacter) {
  DeploymentResult result;
  result.deployment_name = "p";
  result.deployment_status_message = std::string(kStatusMessageBytesMax - 1, 'a') + "\xC3\xA9";
  const std::string cut = ToJson(result).StringOr("DeploymentStatusMessage", "");
  EXPECT_EQ(cut, std::string(kStatusMessageBytesMax - 1, 'a'));
}

TEST(DeviceCredentials, SurviveTheTripAndNeverTellTheSecret) {
  const DeviceCredentials credentials{
      "http://127.0.0.1:8080", "us-east-1", "fleet", "device", "KDEV1", "very-secret"};
  auto read = ParseDeviceCredentials(WriteDeviceCredentials(credentials));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, credentials);

  auto broken = ParseDeviceCredentials(R"({"secret_access_key":"very-secret")");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().message.find("very-secret"), std::string::npos);
  auto missing = ParseDeviceCredentials(R"({"region":"r","secret_access_key":"very-secret"})");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "member device_fleet_name is missing");
}

}  // namespace
}  // namespace kedge::protocol
