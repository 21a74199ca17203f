// The plan: what the generated program does, in the order it does it. The lower of the compiler's
// two levels; the printed plan is the generated C++.
//
// A plan is a list of buffers and a list of steps. A step is one call of one kernel: source text of
// one function with every shape a constant, and operands, which are places in buffers. Steps with
// equal source text share one compiled function. Planned buffers of the arena overlap in memory if
// their lives do not (codegen/memory.h).
//
// How a graph becomes a plan (codegen/plan_builder.h):
//   1. AssignLayouts (codegen/layouts.h) says how each value is laid out in memory.
//   2. Views (Reshape, Squeeze, Concat on the outermost axis ...) make values share a buffer.
//   3. Each node's lowering appends its steps: LowerFast (codegen/lower_fast.h) is asked first and
//      may decline; then the row of the operator in the table of generic lowerings
//      (codegen/lowering.cc). A generic lowering reads and writes row-major tensors only; the
//      builder puts a reorder step between where the layout of a value differs.
//   4. PlanMemory gives every arena and weights buffer its offset.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "compiler/graph/graph.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace kedge::compiler {

// How a tensor's elements lie in memory.
//
// Row-major if channel_block is 0 (no halo then). Otherwise the tensor is [n, channels, h, w] and
// lies as [n][ceil(channels / block)][top + h + bottom][left + w + right][block]; block 1 is planar
// with a halo. Channels above the real ones hold zero.
struct Layout {
  // What a buffer's producer writes into the halo.
  enum class Fill : uint8_t { kZero, kLowest };

  int32_t channel_block = 0;
  int32_t top = 0, left = 0, bottom = 0, right = 0;
  Fill fill = Fill::kZero;

  bool plain() const { return channel_block == 0; }
  friend bool operator==(const Layout&, const Layout&) = default;
};

// Bytes of a tensor in a layout. The layout must fit the shape's rank (KEDGE_CHECK).
uint64_t StorageBytes(DType dtype, const Shape& shape, const Layout& layout);

using BufferId = int32_t;

enum class BufferKind : uint8_t {
  kInput,    // the caller's, read in place, aligned to its element only
  kOutput,   // the caller's, written in place, aligned to its element only
  kArena,    // 64-byte aligned; garbage at the start of a run
  kWeights,  // in weights.bin, 64-byte aligned, read only
};

struct Buffer {
  BufferKind kind = BufferKind::kArena;
  uint64_t bytes = 0;
  uint32_t index = 0;   // which input or output
  uint64_t offset = 0;  // in the arena or in weights.bin; set by PlanMemory
  // Weights: writes all `bytes` of the content, packed as the kernel reads it. Called once, when
  // weights.bin is written; holds its source tensor by shared_ptr, so that nothing is copied
  // before.
  std::function<void(std::span<uint8_t> to)> pack;
};

// A place in a buffer, given to a kernel as one pointer: an operand of a step.
struct BufferRef {
  BufferId buffer = -1;
  uint64_t offset = 0;  // bytes from the buffer's start
};

// One call of one kernel.
struct Step {
  // Which kernel it is, for the report and traces: "generic-eltwise", "conv 14x2". Ours, never text
  // of the model.
  std::string path;
  // The text of a translation unit that defines
  //   KEDGE_KERNEL(char* p0, ..., const char* pN, uint32_t task) { ... }
  // with one pointer per operand, writes first, then reads (codegen/source.h makes the head). It
  // may include headers of src/kernels. Holds integers and floats of the model, never a string.
  std::string source;
  std::vector<BufferRef> writes;
  std::vector<BufferRef> reads;
  // The kernel is called for every task in [0, tasks), in any order, on any threads. Tasks write
  // disjoint places. 1 for what takes less than about 20 us.
  uint32_t tasks = 1;
  // The kernel returns int: 0, or KEDGE_RUN_OUT_OF_RANGE for an index outside its tensor or
  // KEDGE_RUN_INVALID_ARGUMENT for a shape the code was not made for.
  bool can_fail = false;
  // The step reads read 0 element by element at the index at which it then writes write 0, so both
  // may be one place: PlanMemory merges them if read 0 dies here. The kernel must not declare them
  // __restrict.
  bool in_place = false;
  std::vector<int32_t> nodes;  // indices into the graph's nodes that this step computes
};

struct Plan {
  std::vector<Buffer> buffers;
  std::vector<Step> steps;
  uint64_t arena_bytes = 0;
  uint64_t weights_bytes = 0;
};

}  // namespace kedge::compiler
