// The headers of this folder as text, for the compiler to put beside what it generates.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/embedded.h"

namespace kedge::kernels {

// Names relative to this folder, sorted.
extern const std::span<const EmbeddedFile> kHeaderTexts;

}  // namespace kedge::kernels
