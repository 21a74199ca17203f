// The last look at what was built, read back from disk as if a stranger had written it: a compiled
// model exports its two functions, needs nothing, and runs nothing of its own accord.
//
// Source: System V gABI chapters 4 and 5.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "compiler/target/target.h"

namespace kedge::compiler {

struct ObjectFacts {
  uint64_t code_bytes = 0;  // of executable segments
};

// kInternal naming what is wrong: another machine, an interpreter, a needed library, an undefined
// or unknown exported symbol, a constructor or destructor, a text relocation, one that needs a
// symbol, a segment both writable and executable, an executable stack, or a header that points
// outside.
Result<ObjectFacts> CheckObject(Bytes file, const Target& target);

}  // namespace kedge::compiler
