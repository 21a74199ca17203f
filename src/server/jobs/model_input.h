// What a compilation job's InputConfig and OutputConfig mean for the compiler.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "blob/blob_store.h"
#include "server/jobs/target.h"

namespace kedge::server {

struct CompileOrder {
  std::string framework;
  blob::ObjectName input;
  blob::ObjectName output;  // <S3OutputLocation>/<input name>-<label>.tar.gz
  std::string key_name;     // OutputConfig.KmsKeyId
  JobTarget target;
  // For kedge-compile --input: "name=1x3x224x224", or "1x3x224x224" of each in the model's order.
  std::vector<std::string> inputs;
  int64_t seconds_max = 900;  // StoppingCondition.MaxRuntimeInSeconds
  // How long the job may be queued: the least of MaxPendingTimeInSeconds and MaxWaitTimeInSeconds.
  std::optional<int64_t> wait_seconds_max;
};

// Reads a validated request of CreateCompilationJob. kInvalidArgument for what the description
// cannot say: both or neither of the targets, addresses that are not s3://bucket/key, a
// DataInputConfig that is none of {"name":[sizes]}, {"name":{"shape":[sizes]}}, [[sizes], ...] and
// [{"shape":[sizes]}, ...].
Result<CompileOrder> ReadCompileOrder(const json::Value& request);

// s3://bucket/prefix (with or without a slash at the end) and a file name, as one object name.
Result<blob::ObjectName> ObjectBelow(const std::string& location, const std::string& file_name);

}  // namespace kedge::server
