// SPDX-License-Identifier: Apache-2.0
#include "protocol/capture_policy.h"

#include "protocol/edge_api.h"
#include "protocol/json_members.h"

namespace kedge::protocol {

json::Array ToJson(const std::vector<CapturePolicy>& policies) {
  json::Array array;
  for (const CapturePolicy& policy : policies) {
    json::Array features;
    for (const std::string& feature : policy.features) {
      if (features.size() == kFeaturesOfPolicyMax) break;
      features.push_back(json::Object{{"FeatureName", feature}});
    }
    array.push_back(json::Object{{"ModelName", policy.model_name},
                                 {"ModelVersion", policy.model_version},
                                 {"Reason", policy.reason},
                                 {"Until", policy.until / 1000},
                                 {"Features", std::move(features)}});
    if (array.size() == kCapturePoliciesMax) break;
  }
  return array;
}

Result<std::vector<CapturePolicy>> ParseCapturePolicies(const json::Value& answer) {
  ObjectReader reader(answer, "");
  std::vector<CapturePolicy> policies;
  reader.Array("CapturePolicies", kCapturePoliciesMax, [&](ObjectReader& entry) {
    CapturePolicy policy{.model_name = entry.String("ModelName", true),
                         .model_version = entry.String("ModelVersion", true),
                         .reason = entry.String("Reason", true),
                         .features = {},
                         .until = entry.Time("Until").value_or(0)};
    if (!policy.model_version.empty() && !IsVersion(policy.model_version)) {
      entry.Fail("ModelVersion", "is no version");
    }
    entry.Array("Features", kFeaturesOfPolicyMax, [&](ObjectReader& feature) {
      policy.features.push_back(feature.String("FeatureName", true));
      if (policy.features.back().size() > kPolicyFeatureBytesMax) {
        feature.Fail("FeatureName", "is too long");
      }
    });
    policies.push_back(std::move(policy));
  });
  KEDGE_TRY_STATUS(reader.status());
  return policies;
}

}  // namespace kedge::protocol
