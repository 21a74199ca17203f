// Which values are blocked is decided in three sweeps.
//
// Forward: a value may be blocked if a convolution or pool makes it, or an elementwise kernel whose
// inputs all may be. Backward: it stays so only if some fast kernel reads it blocked. Both repeat
// until nothing changes, since a Sum with one plain input cannot be blocked and its other input may
// then have lost its only blocked reader. Last, each blocked value gets the halo of its neediest
// reader; the parts of a Concat and the whole get one halo together, so that the parts are written
// in place.
// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/layouts.h"

#include <algorithm>

#include "compiler/codegen/fast_forms.h"
#include "compiler/codegen/lower_fast.h"

namespace kedge::compiler {
namespace {

class Assignment {
 public:
  Assignment(const Graph& graph, const Target& target)
      : graph_(graph),
        target_(target),
        block_(target.VectorFloats()),
        blocked_(graph.values.size(), false) {}

  LayoutTable Run() {
    for (const Node& node : graph_.nodes) {
      for (ValueId id : node.outputs) {
        if (id != kNoValue) blocked_[static_cast<size_t>(id)] = true;
      }
    }
    for (ValueId id : graph_.outputs) blocked_[static_cast<size_t>(id)] = false;
    while (SweepForward() || SweepBackward()) {
    }
    LayoutTable table(graph_.values.size());
    for (size_t i = 0; i < table.size(); ++i) {
      if (blocked_[i]) table[i].channel_block = block_;
    }
    for (const Node& node : graph_.nodes) AskForHalo(node, table);
    while (EqualiseConcats(table)) {
    }
    return table;
  }

 private:
  bool IsBlocked(ValueId id) const { return blocked_[static_cast<size_t>(id)]; }

  bool MayMakeBlocked(const Node& node) const {
    if (auto conv = ReadConvForm(graph_, node)) {
      return conv->IsDepthwise() || conv->GroupsAreBlocks(block_);
    }
    if (auto pool = ReadPoolForm(graph_, node)) return !pool->IsGlobalAverage();
    return MayPassBlocked(node);
  }

  // Elementwise on blocked inputs.
  bool MayPassBlocked(const Node& node) const {
    switch (ReadBlockedForm(graph_, node)) {
      case BlockedForm::kNone:
        return false;
      case BlockedForm::kSum:
        return IsBlocked(node.inputs[0]) && IsBlocked(node.inputs[1]);
      case BlockedForm::kAffine:
        return IsBlocked(AffineInput(graph_, node));
      case BlockedForm::kActivation:
        return IsBlocked(node.inputs[0]);
      case BlockedForm::kConcat:
        return std::ranges::all_of(node.inputs, [&](ValueId id) {
          const bool whole = graph_.at(id).shape[1] % block_ == 0;
          return IsBlocked(id) && (whole || id == node.inputs.back());
        });
    }
    return false;
  }

  bool ReadsBlocked(const Node& node) const {
    if (auto conv = ReadConvForm(graph_, node)) {
      return conv->IsDepthwise() || conv->GroupsAreBlocks(block_);
    }
    if (ReadPoolForm(graph_, node)) return true;
    return IsBlocked(node.outputs[0]) && ReadBlockedForm(graph_, node) != BlockedForm::kNone;
  }

  bool SweepForward() {
    bool changed = false;
    for (const Node& node : graph_.nodes) {
      const bool may = MayMakeBlocked(node);
      for (ValueId id : node.outputs) {
        if (id == kNoValue || !IsBlocked(id) || may) continue;
        blocked_[static_cast<size_t>(id)] = false;
        changed = true;
      }
    }
    return changed;
  }

  bool SweepBackward() {
    std::vector<bool> read(graph_.values.size(), false);
    for (const Node& node : graph_.nodes) {
      if (!ReadsBlocked(node)) continue;
      for (ValueId id : node.inputs) {
        if (id != kNoValue) read[static_cast<size_t>(id)] = true;
      }
    }
    bool changed = false;
    for (size_t i = 0; i < blocked_.size(); ++i) {
      if (!blocked_[i] || read[i]) continue;
      blocked_[i] = false;
      changed = true;
    }
    return changed;
  }

  void AskForHalo(const Node& node, LayoutTable& table) const {
    const auto conv = ReadConvForm(graph_, node);
    if (!conv.has_value()) return;
    Layout& layout = table[static_cast<size_t>(conv->input)];
    if (layout.plain()) return;
    WindowForm window = conv->window;
    const WinogradChoice winograd = WinogradOf(graph_, node, *conv, table, target_);
    if (winograd.size > 0) window = WidenForWinograd(*conv, winograd.size);
    Widen(layout, static_cast<int32_t>(window.top), static_cast<int32_t>(window.left),
          static_cast<int32_t>(window.bottom), static_cast<int32_t>(window.right));
  }

  // True if the layout had to grow.
  static bool Widen(Layout& layout, int32_t top, int32_t left, int32_t bottom, int32_t right) {
    const Layout before = layout;
    layout.top = std::max(layout.top, top);
    layout.left = std::max(layout.left, left);
    layout.bottom = std::max(layout.bottom, bottom);
    layout.right = std::max(layout.right, right);
    return layout != before;
  }

  bool EqualiseConcats(LayoutTable& table) const {
    bool changed = false;
    const auto join = [&](Layout& a, Layout& b) {
      changed |= Widen(a, b.top, b.left, b.bottom, b.right);
      changed |= Widen(b, a.top, a.left, a.bottom, a.right);
    };
    for (const Node& node : graph_.nodes) {
      if (ReadBlockedForm(graph_, node) != BlockedForm::kConcat) continue;
      if (!IsBlocked(node.outputs[0])) continue;
      for (ValueId id : node.inputs) {
        join(table[static_cast<size_t>(node.outputs[0])], table[static_cast<size_t>(id)]);
      }
    }
    return changed;
  }

  const Graph& graph_;
  const Target& target_;
  const int32_t block_;
  std::vector<bool> blocked_;  // by value
};

}  // namespace

LayoutTable AssignLayouts(const Graph& graph, const Target& target) {
  return Assignment(graph, target).Run();
}

}  // namespace kedge::compiler
