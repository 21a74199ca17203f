// Strided copies: the one loop behind every operator that only moves elements.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "compiler/codegen/plan_builder.h"

namespace kedge::compiler {

// to[to_offset + sum(i_d * to_strides_d)] = from[from_offset + sum(i_d * from_strides_d)] for all
// indices below `sizes`; in elements. Without `from`, a constant is stored.
struct StridedCopy {
  std::vector<int64_t> sizes;
  std::vector<int64_t> to_strides, from_strides;
  int64_t to_offset = 0, from_offset = 0;
};

// The copy of a box of `sizes` from a row-major tensor to another: starts and steps of the box in
// each.
struct Box {
  std::vector<int64_t> sizes;
  std::vector<int64_t> to_start, from_start;  // empty: zero
  std::vector<int64_t> from_step;             // empty: one; may be negative
};
StridedCopy CopyBox(const Shape& to, const Shape& from, const Box& box);

struct CopyStep {
  std::string path = "generic-copy";
  size_t element_bytes = 0;
  BufferRef to, from;
  std::vector<StridedCopy> copies;  // of disjoint destinations
  // The destination's bytes are filled before with this element's pattern, if set.
  bool fill = false;
  uint64_t fill_bits = 0;
  uint64_t to_bytes = 0;  // of the whole destination, for the fill
};

// One step that makes all the copies. Copies of no element are left out.
Step MakeCopies(CopyStep copy);

// The bits of a number as an element of the type.
uint64_t ElementBits(DType dtype, double value);

}  // namespace kedge::compiler
