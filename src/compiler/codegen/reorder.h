// Steps that change where a tensor's elements lie, not what they are.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/codegen/plan.h"

namespace kedge::compiler {

struct Reorder {
  DType dtype = DType::kF32;
  Shape shape;
  Layout from_layout, to_layout;
  BufferRef from, to;
};

// From one layout to another; halo and surplus channels of the destination are filled as its layout
// says.
Step MakeReorder(const Reorder& reorder);

// So many bytes as they are.
Step MakeCopy(uint64_t bytes, BufferRef from, BufferRef to);

}  // namespace kedge::compiler
