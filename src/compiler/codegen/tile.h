// Chooses register tiles for the fast kernels from a model of the machine, without measuring.
//
// A tile of M output pixels by V vectors of output channels costs, a step of the reduction,
//     t(M, V) = max(M*V / fma pipes, (M + V) / loads, (M*V + M + V + 2) / issue width, fma latency,
//                   [weight panel outgrows the first cache] V * vector bytes / second-level stream)
// cycles, where M*V + V + 1 registers must be there (one more without fused multiply-add). A layer
// costs the sum over its tiles of steps * t + 30 + 1.5 * M * V: the constants stand for the call,
// the stores and the epilogue. The formula ranks tiles; it is not a clock.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "compiler/target/target.h"

namespace kedge::compiler {

// What of a convolution matters for its tile. Pixels of a 1x1 convolution without halo are one row.
struct TileProblem {
  int64_t steps = 1;    // input channels of a group * kernel positions
  int64_t vectors = 1;  // of output channels of a group
  int64_t rows = 1, columns = 1;
  int64_t input_bytes = 0;  // what one pass over the pixels reads
};

struct TileChoice {
  int rows = 1, columns = 1, vectors = 1;
  bool prefetch = false;  // the weight panel outgrows the first cache
  double cycles = 0;      // of all tiles, by the model
};

// At most `vectors_limit` vectors side by side.
TileChoice ChooseConvTile(const TileProblem& problem, const Target& target,
                          int64_t vectors_limit = 1 << 20);

// Depthwise: rows and columns of one vector of channels; the kernel's vectors stay in registers
// beside the sums where both fit.
struct DepthwiseProblem {
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t rows = 1, columns = 1;
};
TileChoice ChooseDepthwiseTile(const DepthwiseProblem& problem, const Target& target);

// A 3x3 convolution with stride 1 by Winograd's F(size, 3) (kernels/winograd.h): the products' tile
// (`tiles` patches side by side by `vectors`), and what it costs beside the direct form.
struct WinogradProblem {
  int64_t in_channels = 1, out_channels = 1;
  int64_t rows = 1, columns = 1;  // of the output
};
struct WinogradChoice {
  int size = 0;  // 2 or 4; 0: the direct form is as good
  int tiles = 1, vectors = 1;
  double input_cycles = 0, product_cycles = 0;
};
// Winograd reads 1.78 (size 2) or 4 (size 4) times the weights, so both forms are charged for
// weights that do not stay in the second-level cache; it must win by a fifth, because it takes
// scratch memory too. `direct_cycles` are ChooseConvTile's.
WinogradChoice ChooseWinograd(const WinogradProblem& problem, double direct_cycles,
                              const Target& target);

// How many tasks to cut a step of so many cycles into: 1 below about 25 us, then one for each 25
// us, at most 16.
int TaskCountOfCycles(double cycles);

}  // namespace kedge::compiler
