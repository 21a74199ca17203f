// From the API's words for a machine to one of the compiler's targets. docs/targets.md has the
// table.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/json/json.h"
#include "base/result.h"

namespace kedge::server {

struct JobTarget {
  std::string target;  // the compiler's: "x86-64-v3"
  std::string label;   // in the result's name: "LINUX_X86_64", "rasp4b"
};

// Reads OutputConfig of CreateCompilationJob: TargetDevice or TargetPlatform, and CompilerOptions,
// a JSON object (single quotes are accepted, as AWS's own examples have them) whose `target`,
// `mcpu` or `mattr` choose among the targets of that architecture. kInvalidArgument naming what is
// not supported.
Result<JobTarget> ResolveTarget(const json::Value& output_config);

// JSON text in which single quotes may stand for double ones. kInvalidArgument.
Result<json::Value> ParseLenientJson(const std::string& text);

}  // namespace kedge::server
