// The first look at a compiled model: is this file an object of this machine that the dynamic
// loader can be given without running anything of it?
//
// A model only computes. So it is refused here if it names other libraries, has code that runs
// while it is loaded (constructors), wants writable code or an executable stack, or is longer in
// its headers than in its bytes. This is the second wall: the compiler refuses to write such an
// object, and in kedge-worker a system call filter is up before the loader runs, for objects that
// deceive this check.
//
// Source: System V ABI, gABI chapters 4 and 5 (ELF header, program header, dynamic section).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace kedge::runtime {

// "x86-64" or "aarch64": the architecture this program was built for.
std::string NativeArchitecture();

// Errors: kFailedPrecondition if the object is of another architecture (both are named),
// kInvalidArgument if it is not an object that a compiled model can be.
Status CheckModelObject(Bytes file);
// The same for a model of any architecture of ours ("x86-64", "aarch64"), for those who do not run
// it.
Status CheckModelObject(Bytes file, std::string_view architecture);

}  // namespace kedge::runtime
