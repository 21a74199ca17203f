// Storage of values. Values that share bytes form a tree by containment: a view's output is
// attached to its input (or the input to the output, where the output is the caller's memory), the
// parts of a Split to the whole, and the inputs of a Concat along the outermost real axis to its
// output, so that none of these moves a byte. Only a value that fills its whole tree is ever
// attached, so two values that overlap always hold the same data.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/plan_builder.h"

#include <algorithm>
#include <cstring>

#include "compiler/codegen/layouts.h"
#include "compiler/codegen/lower_eltwise.h"
#include "compiler/codegen/lower_fast.h"
#include "compiler/codegen/lowering.h"
#include "compiler/codegen/memory.h"
#include "compiler/codegen/reorder.h"

namespace kedge::compiler {

uint64_t StorageBytes(DType dtype, const Shape& shape, const Layout& layout) {
  if (layout.plain()) return static_cast<uint64_t>(shape.elements()) * DTypeSize(dtype);
  KEDGE_CHECK(shape.rank() == 4);
  const int64_t blocks = (shape[1] + layout.channel_block - 1) / layout.channel_block;
  const int64_t rows = layout.top + shape[2] + layout.bottom;
  const int64_t columns = layout.left + shape[3] + layout.right;
  const int64_t elements = shape[0] * blocks * rows * columns * layout.channel_block;
  return static_cast<uint64_t>(elements) * DTypeSize(dtype);
}

PlanBuilder::PlanBuilder(const Graph& graph, const Target& target, LayoutTable layouts)
    : graph_(graph), target_(target), layouts_(std::move(layouts)) {
  KEDGE_CHECK(layouts_.size() == graph_.values.size());
  parents_.resize(graph_.values.size());
  buffers_.assign(graph_.values.size(), -1);
  for (size_t i = 0; i < parents_.size(); ++i) parents_[i].root = static_cast<ValueId>(i);
  PlaceInputsAndOutputs();
  for (const Node& node : graph_.nodes) {
    if (IsView(node)) {
      PlaceView(node);
    } else if (node.op == "Split") {
      PlaceSlices(node);
    } else if (node.op == "Concat") {
      PlaceConcat(node);
    }
  }
}

BufferId PlanBuilder::AddBuffer(Buffer buffer) {
  plan_.buffers.push_back(std::move(buffer));
  return static_cast<BufferId>(plan_.buffers.size() - 1);
}

uint64_t PlanBuilder::BytesOf(ValueId id) const {
  return StorageBytes(value(id).dtype, value(id).shape, layout(id));
}

void PlanBuilder::PlaceInputsAndOutputs() {
  for (uint32_t i = 0; i < graph_.inputs.size(); ++i) {
    const ValueId id = graph_.inputs[i];
    KEDGE_CHECK(layout(id).plain());
    buffers_[static_cast<size_t>(id)] =
        AddBuffer({.kind = BufferKind::kInput, .bytes = BytesOf(id), .index = i});
  }
  for (uint32_t i = 0; i < graph_.outputs.size(); ++i) {
    const ValueId id = graph_.outputs[i];
    KEDGE_CHECK(layout(id).plain());
    // An output that is an input, a constant or an earlier output as well is copied by Finish().
    if (buffers_[static_cast<size_t>(id)] >= 0 || graph_.IsConstant(id)) continue;
    buffers_[static_cast<size_t>(id)] =
        AddBuffer({.kind = BufferKind::kOutput, .bytes = BytesOf(id), .index = i});
  }
}

PlanBuilder::Place PlanBuilder::Find(ValueId id) const {
  Place place{id, 0};
  while (parents_[static_cast<size_t>(place.root)].root != place.root) {
    const Place& up = parents_[static_cast<size_t>(place.root)];
    place = {up.root, place.offset + up.offset};
  }
  return place;
}

// Lets `part` lie `offset` bytes into `whole`, if part has no storage of its own yet.
bool PlanBuilder::TryAttach(ValueId part, ValueId whole, uint64_t offset) {
  const Place inner = Find(part), outer = Find(whole);
  const auto root = static_cast<size_t>(inner.root);
  if (inner.root == outer.root || inner.offset != 0 || BytesOf(inner.root) != BytesOf(part)) {
    return false;
  }
  if (buffers_[root] >= 0 || graph_.IsConstant(inner.root)) return false;
  if (layout(inner.root) != layout(outer.root)) return false;
  parents_[root] = {outer.root, outer.offset + offset};
  return true;
}

void PlanBuilder::PlaceView(const Node& node) {
  const ValueId from = node.inputs[0], to = node.outputs[0];
  if (!layout(from).plain() || !layout(to).plain()) return;
  if (!TryAttach(to, from, 0)) TryAttach(from, to, 0);
}

void PlanBuilder::PlaceSlices(const Node& node) {
  const ValueId from = node.inputs[0];
  if (!layout(from).plain()) return;
  const int64_t axis = AxisAttribute(node, "axis", 0, value(from).shape.rank());
  if (!IsOutermost(value(from).shape, axis)) return;
  uint64_t offset = 0;
  for (ValueId to : node.outputs) {
    if (to == kNoValue) return;  // the sizes of what follows are not known without its shape
    if (layout(to).plain()) TryAttach(to, from, offset);
    offset += StorageBytes(value(to).dtype, value(to).shape, {});
  }
}

void PlanBuilder::PlaceConcat(const Node& node) {
  const ValueId to = node.outputs[0];
  const int64_t axis = AxisAttribute(node, "axis", 0, value(to).shape.rank());
  if (!IsOutermost(value(to).shape, axis)) return;
  // Of a blocked tensor the parts are whole blocks (layouts.cc sees to it), along the channels.
  if (!layout(to).plain() && axis != 1) return;
  uint64_t offset = 0;
  for (ValueId from : node.inputs) {
    if (layout(from) == layout(to)) TryAttach(from, to, offset);
    offset += StorageBytes(value(from).dtype, value(from).shape, layout(to));
  }
}

BufferId PlanBuilder::BufferOf(ValueId root) {
  BufferId& buffer = buffers_[static_cast<size_t>(root)];
  if (buffer >= 0) return buffer;
  const uint64_t bytes = BytesOf(root);
  if (!graph_.IsConstant(root)) {
    buffer = AddBuffer({.kind = BufferKind::kArena, .bytes = bytes});
    return buffer;
  }
  auto tensor = value(root).constant;
  buffer = AddBuffer({.kind = BufferKind::kWeights, .bytes = bytes, .pack = [tensor](auto to) {
                        std::memcpy(to.data(), tensor->bytes().data(), to.size());
                      }});
  return buffer;
}

BufferRef PlanBuilder::Read(ValueId id) {
  KEDGE_CHECK(id != kNoValue);
  const Place place = Find(id);
  return {BufferOf(place.root), place.offset};
}

BufferRef PlanBuilder::Write(ValueId id) {
  KEDGE_CHECK(id != kNoValue && !graph_.IsConstant(id));
  return Read(id);
}

bool PlanBuilder::SamePlace(ValueId a, ValueId b) const {
  const Place first = Find(a), second = Find(b);
  return first.root == second.root && first.offset == second.offset;
}

BufferRef PlanBuilder::ReadPlain(ValueId id) {
  if (layout(id).plain()) return Read(id);
  if (auto copy = plain_copies_.find(id); copy != plain_copies_.end()) return copy->second;
  const BufferRef plain = Scratch(StorageBytes(value(id).dtype, value(id).shape, {}));
  Add(MakeReorder({.dtype = value(id).dtype,
                   .shape = value(id).shape,
                   .from_layout = layout(id),
                   .to_layout = {},
                   .from = Read(id),
                   .to = plain}));
  plain_copies_[id] = plain;
  return plain;
}

BufferRef PlanBuilder::WritePlain(ValueId id) {
  if (layout(id).plain()) return Write(id);
  const BufferRef plain = Scratch(StorageBytes(value(id).dtype, value(id).shape, {}));
  plain_copies_[id] = plain;
  pending_.push_back({id, plain});
  return plain;
}

BufferRef PlanBuilder::Scratch(uint64_t bytes) {
  return {AddBuffer({.kind = BufferKind::kArena, .bytes = bytes}), 0};
}

BufferRef PlanBuilder::Weights(const std::string& key, uint64_t bytes,
                               std::function<void(std::span<uint8_t>)> pack) {
  auto [entry, fresh] = packed_.try_emplace(key, -1);
  if (fresh) {
    entry->second =
        AddBuffer({.kind = BufferKind::kWeights, .bytes = bytes, .pack = std::move(pack)});
  }
  KEDGE_CHECK(plan_.buffers[static_cast<size_t>(entry->second)].bytes == bytes);
  return {entry->second, 0};
}

void PlanBuilder::Add(Step step) {
  if (step.nodes.empty() && node_ >= 0) step.nodes.push_back(node_);
  plan_.steps.push_back(std::move(step));
}

void PlanBuilder::BeginNode(int32_t node) {
  node_ = node;
  pending_.clear();
}

void PlanBuilder::EndNode() {
  for (const Pending& pending : pending_) {
    const Value& written = value(pending.value);
    Add(MakeReorder({.dtype = written.dtype,
                     .shape = written.shape,
                     .from_layout = {},
                     .to_layout = layout(pending.value),
                     .from = pending.plain,
                     .to = Write(pending.value)}));
  }
  pending_.clear();
  node_ = -1;
}

// Copies what is an output but could not be written there: an input, a constant, a second name.
void PlanBuilder::CopyOutputs() {
  for (uint32_t i = 0; i < graph_.outputs.size(); ++i) {
    const ValueId id = graph_.outputs[i];
    const BufferRef from = Read(id);
    const Buffer& buffer = plan_.buffers[static_cast<size_t>(from.buffer)];
    if (buffer.kind == BufferKind::kOutput && buffer.index == i) continue;
    const uint64_t bytes = BytesOf(id);
    const BufferRef to{AddBuffer({.kind = BufferKind::kOutput, .bytes = bytes, .index = i}), 0};
    Add(MakeCopy(bytes, from, to));
  }
}

Plan PlanBuilder::Finish() && {
  CopyOutputs();
  return std::move(plan_);
}

Result<Plan> BuildPlan(const Graph& graph, const Target& target, const PlanOptions& options) {
  const bool fast = !options.generic_only;
  LayoutTable layouts = fast ? AssignLayouts(graph, target) : LayoutTable(graph.values.size());
  std::vector<bool> taken;
  taken.reserve(graph.nodes.size());
  for (const Node& node : graph.nodes) {
    taken.push_back(fast && TakesFast(graph, node, layouts));
  }
  const std::vector<std::vector<int32_t>> groups = GroupEltwise(graph, taken);
  PlanBuilder builder(graph, target, std::move(layouts));
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (groups[i].empty()) continue;
    const Node& node = graph.nodes[i];
    builder.BeginNode(static_cast<int32_t>(i));
    bool done = false;
    if (fast) {
      KEDGE_TRY(done, LowerFast(node, builder));
    }
    if (!done && groups[i].size() > 1) {
      KEDGE_TRY_STATUS(LowerEltwiseGroup(groups[i], builder));
    } else if (!done) {
      KEDGE_TRY_STATUS(LowerGeneric(node, builder));
    }
    builder.EndNode();
  }
  Plan plan = std::move(builder).Finish();
  PlanMemory(plan);
  return plan;
}

}  // namespace kedge::compiler
