// A nest of loops over tensors that are strided the same way all along: dimensions, and for each
// tensor the elements between neighbours in each dimension (0: the same element again).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compiler/codegen/source.h"
#include "tensor/shape.h"

namespace kedge::compiler {

struct LoopNest {
  std::vector<int64_t> sizes;                 // outermost first
  std::vector<std::vector<int64_t>> strides;  // [tensor][dimension]

  int64_t Iterations() const;
  // Drops dimensions of size 1 and merges neighbours that all tensors walk as one. At least one
  // dimension is left.
  void Collapse();
};

// Into how many tasks to cut work that touches so many bytes and does so many scalar operations:
// 1 below about 20 us, at most `most`.
uint32_t TaskCount(uint64_t bytes, uint64_t operations, int64_t most);

// Writes the loops of all dimensions but the last, the outermost one cut into `tasks` ranges, and
// calls `inner` with the expression of each tensor's element offset ("i0 * 12 + i1 * 3"). If only
// one dimension is left it is the inner one, and its range is [begin, end) in the generated code;
// otherwise begin is 0 and end its size.
void WriteOuterLoops(Source& source, const LoopNest& nest, uint32_t tasks,
                     const std::function<void(const std::vector<std::string>& offsets)>& inner);

}  // namespace kedge::compiler
