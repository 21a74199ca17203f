// The graph's text form. It prints and parses back equal, so every pass can be tested with one
// string.
//
//   graph (%x: f32[1x3x8x8], %n: i64[scalar]) {
//     %w = const f32[2] {1, -0.5}
//     %y, _ = Split(%x, _, %"odd name") {axis = 1, alpha = 0.5, mode = "a"} @conv1 : f32[1x3x8x8],
//     _ return %y
//   }
//
// * A name of letters, digits and . _ / : - stands bare, another one in quotes with \" \\ \xHH.
// * Attributes: 1 is an int, 1.0 a float (always with . or e, or inf, -inf, nan), "s" a string,
//   [1, 2], [1.0, 2.0], ["s"] lists of one kind, ints[] floats[] strings[] empty lists, and
//   f32[2] {1, 2} a tensor.
// * "@name" is the node's name; the types of the outputs follow the colon, "?" where the shape is
//   not yet known, "_" for an output nobody wants.
// * Constants in use come first. A long one may print as {...}, which does not parse back.
// * '#' starts a comment that ends with the line.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "compiler/graph/graph.h"

namespace kedge::compiler {

struct TextOptions {
  int64_t constant_elements_max = kElementsMax;  // a longer constant prints as {...}
};

std::string PrintGraph(const Graph& graph, const TextOptions& options = {});

// kInvalidArgument naming the line for text that is not a graph. What it accepts is well formed as
// text only: Verify() says whether the graph is sound.
Result<Graph> ParseGraph(std::string_view text);

}  // namespace kedge::compiler
