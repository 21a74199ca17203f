// SPDX-License-Identifier: Apache-2.0
#include "protocol/edge_api.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "protocol/json_members.h"

namespace kedge::protocol {

namespace {

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Begins and ends with a letter or digit; between them `inner` may stand as well.
bool IsName(std::string_view text, size_t bytes_min, size_t bytes_max, std::string_view inner) {
  if (text.size() < bytes_min || text.size() > bytes_max) return false;
  if (!IsAlphanumeric(text.front()) || !IsAlphanumeric(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return IsAlphanumeric(c) || inner.find(c) != std::string_view::npos;
  });
}

// Checks a text against a rule, if it is there at all.
void Check(ObjectReader& reader, std::string_view name, const std::string& text,
           bool (*rule)(std::string_view)) {
  if (!text.empty() && !rule(text))
    reader.Fail(name,
                "has the value '" + text.substr(0, 80) + "', which its pattern does not allow");
}

json::Value TimeToJson(EpochMs time) {
  if (time % 1000 == 0) return time / 1000;
  return static_cast<double>(time) / 1000.0;
}

void SetText(json::Object& object, std::string_view name, const std::string& text) {
  if (!text.empty()) object.Set(name, text);
}

void SetTime(json::Object& object, std::string_view name, const std::optional<EpochMs>& time) {
  if (time.has_value()) object.Set(name, TimeToJson(*time));
}

// Cut at a character, not inside one.
std::string Shortened(const std::string& text, size_t bytes_max = kStatusMessageBytesMax) {
  if (text.size() <= bytes_max) return text;
  size_t end = bytes_max;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

std::string_view StateText(ModelState state) {
  return state == ModelState::kDeploy ? "DEPLOY" : "UNDEPLOY";
}

ModelState ReadState(ObjectReader& reader, std::string_view name) {
  const std::string text = reader.String(name);
  if (text == "UNDEPLOY") return ModelState::kUndeploy;
  if (!text.empty() && text != "DEPLOY") reader.Fail(name, "is neither DEPLOY nor UNDEPLOY");
  return ModelState::kDeploy;
}

json::Value MetricsToJson(const std::vector<EdgeMetric>& metrics) {
  json::Array array;
  for (const EdgeMetric& metric : metrics) {
    json::Object object;
    SetText(object, "Dimension", metric.dimension);
    object.Set("MetricName", metric.metric_name);
    object.Set("Value", metric.value);
    SetTime(object, "Timestamp", metric.timestamp);
    array.push_back(std::move(object));
  }
  return array;
}

std::vector<EdgeMetric> ReadMetrics(ObjectReader& parent, std::string_view name) {
  std::vector<EdgeMetric> metrics;
  parent.Array(name, kHeartbeatMetricsMax, [&](ObjectReader& reader) {
    EdgeMetric metric;
    metric.dimension = reader.String("Dimension");
    metric.metric_name = reader.String("MetricName");
    metric.value = reader.Number("Value");
    metric.timestamp = reader.Time("Timestamp");
    metrics.push_back(std::move(metric));
  });
  return metrics;
}

Definition ReadDefinition(ObjectReader& reader) {
  Definition definition;
  definition.model_handle = reader.String("ModelHandle", true);
  Check(reader, "ModelHandle", definition.model_handle, IsEntityName);
  definition.s3_url = reader.String("S3Url");
  definition.state = ReadState(reader, "State");
  if (const json::Value* checksum = reader.Object("Checksum"); checksum != nullptr) {
    ObjectReader inner(*checksum, reader.PathOf("Checksum"));
    const std::string type = inner.String("Type");
    definition.checksum_sha1 = inner.String("Sum");
    if (!type.empty() && type != "SHA1")
      inner.Fail("Type", "is '" + type + "', only SHA1 is known");
    const std::string& sum = definition.checksum_sha1;
    const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (!sum.empty() && (sum.size() != 40 || !std::all_of(sum.begin(), sum.end(), is_hex)))
      inner.Fail("Sum", "is not a SHA-1 in lower-case hexadecimal");
    reader.Take(inner);
  }
  if (definition.state == ModelState::kDeploy && definition.s3_url.empty())
    reader.Fail("S3Url", "is missing");
  return definition;
}

DeploymentModel ReadDeploymentModel(ObjectReader& reader) {
  DeploymentModel model;
  model.model_handle = reader.String("ModelHandle");
  Check(reader, "ModelHandle", model.model_handle, IsEntityName);
  model.model_name = reader.String("ModelName");
  model.model_version = reader.String("ModelVersion");
  model.desired_state = ReadState(reader, "DesiredState");
  model.state = ReadState(reader, "State");
  const std::string status = reader.String("Status");
  if (!status.empty() && status != "SUCCESS" && status != "FAIL")
    reader.Fail("Status", "is neither SUCCESS nor FAIL");
  model.succeeded = status == "SUCCESS";
  model.status_reason = reader.String("StatusReason");
  model.rollback_failure_reason = reader.String("RollbackFailureReason");
  return model;
}

DeviceIdentity ReadIdentity(ObjectReader& reader) {
  DeviceIdentity identity;
  identity.device_name = reader.String("DeviceName", true);
  Check(reader, "DeviceName", identity.device_name, IsDeviceName);
  identity.device_fleet_name = reader.String("DeviceFleetName", true);
  Check(reader, "DeviceFleetName", identity.device_fleet_name, IsDeviceName);
  return identity;
}

json::Value ModelToJson(const ModelReport& model) {
  json::Object object;
  SetText(object, "ModelName", model.model_name);
  SetText(object, "ModelVersion", model.model_version);
  SetTime(object, "LatestSampleTime", model.latest_sample_time);
  SetTime(object, "LatestInference", model.latest_inference);
  if (!model.metrics.empty()) object.Set("ModelMetrics", MetricsToJson(model.metrics));
  return object;
}

}  // namespace

bool IsEntityName(std::string_view text) { return IsName(text, 1, 63, "-"); }
bool IsDeviceName(std::string_view text) { return IsName(text, 1, 63, "-_"); }
bool IsReportedModelName(std::string_view text) { return IsName(text, 4, 255, "-"); }

bool IsVersion(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return IsAlphanumeric(c) || c == ' ' || c == '_' || c == '.';
  });
}

