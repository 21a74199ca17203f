// Broken promises inside the program. Never for input from outside: that is an Error.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kedge {

// Writes "file:line: check failed: expression" to standard error and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* expression);

}  // namespace kedge

// Always on.
#define KEDGE_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::kedge::CheckFailed(__FILE__, __LINE__, #condition))

// For hot loops: on in presets dev, asan (KEDGE_DEBUG_CHECKS).
#ifdef KEDGE_DEBUG_CHECKS
#define KEDGE_DCHECK(condition) KEDGE_CHECK(condition)
#else
#define KEDGE_DCHECK(condition) static_cast<void>(0)
#endif
