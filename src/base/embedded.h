// A text file compiled into the binary by kedge_embed() (cmake/KedgeTargets.cmake).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace kedge {

struct EmbeddedFile {
  std::string_view name;  // relative to the folder given as BASE
  std::string_view text;
};

}  // namespace kedge
