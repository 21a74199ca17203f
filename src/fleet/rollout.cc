// SPDX-License-Identifier: Apache-2.0
#include "fleet/rollout.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/bytes.h"
#include "base/crypto/crypto.h"

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

std::vector<Chosen> ChooseByChance(int64_t percentage, std::span<const std::string> devices,
                                   std::string_view chance) {
  struct Ranked {
    crypto::Sha256Digest rank;
    const std::string* name;
  };
  std::vector<Ranked> ranked;
  ranked.reserve(devices.size());
  for (const std::string& name : devices) {
    ranked.push_back({crypto::Sha256(AsBytes(std::string(chance) + "/" + name)), &name});
  }
  std::sort(ranked.begin(), ranked.end(),
            [](const Ranked& a, const Ranked& b) { return a.rank < b.rank; });
  const size_t count = (devices.size() * static_cast<size_t>(percentage) + 99) / 100;
  std::vector<Chosen> chosen;
  chosen.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    chosen.push_back({*ranked[i].name, "rank " + std::to_string(i + 1) + " of " +
                                           std::to_string(devices.size()) + " in the plan's draw"});
  }
  return chosen;
}

Result<std::vector<Chosen>> ChooseByName(const std::vector<std::string>& names,
                                         std::span<const std::string> devices) {
  const std::set<std::string> wanted(names.begin(), names.end());
  std::vector<Chosen> chosen;
  for (const std::string& name : wanted) {
    if (!std::binary_search(devices.begin(), devices.end(), name)) {
      return InvalidArgument("no device with name '" + name + "' in the fleet");
    }
    chosen.push_back({name, "named by the stage"});
  }
  return chosen;
}

int64_t* CountOf(Counts& counts, DeviceStatus status) {
  switch (status) {
    case DeviceStatus::kReadyToDeploy:
    case DeviceStatus::kInProgress:
    case DeviceStatus::kStopping:
      return &counts.pending;
    case DeviceStatus::kDeployed:
      return &counts.deployed;
    case DeviceStatus::kFailed:
      return &counts.failed;
    case DeviceStatus::kStopped:
      break;
  }
  return nullptr;
}

}  // namespace

std::string_view Name(StageStatus status) { return kStageNames[static_cast<size_t>(status)]; }
std::string_view Name(DeviceStatus status) { return kDeviceNames[static_cast<size_t>(status)]; }

Result<StageStatus> ParseStageStatus(std::string_view text) {
  return Parse<StageStatus>(text, kStageNames);
}

Result<DeviceStatus> ParseDeviceStatus(std::string_view text) {
  return Parse<DeviceStatus>(text, kDeviceNames);
}

Result<std::vector<Chosen>> SelectDevices(const Selection& selection,
                                          std::span<const std::string> devices,
                                          std::string_view chance) {
  switch (selection.kind) {
    case Selection::Kind::kPercentage:
      return ChooseByChance(std::clamp<int64_t>(selection.percentage, 0, 100), devices, chance);
    case Selection::Kind::kSelection:
      return ChooseByName(selection.names, devices);
    case Selection::Kind::kNameContains:
      break;
  }
  std::vector<Chosen> chosen;
  for (const std::string& name : devices) {
    if (name.find(selection.contains) == std::string::npos) continue;
    chosen.push_back({name, "name contains '" + selection.contains + "'"});
  }
  return chosen;
}

Counts Moved(Counts counts, DeviceStatus from, DeviceStatus to) {
  if (int64_t* count = CountOf(counts, from)) --*count;
  if (int64_t* count = CountOf(counts, to)) ++*count;
  return counts;
}

std::optional<DeviceStatus> AfterPickup(DeviceStatus status) {
  if (status == DeviceStatus::kReadyToDeploy) return DeviceStatus::kInProgress;
  return std::nullopt;
}

std::optional<DeviceStatus> AfterResult(DeviceStatus status, bool succeeded) {
  if (status == DeviceStatus::kDeployed || status == DeviceStatus::kFailed) return std::nullopt;
  return succeeded ? DeviceStatus::kDeployed : DeviceStatus::kFailed;
}

std::optional<DeviceStatus> AfterStop(DeviceStatus status) {
  if (status == DeviceStatus::kReadyToDeploy || status == DeviceStatus::kInProgress) {
    return DeviceStatus::kStopped;
  }
  return std::nullopt;
}

StageStatus StageAfter(StageStatus status, const Counts& counts) {
  if (status != StageStatus::kInProgress && status != StageStatus::kStarting) return status;
  if (counts.pending > 0) return StageStatus::kInProgress;
  return counts.failed > 0 ? StageStatus::kFailed : StageStatus::kDeployed;
}

bool MayStart(StageStatus status) {
  return status == StageStatus::kReadyToDeploy || status == StageStatus::kStopped ||
         status == StageStatus::kFailed;
}

bool MayStop(StageStatus status) {
  return status == StageStatus::kStarting || status == StageStatus::kInProgress;
}

std::string StageMessage(StageStatus status, const Counts& counts) {
  if (status == StageStatus::kReadyToDeploy || status == StageStatus::kCreating) return "";
  return std::to_string(counts.deployed) + " devices deployed, " + std::to_string(counts.pending) +
         " pending, " + std::to_string(counts.failed) + " failed";
}

std::vector<std::vector<std::string>> DesiredHandles(std::span<const Assigned> newest_first) {
  std::vector<std::vector<std::string>> desired(newest_first.size());
  std::set<std::string> taken;
  for (size_t i = 0; i < newest_first.size(); ++i) {
    const Assigned& assigned = newest_first[i];
    const bool failed = assigned.status == DeviceStatus::kFailed;
    if (assigned.status == DeviceStatus::kStopped || (failed && assigned.rolls_back)) continue;
    for (const std::string& handle : assigned.handles) {
      if (taken.insert(handle).second && !failed) desired[i].push_back(handle);
    }
  }
  return desired;
}

}  // namespace kedge::fleet
