// The messages between a device and the server: GetDeviceRegistration, GetDeployments and
// SendHeartbeat, with the member names and scalar rules of the sagemaker-edge API (2020-09-23). One
// codec for both sides: the agent writes requests and reads answers, the server the other way
// round, and a round trip through text is the test.
//
// Times travel as JSON numbers, seconds since the epoch with an optional fraction. A member that is
// absent and one that is null are the same; unknown members are ignored, so that either side may be
// the newer one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json/json.h"

namespace kedge::protocol {

// Paths of the three operations; all are POST.
constexpr std::string_view kGetDeploymentsPath = "/GetDeployments";
constexpr std::string_view kGetDeviceRegistrationPath = "/GetDeviceRegistration";
constexpr std::string_view kSendHeartbeatPath = "/SendHeartbeat";
constexpr std::string_view kReportDeviceCommandPath = "/ReportDeviceCommand";  // ours

constexpr size_t kCommandsMax = 16;                // in one answer
constexpr size_t kCommandOutputBytesMax = 60'000;  // longer ones are cut
constexpr size_t kDeploymentsMax = 64;             // in one answer
constexpr size_t kDefinitionsMax = 64;             // in one deployment
constexpr size_t kRootsDocumentsMax = 256;         // in one answer
constexpr size_t kHeartbeatModelsMax = 64;         // in one heartbeat
constexpr size_t kHeartbeatMetricsMax = 256;       // of the agent, and of each model
constexpr size_t kHeartbeatBytesMax = 256 << 10;   // of its JSON text
constexpr size_t kStatisticsBytesMax = 4096;       // of a heartbeat
constexpr int64_t kPeriodMsMax = 86'400'000;       // a day
constexpr size_t kStatusMessageBytesMax = 1024;    // longer texts are cut by the writer

// ^[a-zA-Z0-9](-*[a-zA-Z0-9])*$, 1..63: plans, stages, handles.
bool IsEntityName(std::string_view text);
// The same with underscores inside, 1..63: devices and fleets on the device's side of the API.
bool IsDeviceName(std::string_view text);
// ^[a-zA-Z0-9](-*[a-zA-Z0-9])*$, 4..255: the name of a model in a heartbeat.
bool IsReportedModelName(std::string_view text);
// [a-zA-Z0-9 _.]+, 1..64: the version of an agent or of a model.
bool IsVersion(std::string_view text);

// Which device speaks: the request of GetDeviceRegistration and GetDeployments.
struct DeviceIdentity {
  std::string device_name;
  std::string device_fleet_name;
  friend bool operator==(const DeviceIdentity&, const DeviceIdentity&) = default;
};

struct DeviceRegistration {
  std::string registration;       // free text; see IsRegistered
  int64_t cache_ttl_seconds = 0;  // a decimal string on the wire
  // Ours: the documents by which the trusted keys change (trust/roots_update.h), oldest first, if
  // there are any. Old agents ignore them.
  std::vector<std::string> roots_documents;
  // Ours: "s3://bucket/prefix/fleet/", below which the device may write its captures; empty: the
  // server does not say.
  std::string capture_location;
  friend bool operator==(const DeviceRegistration&, const DeviceRegistration&) = default;
};

// What our server writes for a registered device and for another one. The agent takes "true",
// "registered", "active" and "enabled" in any case as registered.
constexpr std::string_view kRegistered = "REGISTERED";
constexpr std::string_view kNotRegistered = "NOT_REGISTERED";
bool IsRegistered(std::string_view registration);

enum class ModelState { kDeploy, kUndeploy };      // "DEPLOY", "UNDEPLOY"
enum class FailurePolicy { kRollback, kNothing };  // "ROLLBACK_ON_FAILURE", "DO_NOTHING"

// One model of a deployment.
struct Definition {
  std::string model_handle;
  std::string s3_url;         // "s3://bucket/key"; empty for kUndeploy
  std::string checksum_sha1;  // lower-case hexadecimal of the whole object; empty: none given
  ModelState state = ModelState::kDeploy;
  friend bool operator==(const Definition&, const Definition&) = default;
};

struct EdgeDeployment {
  std::string deployment_name;
  FailurePolicy failure_policy = FailurePolicy::kRollback;
  std::vector<Definition> definitions;
  friend bool operator==(const EdgeDeployment&, const EdgeDeployment&) = default;
};

struct EdgeMetric {
  std::string dimension;  // empty: none
  std::string metric_name;
  double value = 0;
  std::optional<EpochMs> timestamp;
  friend bool operator==(const EdgeMetric&, const EdgeMetric&) = default;
};

struct ModelReport {
  std::string model_name;
  std::string model_version;
  std::optional<EpochMs> latest_sample_time;
  std::optional<EpochMs> latest_inference;
  std::vector<EdgeMetric> metrics;
  friend bool operator==(const ModelReport&, const ModelReport&) = default;
};

// What became of one model of a deployment.
struct DeploymentModel {
  std::string model_handle;
  std::string model_name;  // as the package says; empty if it was never read
  std::string model_version;
  ModelState desired_state = ModelState::kDeploy;
  ModelState state = ModelState::kDeploy;
  bool succeeded = false;  // "SUCCESS", "FAIL"
  std::string status_reason;
  std::string rollback_failure_reason;
  friend bool operator==(const DeploymentModel&, const DeploymentModel&) = default;
};

// Names for DeploymentResult::deployment_status that our agent sends.
constexpr std::string_view kDeploymentSucceeded = "SUCCESS";
constexpr std::string_view kDeploymentFailed = "FAIL";
constexpr std::string_view kDeploymentRolledBack = "ROLLED-BACK";

struct DeploymentResult {
  std::string deployment_name;
  std::string deployment_status;
  std::string deployment_status_message;
  std::optional<EpochMs> start_time;
  std::optional<EpochMs> end_time;
  std::vector<DeploymentModel> models;
  friend bool operator==(const DeploymentResult&, const DeploymentResult&) = default;
};

struct Heartbeat {
  std::string agent_version;
  DeviceIdentity device;
  std::vector<EdgeMetric> agent_metrics;
  std::vector<ModelReport> models;
  std::optional<DeploymentResult> deployment_result;
  // Ours, and optional: a server that does not know them ignores them.
  std::string boot;        // new at each start of the agent; empty: not told
  int64_t sequence = 0;    // of the heartbeats since then, from 1; 0: not told
  int64_t period_ms = 0;   // how often the device would send by itself; 0: not told
  std::string statistics;  // counts of inputs and outputs, opaque here; empty: none
  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};

// Our server's answer to a heartbeat, and a member of its answer to GetDeployments: when to come
// again. AWS's clients ignore it.
struct Contact {
  int64_t next_contact_ms = 0;  // 0: not told
  friend bool operator==(const Contact&, const Contact&) = default;
};

// A member of our server's answer to GetDeployments: what an operator wants of the device besides.
// AWS's clients ignore it. It comes again until it is reported.
struct DeviceCommand {
  std::string id;
  std::string kind;          // "REPORT_NOW", "RESTART_MODEL", "DESCRIBE_MODELS"
  std::string model_handle;  // RESTART_MODEL; else empty
  friend bool operator==(const DeviceCommand&, const DeviceCommand&) = default;
};

// How a command ended: the request of ReportDeviceCommand.
struct CommandReport {
  std::string id;
  bool succeeded = false;
  std::string message;  // why it failed
  std::string output;
  friend bool operator==(const CommandReport&, const CommandReport&) = default;
};

json::Value ToJson(const DeviceIdentity& identity);
json::Value ToJson(const DeviceIdentity& device, const CommandReport& report);
json::Value ToJson(const Contact& contact);
json::Value ToJson(const DeviceRegistration& registration);
json::Value ToJson(const std::vector<EdgeDeployment>& deployments);  // the answer of GetDeployments
json::Value ToJson(const DeploymentResult& result);
json::Value ToJson(const Heartbeat& heartbeat);

// Readers. kInvalidArgument naming the member for a value of another kind, a text outside its rule,
// or more entries than the limits above; a message that passes can be written again.
Result<DeviceIdentity> ParseDeviceIdentity(const json::Value& value);
Result<Contact> ParseContact(const json::Value& value);
Result<DeviceRegistration> ParseDeviceRegistration(const json::Value& value);
Result<std::vector<EdgeDeployment>> ParseDeployments(const json::Value& value);
// None if the server sent none.
Result<std::vector<DeviceCommand>> ParseCommands(const json::Value& value);
Result<DeploymentResult> ParseDeploymentResult(const json::Value& value);
Result<Heartbeat> ParseHeartbeat(const json::Value& value);

}  // namespace kedge::protocol
