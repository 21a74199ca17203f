// What one device should have under one handle: the newest deployment, and the one before it that
// works there, which a failure goes back to.
//
//   assigned n   the current one becomes n, offered; if the former current one was good, it is kept
//   taken        the device has asked: offered becomes taken
//   n succeeds   n is good
//   n fails      ROLLBACK_ON_FAILURE: the former one is desired again; DO_NOTHING: nothing is, the
//                device is left as it is
//   n stopped    before it was reported: the former one is desired again
//
// Numbers grow with every start of any stage, so "newer" is a comparison; events of deployments
// that neither place holds change nothing, so events may be repeated and may come late.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kedge::fleet {

enum class DesiredState { kOffered, kTaken, kGood };

std::string_view Name(DesiredState state);  // "OFFERED", "TAKEN", "GOOD"
// kInvalidArgument for another text.
Result<DesiredState> ParseDesiredState(std::string_view text);

struct Deployment {
  std::string name;
  int64_t number = 0;  // of its start
  friend bool operator==(const Deployment&, const Deployment&) = default;
};

struct DesiredModel {
  Deployment current;
  DesiredState state = DesiredState::kOffered;
  std::optional<Deployment> former;  // was good
  friend bool operator==(const DesiredModel&, const DesiredModel&) = default;
};
// None: nothing is desired under the handle.
using Desired = std::optional<DesiredModel>;

// `next` is for the device. An older one than the current changes nothing: it came too late.
Desired AfterAssigned(const Desired& desired, const Deployment& next);
Desired AfterTaken(const Desired& desired);
Desired AfterSuccess(const Desired& desired, const Deployment& deployment);
Desired AfterFailure(const Desired& desired, const Deployment& deployment, bool rolls_back);
Desired AfterStopped(const Desired& desired, const Deployment& deployment);

// True if the device still has to do something about the deployment.
bool IsPending(const Desired& desired, std::string_view deployment);

}  // namespace kedge::fleet
