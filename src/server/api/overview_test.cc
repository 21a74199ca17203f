// GetOverview, GetFleetHealth and ListDeviceStates: the same devices, counted, drawn and listed.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "server/testing/test_server.h"

namespace kedge::server {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class OverviewTest : public testing::Test {
 protected:
  // Fleet "lab": b was heard of now, c an hour ago, d two days ago, a never. Fleet "yard": e, now.
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    for (const std::string fleet : {"lab", "yard"}) {
      server_->Must("CreateDeviceFleet",
                    R"({"DeviceFleetName":")" + fleet +
                        R"(","OutputConfig":{"S3OutputLocation":"s3://b/k"}})");
    }
    server_->Must("RegisterDevices", R"({"DeviceFleetName":"lab","Devices":[{"DeviceName":"cam-a"},
        {"DeviceName":"cam-b"},{"DeviceName":"cam-c"},{"DeviceName":"d"}]})");
    server_->Must("RegisterDevices",
                  R"({"DeviceFleetName":"yard","Devices":[{"DeviceName":"e"}]})");
    Heartbeat("lab", "d", "1.0", "2");
    server_->clock().Advance(hours(47));
    Heartbeat("lab", "cam-c", "1.1", "2");
    server_->clock().Advance(hours(1));
    Heartbeat("lab", "cam-b", "1.1", "3");
    Heartbeat("yard", "e", "1.1", "3");
  }
  void Heartbeat(const std::string& fleet, const std::string& device, const std::string& agent,
                 const std::string& version) {
    server_->Must("SendHeartbeat", R"({"DeviceFleetName":")" + fleet + R"(","DeviceName":")" +
                                       device + R"(","AgentVersion":")" + agent +
                                       R"(","Models":[{"ModelName":"shapes","ModelVersion":")" +
                                       version + R"("}]})");
  }
  // "fleet/device" of the devices of one page, in its order.
  static std::string Names(const json::Value& answer) {
    std::string names;
    for (const json::Value& device : *answer.Find("Devices")->AsArray()) {
      names += (names.empty() ? "" : " ") + device.StringOr("DeviceFleetName", "") + "/" +
               device.StringOr("DeviceName", "");
    }
    return names;
  }
  std::string Found(const std::string& request) {
    return Names(server_->Must("ListDeviceStates", request));
  }
  std::unique_ptr<TestServer> server_;
};

TEST_F(OverviewTest, DevicesAreFoundByWhatTheyAreAndReport) {
  struct Case {
    const char* request;
    const char* found;
  };
  for (const Case& c : {
           Case{"{}", "lab/cam-a lab/cam-b lab/cam-c lab/d yard/e"},
           Case{R"({"SortOrder":"Descending"})", "yard/e lab/d lab/cam-c lab/cam-b lab/cam-a"},
           Case{R"({"DeviceFleetName":"yard"})", "yard/e"},
           Case{R"({"NameContains":"am-"})", "lab/cam-a lab/cam-b lab/cam-c"},
           Case{R"({"NameContains":"%"})", ""},
           Case{R"({"NameContains":"<script>"})", ""},
           Case{R"({"Connection":"CONNECTED"})", "lab/cam-b yard/e"},
           Case{R"({"Connection":"LATE"})", "lab/cam-c"},
           Case{R"({"Connection":"OFFLINE"})", "lab/d"},
           Case{R"({"Connection":"NEVER"})", "lab/cam-a"},
           Case{R"({"ModelName":"shapes"})", "lab/cam-b lab/cam-c lab/d yard/e"},
           Case{R"({"ModelName":"shapes","ModelVersion":"2"})", "lab/cam-c lab/d"},
           Case{R"({"AgentVersion":"1.0"})", "lab/d"},
           Case{R"({"Skip":3})", "lab/d yard/e"},
           Case{R"({"DeviceFleetName":"lab","SortBy":"LATEST_HEARTBEAT"})",
                "lab/cam-a lab/d lab/cam-c lab/cam-b"},
           Case{R"({"DeviceFleetName":"lab","SortBy":"LATEST_HEARTBEAT","SortOrder":"Descending",
                    "NameContains":"cam"})",
                "lab/cam-b lab/cam-c lab/cam-a"},
       }) {
    EXPECT_EQ(Found(c.request), c.found) << c.request;
  }
  EXPECT_EQ(server_->Call("ListDeviceStates", R"({"ModelVersion":"2"})").error,
            "ValidationException");
}

