// Builds a plan node by node: places of values, scratch and packed weights, and the reorders
// between layouts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/codegen/plan.h"
#include "compiler/graph/graph.h"
#include "compiler/target/target.h"

namespace kedge::compiler {

// The layout of each value, by ValueId (codegen/layouts.h).
using LayoutTable = std::vector<Layout>;

// What lowerings see. One graph, one plan. Not thread-safe.
class PlanBuilder {
 public:
  // `graph` and `target` outlive the builder. Every shape is known. Graph inputs, graph outputs and
  // constants have the plain layout.
  PlanBuilder(const Graph& graph, const Target& target, LayoutTable layouts);

  const Graph& graph() const { return graph_; }
  const Target& target() const { return target_; }
  const Value& value(ValueId id) const { return graph_.at(id); }
  const Layout& layout(ValueId id) const { return layouts_[static_cast<size_t>(id)]; }
  const LayoutTable& layouts() const { return layouts_; }

  // The place of a value in its own layout. A constant is put into weights.bin row-major at its
  // first use.
  BufferRef Read(ValueId id);
  BufferRef Write(ValueId id);
  // The place of a value row-major: its own, or a temporary with a reorder step before (after) the
  // node's own steps.
  BufferRef ReadPlain(ValueId id);
  BufferRef WritePlain(ValueId id);

  // Arena memory that lives from the first to the last step that names it.
  BufferRef Scratch(uint64_t bytes);
  // Constants made for a kernel: packed weights, tables. Equal keys share one buffer; the key names
  // source value and packing, for example "conv 12 16x2".
  BufferRef Weights(const std::string& key, uint64_t bytes,
                    std::function<void(std::span<uint8_t>)> pack);

  // Appends a step of the current node; fills in `nodes` if empty.
  void Add(Step step);

  // Used by BuildPlan around each lowering.
  void BeginNode(int32_t node);
  void EndNode();
  // True if both values share their storage, so that no code is needed for a view.
  bool SamePlace(ValueId a, ValueId b) const;
  Plan Finish() &&;

 private:
  // Where a value lies: `offset` bytes into its root's storage.
  struct Place {
    ValueId root = kNoValue;
    uint64_t offset = 0;
  };
  struct Pending {
    ValueId value;
    BufferRef plain;
  };

  void PlaceInputsAndOutputs();
  void PlaceView(const Node& node);
  void PlaceSlices(const Node& node);
  void PlaceConcat(const Node& node);
  bool TryAttach(ValueId part, ValueId whole, uint64_t offset);
  Place Find(ValueId id) const;
  BufferId AddBuffer(Buffer buffer);
  BufferId BufferOf(ValueId root);
  uint64_t BytesOf(ValueId id) const;
  void CopyOutputs();

  const Graph& graph_;
  const Target& target_;
  LayoutTable layouts_;
  std::vector<Place> parents_;     // by ValueId; a root is its own parent
  std::vector<BufferId> buffers_;  // of roots, by ValueId; -1 before the first use
  std::map<ValueId, BufferRef> plain_copies_;
  std::map<std::string, BufferId> packed_;
  std::vector<Pending> pending_;
  int32_t node_ = -1;
  Plan plan_;
};

struct PlanOptions {
  bool generic_only = false;  // no fast kernels and no layouts of theirs: for tests and comparisons
};

// Lowers every node. kUnimplemented naming operator and node if there is no lowering.
Result<Plan> BuildPlan(const Graph& graph, const Target& target, const PlanOptions& options = {});

}  // namespace kedge::compiler
