// api/kedge_model.h as text, for generated code to include.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/embedded.h"

namespace kedge::compiler {

extern const std::span<const EmbeddedFile> kApiTexts;

}  // namespace kedge::compiler
