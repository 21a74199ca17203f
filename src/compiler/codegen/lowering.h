// The generic lowerings: every operator as loop nests over row-major tensors, whatever its shapes.
//
// One file a family (lower_eltwise.cc, lower_reduce.cc, ...), one row an operator in the table of
// lowering.cc. A lowering reads the node, asks the builder for places and adds steps. Shapes have
// been inferred and the node checked against its schema before, so what is wrong with either is a
// broken promise, not an error; kUnimplemented is for what a family does not cover.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "compiler/codegen/plan_builder.h"

namespace kedge::compiler {

using Lowering = Status (*)(const Node& node, PlanBuilder& builder);

// kUnimplemented naming operator and node for one without a row.
Status LowerGeneric(const Node& node, PlanBuilder& builder);

// The families.
Status LowerEltwise(const Node& node, PlanBuilder& builder);
Status LowerView(const Node& node, PlanBuilder& builder);
Status LowerReduce(const Node& node, PlanBuilder& builder);
Status LowerArgReduce(const Node& node, PlanBuilder& builder);
Status LowerGlobalPool(const Node& node, PlanBuilder& builder);
Status LowerSoftmax(const Node& node, PlanBuilder& builder);
Status LowerCumSum(const Node& node, PlanBuilder& builder);
Status LowerNormalize(const Node& node, PlanBuilder& builder);
Status LowerLrn(const Node& node, PlanBuilder& builder);
Status LowerPool(const Node& node, PlanBuilder& builder);
Status LowerConv(const Node& node, PlanBuilder& builder);
Status LowerConvTranspose(const Node& node, PlanBuilder& builder);
Status LowerMatMul(const Node& node, PlanBuilder& builder);
Status LowerGemm(const Node& node, PlanBuilder& builder);
Status LowerCopies(const Node& node, PlanBuilder& builder);
Status LowerPad(const Node& node, PlanBuilder& builder);
Status LowerResize(const Node& node, PlanBuilder& builder);
Status LowerGather(const Node& node, PlanBuilder& builder);
Status LowerScatter(const Node& node, PlanBuilder& builder);
Status LowerGenerate(const Node& node, PlanBuilder& builder);
Status LowerOneHot(const Node& node, PlanBuilder& builder);

// The first output is the first input's bytes under another shape.
bool IsView(const Node& node);

// An attribute that counts dimensions, in [0, rank).
int64_t AxisAttribute(const Node& node, const std::string& name, int64_t other, size_t rank);
// Every dimension before `axis` has size one, so that a range along `axis` is contiguous.
bool IsOutermost(const Shape& shape, int64_t axis);
// The elements of a constant integer input; `other` if it is absent. kUnimplemented naming the node
// if it is only known at run time.
Result<std::vector<int64_t>> ConstantInts(const Node& node, const Graph& graph, size_t input,
                                          const std::vector<int64_t>& other);
// True if the optional input (output) is there.
bool HasInput(const Node& node, size_t input);
bool HasOutput(const Node& node, size_t output);

}  // namespace kedge::compiler
