// Pass fuse-pad: a Pad with zeros before a convolution, or before an average pool that counts its
// padding, becomes part of that operator's own padding.
// Needs: shapes; explicit pads (canonicalise).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "compiler/pipeline.h"

namespace kedge::compiler {

// Cannot fail.
Status FusePad(Graph& graph, const PassOptions& options);

}  // namespace kedge::compiler
