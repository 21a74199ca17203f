// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/tile.h"

#include <gtest/gtest.h>

namespace kedge::compiler {
namespace {

Target TargetOf(const char* name) { return *FindTarget(name); }

TEST(Tile, FitsTheRegistersOfEveryTarget) {
  for (const std::string& name : TargetNames()) {
    SCOPED_TRACE(name);
    const Target target = TargetOf(name.c_str());
    for (int64_t vectors : {1, 2, 3, 4, 5, 7, 16, 60}) {
      for (int64_t columns : {1, 2, 5, 7, 14, 28, 56, 49, 12544}) {
        SCOPED_TRACE(std::to_string(vectors) + " vectors, " + std::to_string(columns) + " columns");
        const TileChoice tile = ChooseConvTile(
            {.steps = 64, .vectors = vectors, .rows = 7, .columns = columns}, target);
        EXPECT_GE(tile.rows * tile.columns * tile.vectors, 1);
        EXPECT_LE(tile.rows * tile.columns * tile.vectors + tile.vectors + 1,
                  target.vector_registers);
        EXPECT_LE(tile.vectors, vectors);
        EXPECT_LE(tile.columns, columns);
      }
    }
  }
}

struct Case {
  const char* name;
  TileProblem problem;
  int rows, columns, vectors;
  bool prefetch;
};

// What measured best or within 3 % of the best on AVX-512 (bench/README.md).
TEST(Tile, PicksWhatMeasuredWellOnAvx512) {
  const Case cases[] = {
      {"64@56 3x3", {.steps = 576, .vectors = 4, .rows = 56, .columns = 56}, 1, 14, 2, true},
      {"256@14 3x3", {.steps = 2304, .vectors = 16, .rows = 14, .columns = 14}, 1, 14, 2, true},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const TileChoice tile = ChooseConvTile(c.problem, TargetOf("x86-64-v4"));
    EXPECT_EQ(tile.rows, c.rows);
    EXPECT_EQ(tile.columns, c.columns);
    EXPECT_EQ(tile.vectors, c.vectors);
    EXPECT_EQ(tile.prefetch, c.prefetch);
  }
}

TEST(Tile, KeepsEnoughSumsInFlightForOnePixel) {
  // A fully connected layer has one pixel: only vectors of channels hide the latency.
  const TileChoice tile = ChooseConvTile({.steps = 512, .vectors = 64}, TargetOf("x86-64-v4"));
  EXPECT_GE(tile.vectors, 8);
}

TEST(Tile, DepthwiseLeavesRoomForTheKernel) {
  for (const std::string& name : TargetNames()) {
    SCOPED_TRACE(name);
    const Target target = TargetOf(name.c_str());
    const TileChoice tile = ChooseDepthwiseTile(
        {.kernel_h = 3, .kernel_w = 3, .stride_h = 1, .rows = 28, .columns = 28}, target);
    if (target.vector_registers >= 32) {
      EXPECT_LE(tile.rows * tile.columns + 9 + 3, 32);
    }
    EXPECT_GE(tile.rows * tile.columns, 1);
  }
}

TEST(Tile, TakesWinogradWhereItPays) {
  const Target target = TargetOf("x86-64-v4");
  struct WinogradCase {
    const char* name;
    WinogradProblem problem;
    int size;
  };
  const WinogradCase cases[] = {
      {"64@56", {.in_channels = 64, .out_channels = 64, .rows = 56, .columns = 56}, 4},
      {"16@32", {.in_channels = 16, .out_channels = 16, .rows = 32, .columns = 32}, 4},
      {"256@4, where streaming weights is all there is",
       {.in_channels = 256, .out_channels = 256, .rows = 4, .columns = 4},
       0},
  };
  for (const WinogradCase& c : cases) {
    SCOPED_TRACE(c.name);
    const WinogradProblem& p = c.problem;
    const TileChoice direct = ChooseConvTile({.steps = p.in_channels * 9,
                                              .vectors = p.out_channels / 16,
                                              .rows = p.rows,
                                              .columns = p.columns},
                                             target);
    EXPECT_EQ(ChooseWinograd(p, direct.cycles, target).size, c.size);
  }
}

TEST(Tile, CutsOnlyLongStepsIntoTasks) {
  EXPECT_EQ(TaskCountOfCycles(1000), 1);
  EXPECT_EQ(TaskCountOfCycles(3000.0 * 25 * 4), 4);
  EXPECT_EQ(TaskCountOfCycles(1e12), 16);
}

}  // namespace
}  // namespace kedge::compiler
