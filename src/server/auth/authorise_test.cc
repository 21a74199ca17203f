// SPDX-License-Identifier: Apache-2.0
#include "server/auth/authorise.h"

#include <gtest/gtest.h>

#include "server/testing/test_server.h"

namespace kedge::server {
namespace {

class AuthoriseTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    for (const char* fleet : {"lab", "lab-2", "plant"}) {
      server_->Must("CreateDeviceFleet",
                    R"({"DeviceFleetName":")" + std::string(fleet) +
                        R"(","OutputConfig":{"S3OutputLocation":"s3://bucket/out"}})");
    }
    server_->AddCompletedPackage("pack", "s3://models/m.tar.gz");
    for (const char* fleet : {"lab", "plant"}) {
      const std::string name = fleet;
      server_->Must("CreateEdgeDeploymentPlan",
                    R"({"EdgeDeploymentPlanName":"plan-)" + name + R"(","DeviceFleetName":")" +
                        name +
                        R"(","ModelConfigs":[{"ModelHandle":"m","EdgePackagingJobName":"pack"}]})");
    }
  }
  std::string Error(const Identity& identity, const std::string& operation,
                    const std::string& body) {
    return server_->CallAs(identity, operation, body).error;
  }

  std::unique_ptr<TestServer> server_;
};

TEST(Identity, PatternsAreNamesOrPrefixes) {
  const struct {
    std::vector<std::string> patterns;
    const char* fleet;
    bool matches;
  } cases[] = {
      {{}, "lab", true},
      {{"lab"}, "lab", true},
      {{"lab"}, "lab-2", false},
      {{"lab"}, "LAB", false},
      {{"lab*"}, "lab", true},
      {{"lab*"}, "lab-2", true},
      {{"lab-*"}, "lab", false},
      {{"*"}, "plant", true},
      {{"plant", "lab-*"}, "lab-2", true},
      {{"plant", "lab-*"}, "office", false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.fleet);
    EXPECT_EQ(MatchesFleets(c.patterns, c.fleet), c.matches);
  }
}

// Every operation with every role: refused for the role exactly where the description says so.
TEST_F(AuthoriseTest, EveryOperationAsksForItsRole) {
  int refused = 0;
  for (const auto& operation : server_->catalogue().operations()) {
    for (const Role role : {Role::kViewer, Role::kOperator, Role::kAdmin}) {
      SCOPED_TRACE(operation->name + " as " + std::string(RoleName(role)));
      const Role least = operation->access == Role::kDevice ? Role::kOperator : operation->access;
      const Status status = Authorise(server_->store(), {.role = role, .access_key_id = "K"},
                                      *operation, json::Object());
      EXPECT_EQ(status.has_value(), role >= least);
      refused += !status;
      if (!status) {
        EXPECT_EQ(status.error(),
                  PermissionDenied("key/K with role " + std::string(RoleName(role)) +
                                   " is not authorized to perform " + operation->name));
      }
    }
  }
  EXPECT_GE(refused, 12);
}

TEST_F(AuthoriseTest, WhoMayOnlyReadCannotChange) {
  for (const auto& operation : server_->catalogue().operations()) {
    SCOPED_TRACE(operation->name);
    EXPECT_TRUE(!operation->mutates || operation->access >= Role::kOperator);
  }
}

TEST_F(AuthoriseTest, FleetsHoldACallerToThem) {
  const Identity lab{.role = Role::kAdmin, .access_key_id = "K", .fleets = {"lab*"}};
  const struct {
    const char* operation;
    const char* body;
    bool allowed;
  } cases[] = {
      {"DescribeDeviceFleet", R"({"DeviceFleetName":"lab"})", true},
      {"DescribeDeviceFleet", R"({"DeviceFleetName":"lab-2"})", true},
      {"DescribeDeviceFleet", R"({"DeviceFleetName":"plant"})", false},
      {"DescribeEdgeDeploymentPlan", R"({"EdgeDeploymentPlanName":"plan-lab"})", true},
      {"DescribeEdgeDeploymentPlan", R"({"EdgeDeploymentPlanName":"plan-plant"})", false},
      {"RegisterDevices", R"({"DeviceFleetName":"plant","Devices":[{"DeviceName":"d"}]})", false},
      {"RegisterDevices", R"({"DeviceFleetName":"lab","Devices":[{"DeviceName":"d"}]})", true},
      {"GetSigningCertificate", "{}", true},
      {"StopCompilationJob", R"({"CompilationJobName":"pack"})", false},
      {"ListDevices", "{}", true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.operation) + c.body);
    EXPECT_EQ(Error(lab, c.operation, c.body), c.allowed ? "" : "AccessDeniedException");
  }
}

TEST_F(AuthoriseTest, ListsShowOnlyTheCallersFleets) {
  for (const char* fleet : {"lab", "plant"}) {
    server_->Must("RegisterDevices", R"({"DeviceFleetName":")" + std::string(fleet) +
                                         R"(","Devices":[{"DeviceName":"d"}]})");
  }
  const Identity lab{.role = Role::kViewer, .access_key_id = "K", .fleets = {"office", "lab*"}};
  const struct {
    const char* operation;
    const char* list;
    const char* name;
    std::vector<std::string> seen;
  } cases[] = {
      {"ListDeviceFleets", "DeviceFleetSummaries", "DeviceFleetName", {"lab", "lab-2"}},
      {"ListDevices", "DeviceSummaries", "DeviceFleetName", {"lab"}},
      {"ListEdgeDeploymentPlans",
       "EdgeDeploymentPlanSummaries",
       "EdgeDeploymentPlanName",
       {"plan-lab"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.operation);
    std::vector<std::string> seen;
    const Answer answer = server_->CallAs(lab, c.operation, "{}");
    ASSERT_EQ(answer.status, 200) << answer.message;
    for (const json::Value& item : *answer.body.Find(c.list)->AsArray()) {
      seen.push_back(item.StringOr(c.name, ""));
    }
    EXPECT_EQ(seen, c.seen);
  }
}

}  // namespace
}  // namespace kedge::server
