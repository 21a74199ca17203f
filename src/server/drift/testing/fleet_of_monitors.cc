// SPDX-License-Identifier: Apache-2.0
#include "server/drift/testing/fleet_of_monitors.h"

#include <array>
#include <atomic>
#include <gtest/gtest.h>
#include <latch>

#include "stats/baseline/testing/sample_baseline.h"

namespace kedge::server {

FleetOfMonitors::FleetOfMonitors(TestServer& server, MonitoredFleet options)
    : server_(server),
      options_(std::move(options)),
      random_(options_.seed),
      work_({server.store(), server.clock(), server.arns(), server.baselines()}, {}) {
  stats::Baseline baseline = stats::testing::GaussianBaseline(options_.features, options_.rows);
  for (auto& feature : baseline.features) feature.tolerance = options_.tolerance;
  const std::string text = stats::WriteBaseline(baseline);
  id_ = stats::ToHex(stats::BaselineIdOf(text));
  server.Must("CreateDeviceFleet",
              R"({"DeviceFleetName":")" + options_.fleet +
                  R"(","OutputConfig":{"S3OutputLocation":"s3://captures/out"}})");
  constexpr int kNamesOfCall = 10;
  for (int i = 0; i < options_.devices; i += kNamesOfCall) {
    std::string names;
    for (int d = i; d < std::min(i + kNamesOfCall, options_.devices); ++d) {
      names += std::string(names.empty() ? "" : ",") + R"({"DeviceName":")" + Name(d) + "\"}";
    }
    server.Must("RegisterDevices",
                R"({"DeviceFleetName":")" + options_.fleet + R"(","Devices":[)" + names + "]}");
  }
  for (int d = 0; d < options_.devices; ++d) {
    auto monitor =
        stats::ModelMonitor::Make(baseline, stats::BaselineIdOf(text), {}, server.clock().NowMs());
    EXPECT_TRUE(monitor) << monitor.error().message;
    devices_.push_back({.monitor = *std::move(monitor)});
  }
  const Status kept = server.store().Write([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(KeepBaseline(transaction, text, server_.clock().NowMs()));
    KEDGE_TRY(const auto lease,
              store::AcquireLease(transaction,
                                  {.name = kDriftLease, .holder = "test", .now = 1, .ttl_ms = 1}));
    lease_ = *lease;
    return {};
  });
  EXPECT_TRUE(kept) << kept.error().message;
}

std::string FleetOfMonitors::Name(int device) const {
  const std::string digits = std::to_string(1000 + device);
  return "d" + digits.substr(1);
}

std::string FleetOfMonitors::Request(const std::string& more) const {
  return R"({"DeviceFleetName":")" + options_.fleet + R"(","ModelName":")" + options_.model +
         R"(","ModelVersion":")" + options_.version + "\"" + (more.empty() ? "" : "," + more) + "}";
}

std::string FleetOfMonitors::Heartbeat(int device) {
  Device& one = devices_[static_cast<size_t>(device)];
  stats::StatisticsReport report{.boot = static_cast<uint64_t>(device) + 1,
                                 .sequence = ++one.sequence};
  report.models.push_back(
      one.monitor.TakeReport(server_.clock().NowMs() / 1000,
                             {.model_name = options_.model, .model_version = options_.version}));
  const auto text = stats::EncodeReportText(report);
  EXPECT_TRUE(text) << text.error().message;
  return json::Write(json::Object{{"AgentVersion", "1.0"},
                                  {"DeviceName", Name(device)},
                                  {"DeviceFleetName", options_.fleet},
                                  {"Boot", "b1"},
                                  {"Sequence", ++one.heartbeat},
                                  {"Statistics", *text}});
}

void FleetOfMonitors::Beat(int samples, const Change& change, int times) {
  std::normal_distribution<double> normal;
  std::vector<std::string> heartbeats;
  std::vector<float> row(options_.features);
  const std::array<int64_t, 2> dims = {1, static_cast<int64_t>(row.size())};
  const stats::TensorView view{
      .dims = dims,
      .bytes = {reinterpret_cast<const uint8_t*>(row.data()), row.size() * sizeof(float)}};
  for (int d = 0; d < options_.devices; ++d) {
    for (int s = 0; s < samples; ++s) {
      for (size_t f = 0; f < row.size(); ++f) {
        const double draw = normal(random_);
        row[f] = static_cast<float>(change ? change(d, f, draw) : draw);
      }
      devices_[static_cast<size_t>(d)].monitor.Observe({&view, 1}, {}, server_.clock().NowMs());
    }
    const std::string heartbeat = Heartbeat(d);
    for (int i = 0; i < times; ++i) heartbeats.push_back(heartbeat);
  }
  // All at once, so that they share commits.
  std::latch answered(static_cast<std::ptrdiff_t>(heartbeats.size()));
  std::atomic<int> refused = 0;
  const Operation& operation = *server_.Find("SendHeartbeat");
  for (const std::string& heartbeat : heartbeats) {
    server_.api().Call(operation, heartbeat, {.role = Role::kAdmin, .access_key_id = "ADMIN"},
                       [&](const http::Response& response) {
                         if (response.status != 200) ++refused;
                         answered.count_down();
                       });
  }
  answered.wait();
  EXPECT_EQ(refused, 0);
}

void FleetOfMonitors::Judge() {
  const Status status = work_.RunToEnd(lease_);
  ASSERT_TRUE(status) << status.error().message;
}

}  // namespace kedge::server
