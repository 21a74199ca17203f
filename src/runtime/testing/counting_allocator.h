// Counts what a test program allocates with `new`, to prove that something does not. A program that
// links this has its operator new replaced.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace kedge::runtime::testing {

// Calls of operator new so far, of all threads.
uint64_t Allocations();

}  // namespace kedge::runtime::testing
