// SPDX-License-Identifier: Apache-2.0
#include "fleet/status.h"

#include <algorithm>
#include <array>

namespace kedge::fleet {
namespace {

constexpr std::array<std::string_view, 8> kStageNames = {"CREATING",   "READYTODEPLOY", "STARTING",
                                                         "INPROGRESS", "DEPLOYED",      "FAILED",
                                                         "STOPPING",   "STOPPED"};
constexpr std::array<std::string_view, 6> kDeviceNames = {"READYTODEPLOY", "INPROGRESS", "DEPLOYED",
                                                          "FAILED",        "STOPPING",   "STOPPED"};

template <class E, size_t kSize>
Result<E> Parse(std::string_view text, const std::array<std::string_view, kSize>& names) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) return InvalidArgument("unknown state '" + std::string(text) + "'");
  return static_cast<E>(found - names.begin());
}

bool IsPending(DeviceStatus status) { return CountOf(status).pending > 0; }

}  // namespace

std::string_view Name(StageStatus status) { return kStageNames[static_cast<size_t>(status)]; }
std::string_view Name(DeviceStatus status) { return kDeviceNames[static_cast<size_t>(status)]; }

Result<StageStatus> ParseStageStatus(std::string_view text) {
  return Parse<StageStatus>(text, kStageNames);
}

Result<DeviceStatus> ParseDeviceStatus(std::string_view text) {
  return Parse<DeviceStatus>(text, kDeviceNames);
}

Counts CountOf(DeviceStatus status) {
  switch (status) {
    case DeviceStatus::kReadyToDeploy:
    case DeviceStatus::kInProgress:
    case DeviceStatus::kStopping:
      return {.pending = 1};
    case DeviceStatus::kDeployed:
      return {.deployed = 1};
    case DeviceStatus::kFailed:
      return {.failed = 1};
    case DeviceStatus::kStopped:
      break;
  }
  return {};
}

Counts operator+(const Counts& a, const Counts& b) {
  return {.pending = a.pending + b.pending,
          .deployed = a.deployed + b.deployed,
          .failed = a.failed + b.failed};
}

Counts operator-(const Counts& a, const Counts& b) {
  return {.pending = a.pending - b.pending,
          .deployed = a.deployed - b.deployed,
          .failed = a.failed - b.failed};
}

std::optional<DeviceStatus> AfterPickup(DeviceStatus status) {
  if (status == DeviceStatus::kReadyToDeploy) return DeviceStatus::kInProgress;
  return std::nullopt;
}

std::optional<DeviceStatus> AfterResult(DeviceStatus status, bool succeeded) {
  if (status == DeviceStatus::kFailed) return std::nullopt;
  if (!succeeded) return DeviceStatus::kFailed;
  if (status == DeviceStatus::kDeployed) return std::nullopt;
  return DeviceStatus::kDeployed;
}

std::optional<DeviceStatus> AfterStop(DeviceStatus status) {
  if (!IsPending(status)) return std::nullopt;
  return DeviceStatus::kStopped;
}

}  // namespace kedge::fleet
