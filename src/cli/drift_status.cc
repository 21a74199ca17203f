// `kedge drift-status`: what the server says of drift: models, or one model's features and devices.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/flags.h"
#include "cli/api_client.h"
#include "cli/command.h"
#include "cli/listing.h"

namespace kedge::cli {
namespace {

constexpr int64_t kDevicesShown = 100;

struct StatusOrder {
  ApiOptions api;
  std::string fleet;
  std::string model;
  std::string version;
  int64_t features = 10;
};

double Number(const json::Value& object, const char* member) {
  const json::Value* const value = object.Find(member);
  return value == nullptr ? 0 : value->NumberOr(0);
}

const json::Array& List(const json::Value& object, const char* member) {
  static const json::Array kNone;
  const json::Value* const value = object.Find(member);
  return value == nullptr || value->AsArray() == nullptr ? kNone : *value->AsArray();
}

void PrintModel(const json::Value& model) {
  std::printf(
      "%s %s in %s: %s, evidence %.2f (alarm line %.2f), %lld devices, %lld named, worst "
      "feature %s\n",
      model.StringOr("ModelName", "").c_str(), model.StringOr("ModelVersion", "").c_str(),
      model.StringOr("DeviceFleetName", "").c_str(), model.StringOr("State", "").c_str(),
      Number(model, "EvidenceLog10"), Number(model, "ThresholdLog10"),
      static_cast<long long>(model.IntOr("Devices", 0)),
      static_cast<long long>(model.IntOr("AffectedDevices", 0)),
      model.StringOr("WorstFeature", "-").c_str());
}

void PrintFeature(const json::Value& feature) {
  std::printf("  %-28s evidence %6.2f  shift %+6.2f sd  devices %lld",
              feature.StringOr("Name", "").c_str(), Number(feature, "EvidenceLog10"),
              Number(feature, "EffectSd"),
              static_cast<long long>(feature.IntOr("AffectedDevices", 0)));
  for (const json::Value& tag : List(feature, "Tags")) {
    std::printf("  %s=%s", tag.StringOr("Key", "").c_str(), tag.StringOr("Value", "").c_str());
  }
  std::printf("\n");
}

Status PrintModels(const ApiClient& server, const StatusOrder& order) {
  json::Object body;
  if (!order.fleet.empty()) body.Set("DeviceFleetName", order.fleet);
  if (!order.model.empty()) body.Set("ModelName", order.model);
  return server.ForEach("Kedge.ListDriftModels", std::move(body), "Models",
                        [](const json::Value& model) -> Status {
                          PrintModel(model);
                          return {};
                        });
}

Status PrintOne(const ApiClient& server, const StatusOrder& order) {
  const json::Object model{{"DeviceFleetName", order.fleet},
                           {"ModelName", order.model},
                           {"ModelVersion", order.version}};
  KEDGE_TRY(const json::Value drift, server.Call("Kedge.DescribeDrift", model));
  if (const json::Value* const head = drift.Find("Model")) PrintModel(*head);
  int64_t shown = 0;
  for (const json::Value& feature : List(drift, "Features")) {
    if (shown++ < order.features) PrintFeature(feature);
  }
  json::Object named = model;
  named.Set("NamedOnly", true);
  named.Set("MaxResults", kDevicesShown);
  KEDGE_TRY(const json::Value devices, server.Call("Kedge.ListDriftDevices", named));
  for (const json::Value& device : List(devices, "Devices")) {
    std::printf("  %s:", device.StringOr("DeviceName", "").c_str());
    for (const json::Value& feature : List(device, "Features")) {
      std::printf(" %s", feature.StringOr("Name", "").c_str());
    }
    std::printf("\n");
  }
  return {};
}

Status Print(const StatusOrder& order) {
  KEDGE_TRY(const ApiClient server, ApiClient::Make(order.api));
  if (order.version.empty()) return PrintModels(server, order);
  if (order.fleet.empty() || order.model.empty()) {
    return InvalidArgument("--version needs --fleet and --model");
  }
  return PrintOne(server, order);
}

}  // namespace

int DriftStatus(int argc, const char* const* argv) {
  StatusOrder order;
  Flags flags(argv[0], "Prints what the server says of drift.");
  DeclareApi(flags, order.api);
  flags.Option("--fleet", &order.fleet, "only models of this fleet");
  flags.Option("--model", &order.model, "only this model");
  flags.Option("--version", &order.version,
               "this version: its features, worst first, and the devices that are named");
  flags.Option("--features", &order.features, "how many features are shown").Range(0, 512);
  flags.Footer(
      "Evidence is the decimal logarithm of days: a fleet without drift shows so much at most\n"
      "once in so many days. AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY hold the caller's key.");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  if (const auto status = Print(order); !status) return Fail(argv[0], status.error());
  return kExitSuccess;
}

}  // namespace kedge::cli
