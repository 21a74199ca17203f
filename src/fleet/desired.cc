// SPDX-License-Identifier: Apache-2.0
#include "fleet/desired.h"

#include <algorithm>
#include <array>

namespace kedge::fleet {
namespace {

constexpr std::array<std::string_view, 3> kNames = {"OFFERED", "TAKEN", "GOOD"};

// The former deployment is the current one again; it is known to work.
Desired BackToFormer(const DesiredModel& model) {
  if (!model.former) return std::nullopt;
  return DesiredModel{.current = *model.former, .state = DesiredState::kGood};
}

}  // namespace

std::string_view Name(DesiredState state) { return kNames[static_cast<size_t>(state)]; }

Result<DesiredState> ParseDesiredState(std::string_view text) {
  const auto found = std::find(kNames.begin(), kNames.end(), text);
  if (found == kNames.end()) return InvalidArgument("unknown state '" + std::string(text) + "'");
  return static_cast<DesiredState>(found - kNames.begin());
}

Desired AfterAssigned(const Desired& desired, const Deployment& next) {
  if (!desired) return DesiredModel{.current = next};
  if (desired->current.number >= next.number) return desired;
  DesiredModel after{.current = next, .former = desired->former};
  if (desired->state == DesiredState::kGood) after.former = desired->current;
  return after;
}

Desired AfterTaken(const Desired& desired) {
  Desired after = desired;
  if (after && after->state == DesiredState::kOffered) after->state = DesiredState::kTaken;
  return after;
}

Desired AfterSuccess(const Desired& desired, const Deployment& deployment) {
  if (!desired) return DesiredModel{.current = deployment, .state = DesiredState::kGood};
  DesiredModel after = *desired;
  if (after.current == deployment) {
    after.state = DesiredState::kGood;
  } else if (after.current.number < deployment.number) {
    // It was withdrawn, but the device was faster.
    after = {.current = deployment, .state = DesiredState::kGood, .former = after.former};
    if (desired->state == DesiredState::kGood) after.former = desired->current;
  } else if (after.state != DesiredState::kGood &&
             (!after.former || after.former->number < deployment.number)) {
    after.former = deployment;
  }
  return after;
}

Desired AfterFailure(const Desired& desired, const Deployment& deployment, bool rolls_back) {
  if (!desired) return desired;
  if (desired->current == deployment) {
    return rolls_back ? BackToFormer(*desired) : std::nullopt;
  }
  DesiredModel after = *desired;
  if (after.former == deployment) after.former.reset();
  return after;
}

Desired AfterStopped(const Desired& desired, const Deployment& deployment) {
  if (!IsPending(desired, deployment.name)) return desired;
  return BackToFormer(*desired);
}

bool IsPending(const Desired& desired, std::string_view deployment) {
  return desired && desired->current.name == deployment && desired->state != DesiredState::kGood;
}

}  // namespace kedge::fleet
