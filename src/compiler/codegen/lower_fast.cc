// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/lower_fast.h"

#include "base/check.h"
#include "compiler/codegen/source.h"

namespace kedge::compiler {
namespace {

Layout BlockedLayout(const WindowForm& window, const PlanBuilder& builder) {
  return {.channel_block = builder.target().VectorFloats(),
          .top = static_cast<int32_t>(window.top),
          .left = static_cast<int32_t>(window.left),
          .bottom = static_cast<int32_t>(window.bottom),
          .right = static_cast<int32_t>(window.right)};
}

FastOperand ScratchOperand(const Value& value, const Layout& layout, PlanBuilder& builder) {
  return {.place = builder.Scratch(StorageBytes(value.dtype, value.shape, layout)),
          .view = ViewOf(value.shape, layout)};
}

// One step that copies `from` to `to` by the kernel `name` of reorder.h and sets the halo.
void AddReorder(const char* name, const FastOperand& from, const FastOperand& to,
                PlanBuilder& builder) {
  Source source({"reorder.h"});
  source.OpenKernel(1, 1);
  source.Line(Text("constexpr ReorderConfig kConfig{.in = ", ViewText(from.view),
                   ", .out = ", ViewText(to.view), "};"));
  source.Line("float* out = reinterpret_cast<float*>(p0);");
  if (to.view.HasHalo()) source.Line(FillHaloText(to.view, "out"));
  source.Line(Text(name, "<kConfig>(reinterpret_cast<const float*>(p1), out, task);"));
  source.Close();
  builder.Add({.path = Text("reorder ", name),
               .source = std::move(source).Take(),
               .writes = {to.First()},
               .reads = {from.First()}});
}

}  // namespace

FastOperand ReadFast(ValueId id, PlanBuilder& builder) {
  return {.place = builder.Read(id), .view = ViewOf(builder.value(id).shape, builder.layout(id))};
}

FastOperand WriteFast(ValueId id, PlanBuilder& builder) {
  return {.place = builder.Write(id), .view = ViewOf(builder.value(id).shape, builder.layout(id))};
}

FastOperand ReadBlocked(ValueId id, const WindowForm& window, PlanBuilder& builder) {
  const FastOperand own = ReadFast(id, builder);
  if (!builder.layout(id).plain()) return own;
  const FastOperand copy =
      ScratchOperand(builder.value(id), BlockedLayout(window, builder), builder);
  AddReorder("ToBlocked", own, copy, builder);
  return copy;
}

FastOperand ReadPlanar(ValueId id, const WindowForm& window, PlanBuilder& builder) {
  const Value& value = builder.value(id);
  FastOperand plain{.place = builder.ReadPlain(id), .view = ViewOf(value.shape, {})};
  if (!window.HasHalo()) return plain;
  Layout layout = BlockedLayout(window, builder);
  layout.channel_block = 1;
  const FastOperand copy = ScratchOperand(value, layout, builder);
  plain.view = ViewOf(value.shape, {.channel_block = 1});
  AddReorder("CopyPlanar", plain, copy, builder);
  return copy;
}

FastOperand ReadWithHalo(ValueId id, const WindowForm& window, PlanBuilder& builder) {
  if (builder.layout(id).plain()) return ReadPlanar(id, window, builder);
  return ReadFast(id, builder);
}

FastOperand WriteBlocked(ValueId id, PlanBuilder& builder) {
  if (!builder.layout(id).plain()) return WriteFast(id, builder);
  return ScratchOperand(builder.value(id), BlockedLayout({}, builder), builder);
}

void FinishBlocked(ValueId id, const FastOperand& written, PlanBuilder& builder) {
  if (!builder.layout(id).plain()) return;
  AddReorder("FromBlocked", written, WriteFast(id, builder), builder);
}

std::string WindowText(const WindowForm& w) {
  return Text("Window{", w.height, ", ", w.width, ", ", w.stride_h, ", ", w.stride_w, ", ",
              w.dilation_h, ", ", w.dilation_w, ", ", w.top, ", ", w.left, "}");
}

ValueId ResultOf(const Node& node, const PlanBuilder& builder) {
  const auto followers = FollowersOf(builder.graph(), node);
  return (followers.empty() ? node : *followers.back()).outputs[0];
}

void AddFast(const Node& node, Step step, PlanBuilder& builder) {
  const Graph& graph = builder.graph();
  const auto index = [&](const Node& one) {
    return static_cast<int32_t>(&one - graph.nodes.data());
  };
  step.nodes = {index(node)};
  for (const Node* follower : FollowersOf(graph, node)) step.nodes.push_back(index(*follower));
  builder.Add(std::move(step));
}

bool TakesFast(const Graph& graph, const Node& node, const LayoutTable& layouts) {
  if (ReadConvForm(graph, node) || ReadPoolForm(graph, node) || ReadMatMulForm(graph, node)) {
    return true;
  }
  const Node* leader = LeaderOf(graph, node);
  if (leader != nullptr && TakesFast(graph, *leader, layouts)) return true;
  if (ReadBlockedForm(graph, node) == BlockedForm::kNone) return false;
  const auto followers = FollowersOf(graph, node);
  const ValueId result = (followers.empty() ? node : *followers.back()).outputs[0];
  return !layouts[static_cast<size_t>(result)].plain();
}

Result<bool> LowerFast(const Node& node, PlanBuilder& builder) {
  const Graph& graph = builder.graph();
  if (const Node* leader = LeaderOf(graph, node)) {
    if (TakesFast(graph, *leader, builder.layouts())) return true;
  }
  if (const auto conv = ReadConvForm(graph, node)) {
    if (conv->IsDepthwise()) {
      LowerDepthwiseForm(node, *conv, builder);
      return true;
    }
    const WinogradChoice winograd =
        WinogradOf(graph, node, *conv, builder.layouts(), builder.target());
    if (winograd.size > 0) {
      LowerWinogradForm(node, *conv, winograd, builder);
    } else {
      LowerConvForm(node, *conv, builder);
    }
    return true;
  }
  if (const auto pool = ReadPoolForm(graph, node)) {
    LowerPoolForm(node, *pool, builder);
    return true;
  }
  if (const auto product = ReadMatMulForm(graph, node)) {
    LowerMatMulForm(node, *product, builder);
    return true;
  }
  if (const auto softmax = ReadSoftmaxForm(graph, node)) {
    LowerSoftmaxForm(node, *softmax, builder);
    return true;
  }
  if (!TakesFast(graph, node, builder.layouts())) return false;
  LowerBlockedForm(node, ReadBlockedForm(graph, node), builder);
  return true;
}

}  // namespace kedge::compiler