bool IsRegistered(std::string_view registration) {
  std::string lower(registration);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower == "true" || lower == "registered" || lower == "active" || lower == "enabled";
}

json::Value ToJson(const DeviceIdentity& identity) {
  return json::Object{{"DeviceName", identity.device_name},
                      {"DeviceFleetName", identity.device_fleet_name}};
}

json::Value ToJson(const DeviceIdentity& device, const CommandReport& report) {
  json::Object object{{"DeviceName", device.device_name},
                      {"DeviceFleetName", device.device_fleet_name},
                      {"CommandId", report.id},
                      {"Status", report.succeeded ? "SUCCEEDED" : "FAILED"}};
  SetText(object, "Message", Shortened(report.message));
  SetText(object, "Output", Shortened(report.output, kCommandOutputBytesMax));
  return object;
}

json::Value ToJson(const Contact& contact) {
  json::Object object;
  if (contact.next_contact_ms > 0) object.Set("NextContactMs", contact.next_contact_ms);
  return object;
}

json::Value ToJson(const DeviceRegistration& registration) {
  json::Object object{{"DeviceRegistration", registration.registration},
                      {"CacheTTL", std::to_string(registration.cache_ttl_seconds)}};
  if (!registration.roots_documents.empty()) {
    json::Array documents;
    for (const std::string& document : registration.roots_documents) {
      documents.emplace_back(json::Object{{"Document", document}});
    }
    object.Set("RootsDocuments", std::move(documents));
  }
  if (!registration.capture_location.empty()) {
    object.Set("CaptureLocation", registration.capture_location);
  }
  return object;
}

json::Value ToJson(const std::vector<EdgeDeployment>& deployments) {
  json::Array array;
  for (const EdgeDeployment& deployment : deployments) {
    json::Array definitions;
    for (const Definition& definition : deployment.definitions) {
      json::Object object{{"ModelHandle", definition.model_handle}};
      SetText(object, "S3Url", definition.s3_url);
      if (!definition.checksum_sha1.empty())
        object.Set("Checksum", json::Object{{"Type", "SHA1"}, {"Sum", definition.checksum_sha1}});
      object.Set("State", StateText(definition.state));
      definitions.push_back(std::move(object));
    }
    array.push_back(
        json::Object{{"DeploymentName", deployment.deployment_name},
                     {"Type", "Model"},
                     {"FailureHandlingPolicy", deployment.failure_policy == FailurePolicy::kRollback
                                                   ? "ROLLBACK_ON_FAILURE"
                                                   : "DO_NOTHING"},
                     {"Definitions", std::move(definitions)}});
  }
  return json::Object{{"Deployments", std::move(array)}};
}

