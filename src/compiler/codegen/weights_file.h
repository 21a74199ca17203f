// Writes weights.bin: the constants of a plan, each packed as its kernel reads it, at its offset.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/file.h"
#include "compiler/codegen/plan.h"

namespace kedge::compiler {

// Packs straight into the mapped file, so that memory holds no second copy. Gives the SHA-256 of
// the file in hexadecimal, or "" for a plan without weights, for which the file is made empty. Gaps
// between buffers are zero. Errors: those of the disk; kResourceExhausted if it is full.
Result<std::string> WriteWeights(const Plan& plan, const Path& path);

}  // namespace kedge::compiler
