// The loop from the ring to the runtime.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ring/ring.h"
#include "runtime/session.h"

namespace kedge::worker {

// Serves requests until the process is ended. Makes no system call but futex (and the clock for
// bench requests) and allocates nothing for a run that succeeds.
[[noreturn]] void Serve(ring::GuestRing& ring, runtime::Session& session,
                        const runtime::ModelInfo& model);

}  // namespace kedge::worker
