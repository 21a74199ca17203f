// The fast kernels: lowers a node to the templates of src/kernels if they cover it.
//
// One file a family of kernels: lower_fast_conv.cc (matrix products too), lower_fast_winograd.cc,
// lower_fast_depthwise.cc, lower_fast_pool.cc, lower_fast_softmax.cc, lower_fast_blocked.cc. What a
// node must be like stands in fast_forms.h.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/codegen/fast_forms.h"
#include "compiler/codegen/plan_builder.h"
#include "compiler/codegen/tile.h"
#include "compiler/codegen/view.h"

namespace kedge::compiler {

// True if the node was lowered; false leaves the builder as it was and the node to its generic
// lowering.
Result<bool> LowerFast(const Node& node, PlanBuilder& builder);

// True if LowerFast takes the node under these layouts, so that it joins no group of fused
// elementwise nodes.
bool TakesFast(const Graph& graph, const Node& node, const LayoutTable& layouts);

// The families. The form has been read from the node and the layouts fit.
void LowerConvForm(const Node& node, const ConvForm& form, PlanBuilder& builder);
void LowerWinogradForm(const Node& node, const ConvForm& form, const WinogradChoice& choice,
                       PlanBuilder& builder);
void LowerDepthwiseForm(const Node& node, const ConvForm& form, PlanBuilder& builder);
void LowerPoolForm(const Node& node, const PoolForm& form, PlanBuilder& builder);
void LowerMatMulForm(const Node& node, const MatMulForm& form, PlanBuilder& builder);
void LowerSoftmaxForm(const Node& node, const SoftmaxForm& form, PlanBuilder& builder);
void LowerBlockedForm(const Node& node, BlockedForm form, PlanBuilder& builder);

// The direct form's tile where input and output are blocked as the target's vectors are.
TileProblem ConvTileProblem(const ConvForm& form, const Target& target);
// How a dense convolution is computed by Winograd; size 0: it is not. Layouts ask for the halo that
// follows from it, so it must give the same before and after: it looks at `layouts` only for
// whether the residual is blocked, as it must be.
WinogradChoice WinogradOf(const Graph& graph, const Node& node, const ConvForm& form,
                          const LayoutTable& layouts, const Target& target);
// The window with its halo widened to what whole Winograd tiles read.
WindowForm WidenForWinograd(const ConvForm& form, int size);

// A tensor's place and how it lies there.
struct FastOperand {
  BufferRef place;  // of the buffer's start, halo included
  TensorView view;
  BufferRef First() const { return {place.buffer, place.offset + view.FirstBytes()}; }
};

// The value in its own layout.
FastOperand ReadFast(ValueId id, PlanBuilder& builder);
FastOperand WriteFast(ValueId id, PlanBuilder& builder);
// The value blocked and with at least this halo: its own storage, or a copy made by a step before.
FastOperand ReadBlocked(ValueId id, const WindowForm& window, PlanBuilder& builder);
// The value planar with that halo: its own storage if it is plain and needs no halo, or a copy.
FastOperand ReadPlanar(ValueId id, const WindowForm& window, PlanBuilder& builder);
// Blocked if the value is, else planar: what a dense convolution reads.
FastOperand ReadWithHalo(ValueId id, const WindowForm& window, PlanBuilder& builder);
// Blocked storage for a value that is plain itself; FinishBlocked appends the step that brings it
// into the value's own layout, if that differs.
FastOperand WriteBlocked(ValueId id, PlanBuilder& builder);
void FinishBlocked(ValueId id, const FastOperand& written, PlanBuilder& builder);

// A constant of one float a channel padded to whole vectors, zeros for kNoValue: a bias.
BufferRef PackedChannels(ValueId id, int64_t channels, PlanBuilder& builder);
// [channels][positions] as kernels/depthwise.h reads it.
BufferRef PackedPositions(ValueId id, int64_t channels, int64_t positions, PlanBuilder& builder);

// "Window{3, 3, 1, 1, 1, 1, 1, 1}".
std::string WindowText(const WindowForm& window);
// The value that a node's kernel writes: its last follower's result if it has any.
ValueId ResultOf(const Node& node, const PlanBuilder& builder);
// Appends a step that also computes the node's followers.
void AddFast(const Node& node, Step step, PlanBuilder& builder);

}  // namespace kedge::compiler
