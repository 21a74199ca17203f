// Rollouts by the rules of fleet/ under everything that goes wrong, one seed = one replay.
//
// Two or three nodes try to hold one lease and advance stages under it. Each of a node's
// transactions is an event of its own, and between any two of them it may be frozen for longer than
// the lease, crash and forget, or find that its clock went another way than the others'. Devices
// ask and report; reports are delayed, doubled and reordered, and come again until they were
// delivered. Somebody starts and stops stages meanwhile. At the end everything is let run until
// nothing is left to do. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "simulation/model_store.h"

namespace kedge::simulation {

struct Outcome {
  std::string violation;  // empty: every invariant held
  size_t advances = 0;
  size_t take_overs = 0;  // of the lease
};

Outcome RunRollouts(uint64_t seed, Mutation mutation = {});

}  // namespace kedge::simulation