json::Value ToJson(const DeploymentResult& result) {
  json::Object object{{"DeploymentName", result.deployment_name}};
  SetText(object, "DeploymentStatus", result.deployment_status);
  SetText(object, "DeploymentStatusMessage", Shortened(result.deployment_status_message));
  SetTime(object, "DeploymentStartTime", result.start_time);
  SetTime(object, "DeploymentEndTime", result.end_time);
  json::Array models;
  for (const DeploymentModel& model : result.models) {
    json::Object entry{{"ModelHandle", model.model_handle}};
    SetText(entry, "ModelName", model.model_name);
    SetText(entry, "ModelVersion", model.model_version);
    entry.Set("DesiredState", StateText(model.desired_state));
    entry.Set("State", StateText(model.state));
    entry.Set("Status", model.succeeded ? "SUCCESS" : "FAIL");
    SetText(entry, "StatusReason", Shortened(model.status_reason));
    SetText(entry, "RollbackFailureReason", Shortened(model.rollback_failure_reason));
    models.push_back(std::move(entry));
  }
  object.Set("DeploymentModels", std::move(models));
  return object;
}

json::Value ToJson(const Heartbeat& heartbeat) {
  json::Object object{{"AgentVersion", heartbeat.agent_version},
                      {"DeviceName", heartbeat.device.device_name},
                      {"DeviceFleetName", heartbeat.device.device_fleet_name}};
  if (!heartbeat.agent_metrics.empty())
    object.Set("AgentMetrics", MetricsToJson(heartbeat.agent_metrics));
  json::Array models;
  for (const ModelReport& model : heartbeat.models) models.push_back(ModelToJson(model));
  if (!models.empty()) object.Set("Models", std::move(models));
  if (heartbeat.deployment_result.has_value())
    object.Set("DeploymentResult", ToJson(*heartbeat.deployment_result));
  SetText(object, "Boot", heartbeat.boot);
  if (heartbeat.sequence > 0) object.Set("Sequence", heartbeat.sequence);
  if (heartbeat.period_ms > 0) object.Set("PeriodMs", heartbeat.period_ms);
  SetText(object, "Statistics", heartbeat.statistics);
  return object;
}

Result<DeviceIdentity> ParseDeviceIdentity(const json::Value& value) {
  ObjectReader reader(value, "");
  DeviceIdentity identity = ReadIdentity(reader);
  KEDGE_TRY_STATUS(reader.status());
  return identity;
}

Result<Contact> ParseContact(const json::Value& value) {
  ObjectReader reader(value, "");
  const Contact contact{.next_contact_ms = reader.Integer("NextContactMs", 1, 2 * kPeriodMsMax)};
  KEDGE_TRY_STATUS(reader.status());
  return contact;
}

Result<DeviceRegistration> ParseDeviceRegistration(const json::Value& value) {
  ObjectReader reader(value, "");
  DeviceRegistration registration;
  registration.registration = reader.String("DeviceRegistration", true);
  const std::string ttl = reader.String("CacheTTL");
  const auto [end, error] =
      std::from_chars(ttl.data(), ttl.data() + ttl.size(), registration.cache_ttl_seconds);
  if (!ttl.empty() && (error != std::errc() || end != ttl.data() + ttl.size() ||
                       registration.cache_ttl_seconds < 0))
    reader.Fail("CacheTTL", "is not a number of seconds");
  reader.Array("RootsDocuments", kRootsDocumentsMax, [&](ObjectReader& entry) {
    registration.roots_documents.push_back(entry.String("Document", true));
  });
  registration.capture_location = reader.String("CaptureLocation");
  KEDGE_TRY_STATUS(reader.status());
  return registration;
}

Result<std::vector<EdgeDeployment>> ParseDeployments(const json::Value& value) {
  ObjectReader reader(value, "");
  std::vector<EdgeDeployment> deployments;
  reader.Array("Deployments", kDeploymentsMax, [&](ObjectReader& entry) {
    EdgeDeployment deployment;
    deployment.deployment_name = entry.String("DeploymentName", true);
    Check(entry, "DeploymentName", deployment.deployment_name, IsEntityName);
    const std::string type = entry.String("Type");
    if (!type.empty() && type != "Model")
      entry.Fail("Type", "is '" + type + "', only Model is known");
    const std::string policy = entry.String("FailureHandlingPolicy");
    if (policy == "DO_NOTHING") {
      deployment.failure_policy = FailurePolicy::kNothing;
    } else if (!policy.empty() && policy != "ROLLBACK_ON_FAILURE") {
      entry.Fail("FailureHandlingPolicy", "is neither ROLLBACK_ON_FAILURE nor DO_NOTHING");
    }
    entry.Array("Definitions", kDefinitionsMax, [&](ObjectReader& inner) {
      deployment.definitions.push_back(ReadDefinition(inner));
    });
    deployments.push_back(std::move(deployment));
  });
  KEDGE_TRY_STATUS(reader.status());
  return deployments;
}

