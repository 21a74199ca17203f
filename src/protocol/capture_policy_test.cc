// SPDX-License-Identifier: Apache-2.0
#include "protocol/capture_policy.h"

#include <gtest/gtest.h>

namespace kedge::protocol {
namespace {

json::Value AnswerWith(json::Array policies) {
  return json::Object{{"Deployments", json::Array{}}, {"CapturePolicies", std::move(policies)}};
}

TEST(CapturePolicies, AreReadAsTheyAreWritten) {
  const std::vector<CapturePolicy> policies = {
      {.model_name = "detector",
       .model_version = "2",
       .features = {"image-contrast", "class"},
       .until = 1'790'000'000'000},
      {.model_name = "other", .model_version = "1.0", .until = 1'000}};
  const auto read = ParseCapturePolicies(*json::Parse(json::Write(AnswerWith(ToJson(policies)))));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, policies);
}

TEST(CapturePolicies, AnAnswerWithoutThemHasNone) {
  EXPECT_TRUE(ParseCapturePolicies(json::Object{{"Deployments", json::Array{}}})->empty());
}

TEST(CapturePolicies, TheWriterKeepsTheLimitsOfTheReader) {
  CapturePolicy policy{.model_name = "detector", .model_version = "2", .until = 1'000};
  policy.features.assign(kFeaturesOfPolicyMax + 5, "f");
  const std::vector<CapturePolicy> many(kCapturePoliciesMax + 5, policy);
  const auto read = ParseCapturePolicies(AnswerWith(ToJson(many)));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->size(), kCapturePoliciesMax);
  EXPECT_EQ((*read)[0].features.size(), kFeaturesOfPolicyMax);
}

TEST(CapturePolicies, WhatIsNoPolicyIsRefused) {
  const struct {
    const char* text;
    const char* message;
  } cases[] = {
      {R"({"CapturePolicies":[{"ModelVersion":"2","Reason":"drift"}]})",
       "member CapturePolicies[0].ModelName is missing"},
      {R"({"CapturePolicies":[{"ModelName":"m","ModelVersion":"a/b","Reason":"drift"}]})",
       "member CapturePolicies[0].ModelVersion is no version"},
      {R"({"CapturePolicies":[{"ModelName":"m","ModelVersion":"2"}]})",
       "member CapturePolicies[0].Reason is missing"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.text);
    const auto read = ParseCapturePolicies(*json::Parse(one.text));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().message, one.message);
  }
}

}  // namespace
}  // namespace kedge::protocol
