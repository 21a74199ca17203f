// A member of our server's answer to GetDeployments: what it asks the device to capture for some
// time because the model drifts there. AWS's clients ignore it.
//
//   "CapturePolicies": [{"ModelName": "detector", "ModelVersion": "2", "Reason": "drift",
//                        "Until": 1790000000, "Features": [{"FeatureName": "image-contrast"}]}]
//
// The whole list comes with each answer: a policy that is not in it any more is over, and one ends
// by itself at `Until`, so a device that hears nothing stops. How much is captured is the device's
// own budget.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json/json.h"

namespace kedge::protocol {

constexpr size_t kCapturePoliciesMax = 64;      // in one answer
constexpr size_t kFeaturesOfPolicyMax = 32;     // further ones are left out by the writer
constexpr size_t kPolicyFeatureBytesMax = 128;  // of a feature's name
constexpr std::string_view kCaptureReasonDrift = "drift";

struct CapturePolicy {
  std::string model_name;
  std::string model_version;
  std::string reason{kCaptureReasonDrift};
  std::vector<std::string> features;  // named by the server, the worst first; none: all
  EpochMs until = 0;
  friend bool operator==(const CapturePolicy&, const CapturePolicy&) = default;
};

json::Array ToJson(const std::vector<CapturePolicy>& policies);
// Of the whole answer; none if it has none. kInvalidArgument naming the member.
Result<std::vector<CapturePolicy>> ParseCapturePolicies(const json::Value& answer);

}  // namespace kedge::protocol