namespace {

DeploymentResult ReadDeploymentResult(ObjectReader& reader) {
  DeploymentResult result;
  result.deployment_name = reader.String("DeploymentName");
  Check(reader, "DeploymentName", result.deployment_name, IsEntityName);
  result.deployment_status = reader.String("DeploymentStatus");
  Check(reader, "DeploymentStatus", result.deployment_status, IsEntityName);
  result.deployment_status_message = reader.String("DeploymentStatusMessage");
  result.start_time = reader.Time("DeploymentStartTime");
  result.end_time = reader.Time("DeploymentEndTime");
  reader.Array("DeploymentModels", kDefinitionsMax,
               [&](ObjectReader& entry) { result.models.push_back(ReadDeploymentModel(entry)); });
  return result;
}

}  // namespace

Result<std::vector<DeviceCommand>> ParseCommands(const json::Value& value) {
  ObjectReader outer(value, "");
  std::vector<DeviceCommand> commands;
  outer.Array("Commands", kCommandsMax, [&](ObjectReader& reader) {
    DeviceCommand command;
    command.id = reader.String("CommandId", true);
    command.kind = reader.String("Kind", true);
    if (const json::Value* parameters = reader.Object("Parameters"); parameters != nullptr) {
      ObjectReader inner(*parameters, reader.PathOf("Parameters"));
      command.model_handle = inner.String("ModelHandle");
      reader.Take(inner);
    }
    commands.push_back(std::move(command));
  });
  KEDGE_TRY_STATUS(outer.status());
  return commands;
}

Result<DeploymentResult> ParseDeploymentResult(const json::Value& value) {
  ObjectReader reader(value, "");
  DeploymentResult result = ReadDeploymentResult(reader);
  KEDGE_TRY_STATUS(reader.status());
  return result;
}

Result<Heartbeat> ParseHeartbeat(const json::Value& value) {
  ObjectReader reader(value, "");
  Heartbeat heartbeat;
  heartbeat.agent_version = reader.String("AgentVersion", true);
  Check(reader, "AgentVersion", heartbeat.agent_version, IsVersion);
  heartbeat.device = ReadIdentity(reader);
  heartbeat.agent_metrics = ReadMetrics(reader, "AgentMetrics");
  reader.Array("Models", kHeartbeatModelsMax, [&](ObjectReader& entry) {
    ModelReport model;
    model.model_name = entry.String("ModelName");
    Check(entry, "ModelName", model.model_name, IsReportedModelName);
    model.model_version = entry.String("ModelVersion");
    Check(entry, "ModelVersion", model.model_version, IsVersion);
    model.latest_sample_time = entry.Time("LatestSampleTime");
    model.latest_inference = entry.Time("LatestInference");
    model.metrics = ReadMetrics(entry, "ModelMetrics");
    heartbeat.models.push_back(std::move(model));
  });
  if (const json::Value* result = reader.Object("DeploymentResult"); result != nullptr) {
    ObjectReader inner(*result, "DeploymentResult");
    heartbeat.deployment_result = ReadDeploymentResult(inner);
    reader.Take(inner);
  }
  heartbeat.boot = reader.String("Boot");
  Check(reader, "Boot", heartbeat.boot, IsEntityName);
  heartbeat.sequence = reader.Integer("Sequence", 1, std::numeric_limits<int64_t>::max());
  heartbeat.period_ms = reader.Integer("PeriodMs", 1, kPeriodMsMax);
  heartbeat.statistics = reader.String("Statistics");
  if (heartbeat.statistics.size() > kStatisticsBytesMax) {
    reader.Fail("Statistics", "is longer than " + std::to_string(kStatisticsBytesMax) + " bytes");
  }
  KEDGE_TRY_STATUS(reader.status());
  return heartbeat;
}

}  // namespace kedge::protocol
