// SPDX-License-Identifier: Apache-2.0
#include "agent/config.h"

#include <algorithm>
#include <variant>

#include "base/json/json.h"
#include "protocol/edge_api.h"

namespace kedge::agent {

namespace {

struct Ignored {};  // a key that is known and has no effect here

// One key: where its value goes and what it may be.
struct Key {
  std::string_view name;
  std::variant<std::string Config::*, int64_t Config::*, bool Config::*, double Config::*, Ignored>
      member;        // a double lies in 0..1
  int64_t low = 0;   // integers: the smallest; strings: 1 if the path must be absolute
  int64_t high = 0;  // integers: the largest; strings: the longest
  bool required = false;
};

constexpr int64_t kAbsolutePath = 1;
constexpr int64_t kSecondsMax = 30 * 86'400;

// Keys, limits and defaults of the first block are Edge Manager's; later rows of the same member
// are older spellings.
constexpr Key kKeys[] = {
    {"sagemaker_edge_core_device_name", &Config::device_name, 0, 63, true},
    {"sagemaker_edge_core_device_uuid", &Config::device_name, 0, 63},
    {"sagemaker_edge_core_iot_thing_name", &Config::iot_thing_name, 0, 63},
    {"sagemaker_edge_core_device_fleet_name", &Config::fleet_name, 0, 63, true},
    {"sagemaker_edge_core_region", &Config::region, 0, 15, true},
    {"sagemaker_edge_core_root_certs_path", &Config::root_certs_path, kAbsolutePath, 1023, true},
    {"sagemaker_edge_core_endpoint_override", &Config::endpoint, 0, 1023},
    {"sagemaker_edge_provider_provider", &Config::provider, 0, 31},
    {"sagemaker_edge_core_folder_prefix", &Config::capture_folder_prefix, 0, 1023},
    {"sagemaker_edge_core_capture_data_destination", &Config::capture_destination, 0, 15},
    {"sagemaker_edge_core_capture_data_disk_path", &Config::capture_disk_path, kAbsolutePath, 1023},
    {"sagemaker_edge_core_capture_data_buffer_size", &Config::capture_buffer_size, 1, 100'000},
    {"sagemaker_edge_core_capture_data_batch_size", &Config::capture_batch_size, 1, 100'000},
    {"sagemaker_edge_core_capture_data_push_period_seconds", &Config::capture_push_period_seconds,
     1, kSecondsMax},
    {"sagemaker_edge_core_capture_data_base64_embed_limit", &Config::capture_embed_bytes_max, 1,
     3072},
    {"sagemaker_edge_log_verbose", &Config::log_verbose},
    {"sagemaker_edge_local_data_root_path", &Config::local_root_path, kAbsolutePath, 1023},
    {"sagemaker_edge_model_deployment_poll_interval", &Config::deployment_poll_minutes, 1, 43'200},
    {"sagemaker_edge_core_capture_data_periodic_upload", &Config::capture_upload},
    {"sagemaker_edge_core_capture_data_periodic_upload_period_seconds",
     &Config::capture_upload_period_seconds, 1, kSecondsMax},
    {"sagemaker_edge_provider_provider_path", Ignored{}},
    {"sagemaker_edge_provider_aws_ca_cert_file", &Config::ca_file, kAbsolutePath, 1023},
    {"sagemaker_edge_provider_aws_cert_file", &Config::certificate_file, kAbsolutePath, 1023},
    {"sagemaker_edge_provider_aws_cert_pk_file", &Config::key_file, kAbsolutePath, 1023},
    {"sagemaker_edge_provider_aws_iot_cred_endpoint", &Config::credentials_endpoint, 0, 1023},
    {"sagemaker_edge_provider_s3_bucket_name", Ignored{}},
    {"sagemaker_edge_telemetry_libsystemd_path", Ignored{}},
    {"sagemaker_edge_db_module_path", Ignored{}},
    {"sagemaker_edge_deployment_lib_path", Ignored{}},
    {"sagemaker_edge_dlr_backend_options", Ignored{}},

    {"kedge_credentials_path", &Config::credentials_path, kAbsolutePath, 1023},
    {"kedge_heartbeat_interval_seconds", &Config::heartbeat_interval_seconds, 1, kSecondsMax},
    {"kedge_deployment_poll_interval_seconds", &Config::deployment_poll_seconds, 1, kSecondsMax},
    {"kedge_worker_path", &Config::worker_path, kAbsolutePath, 1023},
    {"kedge_worker_threads", &Config::worker_threads, 1, 64},
    {"kedge_model_memory_bytes_max", &Config::model_memory_bytes_max, 16 << 20, int64_t{1} << 42},
    {"kedge_load_timeout_seconds", &Config::load_timeout_seconds, 1, 3600},
    {"kedge_run_timeout_seconds", &Config::run_timeout_seconds, 1, 3600},
    {"kedge_sandbox_required", &Config::sandbox_required},
    {"kedge_shared_memory_tensors", &Config::shared_memory_tensors},
    {"kedge_capture_spool_bytes_max", &Config::capture_spool_bytes_max, 1 << 20, int64_t{1} << 50},
    {"kedge_capture_spool_files_max", &Config::capture_spool_files_max, 100, 10'000'000},
    {"kedge_capture_upload_bytes_a_day", &Config::capture_upload_bytes_a_day, 1 << 20,
     int64_t{1} << 50},
    {"kedge_capture_floor_rate", &Config::capture_floor_rate},
    {"kedge_capture_drift_rate", &Config::capture_drift_rate},
    {"kedge_capture_novel_rate", &Config::capture_novel_rate},
    {"kedge_capture_uncertain_rate", &Config::capture_uncertain_rate},
    {"kedge_capture_uncertain_margin", &Config::capture_uncertain_margin},
    {"kedge_capture_records_a_day", &Config::capture_records_a_day, 0, 1'000'000'000},
    {"kedge_capture_bytes_a_day", &Config::capture_bytes_a_day, 0, int64_t{1} << 50},
    {"kedge_monitor_cpu_fraction", &Config::monitor_cpu_fraction},
    {"kedge_drift_rule", &Config::drift_rule, 0, 15},
};

const Key* FindKey(std::string_view name) {
  for (const Key& key : kKeys)
    if (key.name == name) return &key;
  return nullptr;
}

Error WrongKind(const Key& key, const json::Value& value, std::string_view needed) {
  return InvalidArgument("key '" + std::string(key.name) + "' is of kind " +
                         std::string(value.KindName()) + ", needs " + std::string(needed));
}

Status SetString(const Key& key, const json::Value& value, std::string* member) {
  const std::string* text = value.AsString();
  if (text == nullptr) return WrongKind(key, value, "string");
  if (text->size() > static_cast<size_t>(key.high))
    return InvalidArgument("key '" + std::string(key.name) + "' has " +
                           std::to_string(text->size()) + " characters, at most " +
                           std::to_string(key.high) + " are allowed");
  if (text->find('\0') != std::string::npos)
    return InvalidArgument("key '" + std::string(key.name) + "' holds a zero byte");
  if (key.low == kAbsolutePath && !text->empty() && text->front() != '/')
    return InvalidArgument("key '" + std::string(key.name) + "' is '" + *text +
                           "', needs an absolute path");
  *member = *text;
  return {};
}

Status SetInt(const Key& key, const json::Value& value, int64_t* member) {
  const int64_t* number = value.AsInt();
  if (number == nullptr) return WrongKind(key, value, "integer");
  if (*number < key.low || *number > key.high)
    return InvalidArgument("key '" + std::string(key.name) + "' is " + std::to_string(*number) +
                           ", needs " + std::to_string(key.low) + " to " +
                           std::to_string(key.high));
  *member = *number;
  return {};
}

// Greengrass writes booleans as strings; both forms are taken.
Status SetBool(const Key& key, const json::Value& value, bool* member) {
  const std::string* text = value.AsString();
  if (value.AsBool() != nullptr) {
    *member = *value.AsBool();
  } else if (text != nullptr && (*text == "true" || *text == "false")) {
    *member = *text == "true";
  } else {
    return WrongKind(key, value, "boolean");
  }
  return {};
}

Status SetFraction(const Key& key, const json::Value& value, double* member) {
  const int64_t* whole = value.AsInt();
  const double* number = value.AsDouble();
  if (whole == nullptr && number == nullptr) return WrongKind(key, value, "number");
  const double fraction = whole != nullptr ? static_cast<double>(*whole) : *number;
  if (!(fraction >= 0 && fraction <= 1))
    return InvalidArgument("key '" + std::string(key.name) + "' is " + json::Write(value) +
                           ", needs 0 to 1");
  *member = fraction;
  return {};
}

Status Set(const Key& key, const json::Value& value, Config& config) {
  if (const auto* text = std::get_if<std::string Config::*>(&key.member))
    return SetString(key, value, &(config.**text));
  if (const auto* number = std::get_if<int64_t Config::*>(&key.member))
    return SetInt(key, value, &(config.**number));
  if (const auto* fraction = std::get_if<double Config::*>(&key.member))
    return SetFraction(key, value, &(config.**fraction));
  if (const auto* flag = std::get_if<bool Config::*>(&key.member))
    return SetBool(key, value, &(config.**flag));
  return {};
}

bool IsEmpty(const Config& config, const Key& key) {
  const auto* text = std::get_if<std::string Config::*>(&key.member);
  return text != nullptr && (config.**text).empty();
}

// Rules between keys.
Status CheckTogether(const Config& config) {
  if (!protocol::IsDeviceName(config.device_name))
    return InvalidArgument("key 'sagemaker_edge_core_device_name' is '" + config.device_name +
                           "', which is not the name of a device");
  if (!protocol::IsDeviceName(config.fleet_name))
    return InvalidArgument("key 'sagemaker_edge_core_device_fleet_name' is '" + config.fleet_name +
                           "', which is not the name of a fleet");
  if (config.provider != "Aws" && config.provider != "None")
    return InvalidArgument("key 'sagemaker_edge_provider_provider' is '" + config.provider +
                           "', needs Aws or None");
  if (config.capture_destination != "Disk" && config.capture_destination != "Cloud")
    return InvalidArgument("key 'sagemaker_edge_core_capture_data_destination' is '" +
                           config.capture_destination + "', needs Disk or Cloud");
  if (config.drift_rule != "nothing" && config.drift_rule != "stop" &&
      config.drift_rule != "fall_back")
    return InvalidArgument("key 'kedge_drift_rule' is '" + config.drift_rule +
                           "', needs nothing, stop or fall_back");
  if (config.capture_batch_size > config.capture_buffer_size)
    return InvalidArgument("key 'sagemaker_edge_core_capture_data_batch_size' is " +
                           std::to_string(config.capture_batch_size) +
                           ", more than the buffer size " +
                           std::to_string(config.capture_buffer_size));
  if (config.capture_folder_prefix.find("..") != std::string::npos ||
      config.capture_folder_prefix.starts_with('/'))
    return InvalidArgument("key 'sagemaker_edge_core_folder_prefix' is '" +
                           config.capture_folder_prefix + "', needs a path without '..' below");
  const bool has_server = !config.endpoint.empty() && config.provider != "None";
  if (config.certificate_file.empty() != config.key_file.empty())
    return InvalidArgument(
        "keys 'sagemaker_edge_provider_aws_cert_file' and "
        "'sagemaker_edge_provider_aws_cert_pk_file' "
        "are given together or not at all");
  if (has_server && config.credentials_path.empty() && config.certificate_file.empty())
    return InvalidArgument(
        "key 'kedge_credentials_path' or 'sagemaker_edge_provider_aws_cert_file' is missing, and "
        "'sagemaker_edge_core_endpoint_override' names a server");
  return {};
}

}  // namespace

Result<Config> ParseConfig(std::string_view json_text, std::vector<std::string>* warnings) {
  KEDGE_TRY(const json::Value value,
            json::Parse(json_text, {.bytes_max = kConfigBytesMax, .depth_max = 8}));
  const json::Object* object = value.AsObject();
  if (object == nullptr)
    return InvalidArgument("the configuration is of kind " + std::string(value.KindName()) +
                           ", needs object");
  Config config;
  for (const json::Member& member : *object) {
    const Key* key = FindKey(member.first);
    if (key == nullptr) {
      warnings->push_back("key '" + member.first + "' is unknown and ignored");
    } else if (std::holds_alternative<Ignored>(key->member)) {
      warnings->push_back("key '" + member.first + "' has no effect in this agent");
    } else {
      KEDGE_TRY_STATUS(Set(*key, member.second, config));
    }
  }
  for (const Key& key : kKeys)
    if (key.required && IsEmpty(config, key))
      return InvalidArgument("key '" + std::string(key.name) + "' is missing");
  if (config.capture_batch_size == 0)
    config.capture_batch_size = std::clamp<int64_t>(config.capture_buffer_size / 2, 1, 10);
  KEDGE_TRY_STATUS(CheckTogether(config));
  // Cloud is Disk with upload: what the network cannot take waits on the disk.
  if (config.capture_destination == "Cloud") config.capture_upload = true;
  if (config.capture_destination == "Cloud" && config.capture_disk_path.empty() &&
      !config.local_root_path.empty())
    config.capture_disk_path = config.local_root_path + "/captures";
  return config;
}

}  // namespace kedge::agent
