// SPDX-License-Identifier: Apache-2.0
#include "compiler/pipeline.h"

#include <algorithm>
#include <chrono>

#include "compiler/passes/canonicalise.h"
#include "compiler/passes/eliminate_common.h"
#include "compiler/passes/fold_affine.h"
#include "compiler/passes/fold_constants.h"
#include "compiler/passes/fuse_epilogue.h"
#include "compiler/passes/fuse_pad.h"
#include "compiler/passes/infer_shapes.h"
#include "compiler/passes/remove_dead_nodes.h"

namespace kedge::compiler {
namespace {

// Order matters; each line says what must hold before it.
constexpr Pass kPipeline[] = {
    {"infer-shapes", InferShapes},           // needs: imported graph; all later ones need shapes
    {"fold-constants", FoldConstants},       // needs: shapes; weights that are computed appear
    {"remove-dead-nodes", RemoveDeadNodes},  // needs: nothing; later passes count readers
    {"canonicalise", Canonicalise},          // needs: constants, so that they can be rewritten
    {"eliminate-common", EliminateCommon},   // needs: canonical forms, so that equal is equal
    {"fuse-pad", FusePad},                   // needs: explicit pads
    {"fold-affine", FoldAffine},             // needs: batch normalisation as Mul and Add
    {"fuse-epilogue", FuseEpilogue},         // needs: folded biases; nothing follows an epilogue
    {"remove-unused", RemoveDeadNodes},      // needs: nothing; frees what folding replaced
};

Status VerifyAfter(const Graph& graph, std::string_view pass) {
#ifdef KEDGE_DEBUG_CHECKS
  Status status = Verify(graph, true);
  if (!status) return Wrap(std::move(status).error(), "after pass " + std::string(pass));
#else
  static_cast<void>(graph);
  static_cast<void>(pass);
#endif
  return {};
}

}  // namespace

std::span<const Pass> Pipeline() { return kPipeline; }

const Pass* FindPass(std::string_view name) {
  const auto found = std::find_if(std::begin(kPipeline), std::end(kPipeline),
                                  [name](const Pass& pass) { return pass.name == name; });
  return found == std::end(kPipeline) ? nullptr : &*found;
}

Result<std::vector<PassTime>> RunPipeline(Graph& graph, const PipelineOptions& options) {
  std::vector<PassTime> times;
  for (const Pass& pass : kPipeline) {
    const auto start = std::chrono::steady_clock::now();
    KEDGE_TRY_STATUS(pass.run(graph, options.passes));
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    times.push_back({pass.name, elapsed.count()});
    KEDGE_TRY_STATUS(VerifyAfter(graph, pass.name));
    if (options.after) options.after(pass.name, graph);
  }
  return times;
}

}  // namespace kedge::compiler
