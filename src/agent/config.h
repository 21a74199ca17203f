// The agent's configuration: one flat JSON object with the keys of SageMaker Edge Manager's agent
// (`sagemaker_edge_...`) and ours (`kedge_...`). config.cc has the table of all keys; each one has
// a row in docs/agent-configuration.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kedge::agent {

constexpr size_t kConfigBytesMax = 1 << 20;

struct Config {
  std::string device_name;
  std::string fleet_name;
  std::string region;
  std::string root_certs_path;  // a folder or file of PEM certificates that sign packages
  std::string endpoint;         // empty: no server
  std::string provider = "Aws";
  std::string iot_thing_name;

  std::string capture_destination = "Disk";  // "Disk" or "Cloud"
  std::string capture_disk_path;
  std::string capture_folder_prefix;
  int64_t capture_buffer_size = 30;  // records
  int64_t capture_batch_size = 0;    // records; 0 in the file: half the buffer, at most 10
  int64_t capture_push_period_seconds = 4;
  int64_t capture_embed_bytes_max = 3072;
  bool capture_upload = false;  // with destination "Disk": also upload what is on it
  int64_t capture_upload_period_seconds = 8;
  int64_t capture_spool_bytes_max = int64_t{1} << 30;
  int64_t capture_spool_files_max = 100'000;
  int64_t capture_upload_bytes_a_day = 0;  // 0: as many as there are
  // Automatic captures: probabilities in 0..1 for each reason, and the most of a day.
  double capture_floor_rate = 0;
  double capture_drift_rate = 0;
  double capture_novel_rate = 0;
  double capture_uncertain_rate = 0;
  double capture_uncertain_margin = 0.1;
  int64_t capture_records_a_day = 1'000;
  int64_t capture_bytes_a_day = int64_t{100} << 20;

  std::string local_root_path;  // where deployed models and the agent's state live; empty: nowhere
  int64_t deployment_poll_minutes = 1440;
  bool log_verbose = false;

  std::string ca_file;               // roots of the server's certificate; empty: the system's
  std::string certificate_file;      // the device's certificate; empty: it has none
  std::string key_file;              // its key; may be the same file
  std::string credentials_endpoint;  // gives temporary keys over mTLS; empty: nothing is signed

  std::string credentials_path;  // written by `kedge device enroll`
  int64_t heartbeat_interval_seconds = 60;
  int64_t deployment_poll_seconds = 0;  // 0: deployment_poll_minutes counts
  std::string worker_path;              // empty: kedge-worker beside the agent
  int64_t worker_threads = 1;
  int64_t model_memory_bytes_max = int64_t{4} << 30;  // address space of one worker
  int64_t load_timeout_seconds = 10;
  int64_t run_timeout_seconds = 30;
  bool sandbox_required = true;
  bool shared_memory_tensors = true;
  double monitor_cpu_fraction = 0.01;  // of a model's run time; 0: nothing is looked at
  std::string drift_rule = "nothing";  // "nothing", "stop", "fall_back"

  int64_t PollSeconds() const {
    return deployment_poll_seconds > 0 ? deployment_poll_seconds : deployment_poll_minutes * 60;
  }
};

// Reads the JSON text. kInvalidArgument naming the key that is missing, of another kind, too long
// or out of its range. `warnings` gets a sentence for each key that is unknown or has no effect.
Result<Config> ParseConfig(std::string_view json_text, std::vector<std::string>* warnings);

}  // namespace kedge::agent
