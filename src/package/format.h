// Names and limits of the package format; docs/formats/model-package.md explains them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace kedge::package {

constexpr uint64_t kPackageBytesMax = uint64_t{4} << 30;
constexpr size_t kFilesMax = 256;  // with manifest and signature
constexpr size_t kManifestBytesMax = 1 << 20;
constexpr size_t kSignatureBytesMax = 1 << 20;
constexpr size_t kBaselineFileBytesMax = 4 << 20;
constexpr size_t kFileNameBytesMax = 99;
constexpr size_t kFileDepthMax = 4;
constexpr size_t kTensorsMax = 256;  // inputs, and outputs
constexpr size_t kTensorNameBytesMax = 1024;
constexpr uint64_t kFormatVersion = 1;
constexpr uint64_t kFormatVersionWithBaseline = 2;

inline constexpr std::string_view kManifestName = "sagemaker_edge_manifest";
inline constexpr std::string_view kSignatureName = "model.sig";
inline constexpr std::string_view kModelFile = "model.so";
inline constexpr std::string_view kWeightsFile = "weights.bin";
inline constexpr std::string_view kBaselineFile = "baseline.json";
inline constexpr std::string_view kReportFile = "report.json";  // in a compiled folder only

// kInvalidArgument naming the file if its name is absolute, climbs, is too long or deep, or has
// characters or parts that a package does not allow.
Status CheckFileName(std::string_view name);
// CreateEdgePackagingJob's ModelName: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}, at most 255 characters.
Status CheckModelName(std::string_view name);
// [a-zA-Z0-9 _.]{1,30}
Status CheckModelVersion(std::string_view version);
// [a-z0-9][a-z0-9._-]{0,31}: also the name of the target's folder.
Status CheckTargetName(std::string_view target);

}  // namespace kedge::package