TEST_F(OverviewTest, PagesGoOnWhereTheFormerOneEnded) {
  for (const std::string sort : {"NAME", "LATEST_HEARTBEAT"}) {
    std::string all, token;
    int pages = 0;
    do {
      const std::string more = token.empty() ? "" : R"(,"NextToken":")" + token + "\"";
      const json::Value page = server_->Must(
          "ListDeviceStates", R"({"MaxResults":2,"SortBy":")" + sort + "\"" + more + "}");
      all += (all.empty() ? "" : " ") + Names(page);
      token = page.StringOr("NextToken", "");
      ASSERT_LE(++pages, 3) << all;
    } while (!token.empty());
    EXPECT_EQ(all, Found(R"({"SortBy":")" + sort + "\"}")) << sort;
  }
}

TEST_F(OverviewTest, HealthIsALetterForEachDeviceInTheOrderOfNames) {
  const auto states = [&](const std::string& more) {
    return server_->Must("GetFleetHealth", R"({"DeviceFleetName":"lab")" + more + "}")
        .StringOr("States", "-");
  };
  EXPECT_EQ(states(""), "nclo");
  EXPECT_EQ(states(R"(,"Skip":2)"), "lo");
  EXPECT_EQ(states(R"(,"Skip":9)"), "");
  server_->clock().Advance(minutes(30));
  EXPECT_EQ(states(""), "nllo");
  EXPECT_EQ(server_->Call("GetFleetHealth", R"({"DeviceFleetName":"none"})").status, 400);
}

TEST_F(OverviewTest, TheOverviewCountsWhatTheReportsCount) {
  const json::Value now = server_->Must("GetOverview", "{}");
  EXPECT_EQ(now.IntOr("RegisteredDevices", -1), 5);
  EXPECT_EQ(now.IntOr("ConnectedDevices", -1), 2);
  EXPECT_EQ(now.IntOr("NeverHeardDevices", -1), 1);
  EXPECT_EQ(now.IntOr("FleetCount", -1), 2);
  EXPECT_EQ(json::Write(*now.Find("AgentVersions")),
            R"([{"Version":"1.0","Devices":1},{"Version":"1.1","Devices":3}])");
  const json::Array& models = *now.Find("Models")->AsArray();
  ASSERT_EQ(models.size(), 2u);
  EXPECT_EQ(models[0].IntOr("Devices", -1), 2);
  EXPECT_EQ(models[0].IntOr("ConnectedDevices", -1), 0);
  EXPECT_EQ(models[1].IntOr("ConnectedDevices", -1), 2);
  const json::Value report = server_->Must("GetDeviceFleetReport", R"({"DeviceFleetName":"lab"})");
  const json::Value& lab = (*now.Find("Fleets")->AsArray())[0];
  EXPECT_EQ(lab.StringOr("DeviceFleetName", ""), "lab");
  EXPECT_EQ(lab.IntOr("RegisteredDevices", -1),
            report.Find("DeviceStats")->IntOr("RegisteredDeviceCount", -2));
  EXPECT_EQ(lab.IntOr("ConnectedDevices", -1),
            report.Find("DeviceStats")->IntOr("ConnectedDeviceCount", -2));
}

TEST_F(OverviewTest, WhoIsHeldToAFleetSeesNothingOfOthers) {
  Identity viewer;
  viewer.role = Role::kViewer;
  viewer.user = "ann";
  viewer.fleets = {"ya*"};
  const Answer found = server_->CallAs(viewer, "ListDeviceStates", "{}");
  EXPECT_EQ(Names(found.body), "yard/e");
  const Answer now = server_->CallAs(viewer, "GetOverview", "{}");
  EXPECT_EQ(now.body.IntOr("RegisteredDevices", -1), 1);
  EXPECT_EQ(now.body.IntOr("FleetCount", -1), 1);
  EXPECT_EQ(json::Write(now.body).find("lab"), std::string::npos);
  EXPECT_EQ(server_->CallAs(viewer, "GetFleetHealth", R"({"DeviceFleetName":"lab"})").error,
            "AccessDeniedException");
}

}  // namespace
}  // namespace kedge::server
