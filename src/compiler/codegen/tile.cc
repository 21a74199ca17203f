// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/tile.h"

#include <algorithm>

namespace kedge::compiler {
namespace {

constexpr double kTileCycles = 30;     // of a tile besides its reduction
constexpr double kStoreCycles = 1.5;   // of a vector stored
constexpr double kCyclesPerUs = 3000;  // of a typical core
constexpr double kTaskUs = 25;         // worth waking a thread for
constexpr int kTasksMax = 16;
constexpr int64_t kColumnsMax = 28;
constexpr int64_t kRowsMax = 4;
constexpr int64_t kVectorsMax = 12;
constexpr int64_t kWinogradVectorsMax = 4;  // kernels/winograd.h
constexpr double kMemoryBytesPerCycle = 6;

bool HasFusedMultiplyAdd(const Target& target) {
  return target.architecture == Architecture::kAarch64 || target.vector_bytes > 16;
}

struct Machine {
  explicit Machine(const Target& t)
      : target(t), registers(t.vector_registers - (HasFusedMultiplyAdd(t) ? 1 : 2)) {}

  bool Fits(int64_t pixels, int64_t vectors) const {
    return pixels * vectors + vectors <= registers;
  }
  bool OutgrowsL1(int64_t steps, int64_t vectors) const {
    return steps * vectors * target.vector_bytes > target.l1_bytes * 3 / 4;
  }
  double TileCycles(int64_t steps, int64_t pixels, int64_t vectors) const {
    const auto m = static_cast<double>(pixels), v = static_cast<double>(vectors);
    double step = std::max({m * v / target.fma_pipes, (m + v) / target.loads_per_cycle,
                            (m * v + m + v + 2) / target.issue_width,
                            static_cast<double>(target.fma_latency)});
    if (OutgrowsL1(steps, vectors)) {
      step = std::max(step, v * target.vector_bytes / target.l2_bytes_per_cycle);
    }
    return static_cast<double>(steps) * step + kTileCycles + kStoreCycles * m * v;
  }

  const Target& target;
  int64_t registers;
};

// The parts of an even split: `many` of size `large`, `few` of one less.
struct EvenSplit {
  EvenSplit(int64_t n, int64_t most) {
    const int64_t parts = (n + most - 1) / most;
    small = n / parts;
    large_count = n % parts;
    small_count = parts - large_count;
  }
  int64_t small, small_count, large_count;
};

template <class Cost>
double OverSplit(const EvenSplit& split, Cost cost) {
  double sum = 0;
  if (split.small_count > 0) sum += static_cast<double>(split.small_count) * cost(split.small);
  if (split.large_count > 0) sum += static_cast<double>(split.large_count) * cost(split.small + 1);
  return sum;
}

// Rows are cut into full tiles and one remainder.
template <class Cost>
double OverRows(int64_t rows, int64_t tile, Cost cost) {
  const int64_t full = rows / tile;
  double sum = static_cast<double>(full) * cost(tile);
  if (rows % tile > 0) sum += cost(rows % tile);
  return sum;
}

}  // namespace

TileChoice ChooseConvTile(const TileProblem& problem, const Target& target, int64_t vectors_limit) {
  const Machine machine(target);
  TileChoice best;
  const int64_t vectors_max = std::min({problem.vectors, kVectorsMax, vectors_limit});
  for (int64_t vectors = 1; vectors <= vectors_max; ++vectors) {
    const EvenSplit groups(problem.vectors, vectors);
    // Each group of vectors reads the input again, from the second-level cache if it is large.
    double reread = 0;
    if (problem.input_bytes > target.l1_bytes) {
      reread = static_cast<double>(groups.small_count + groups.large_count) *
               static_cast<double>(problem.input_bytes) / (4 * target.l2_bytes_per_cycle);
    }
    for (int64_t rows = 1; rows <= std::min(problem.rows, kRowsMax); ++rows) {
      for (int64_t columns = 1; columns <= std::min(problem.columns, kColumnsMax); ++columns) {
        if (!machine.Fits(rows * columns, vectors)) break;
        const EvenSplit across(problem.columns, columns);
        const double cycles = reread + OverSplit(groups, [&](int64_t v) {
                                return OverRows(problem.rows, rows, [&](int64_t r) {
                                  return OverSplit(across, [&](int64_t c) {
                                    return machine.TileCycles(problem.steps, r * c, v);
                                  });
                                });
                              });
        if (best.cycles == 0 || cycles < best.cycles) {
          best = {.rows = static_cast<int>(rows),
                  .columns = static_cast<int>(columns),
                  .vectors = static_cast<int>(vectors),
                  .prefetch = machine.OutgrowsL1(problem.steps, vectors),
                  .cycles = cycles};
        }
      }
    }
  }
  return best;
}

TileChoice ChooseDepthwiseTile(const DepthwiseProblem& problem, const Target& target) {
  const int64_t taps = problem.kernel_h * problem.kernel_w;
  // A large kernel is read from memory beside the sums, one vector at a time.
  const int64_t held = taps + 4 < target.vector_registers ? taps : 1;
  const int64_t sums = std::max<int64_t>(target.vector_registers - held - 3, 2);
  TileChoice best;
  for (int64_t rows = 1; rows <= std::min<int64_t>(problem.rows, 2); ++rows) {
    for (int64_t columns = 1; columns <= std::min<int64_t>(problem.columns, 8); ++columns) {
      if (rows * columns > sums) break;
      const EvenSplit across(problem.columns, columns);
      const double cycles = OverRows(problem.rows, rows, [&](int64_t r) {
        return OverSplit(across, [&](int64_t c) {
          const auto products = static_cast<double>(r * c * taps);
          const int64_t input_rows = (r - 1) * problem.stride_h + problem.kernel_h;
          const int64_t input_columns = (c - 1) * problem.stride_w + problem.kernel_w;
          const auto loads = static_cast<double>(input_rows * input_columns);
          return std::max({products / target.fma_pipes, loads / target.loads_per_cycle,
                           (products + loads) / target.issue_width,
                           static_cast<double>(taps * target.fma_latency)}) +
                 4 + kStoreCycles * static_cast<double>(r * c);
        });
      });
      if (best.cycles == 0 || cycles < best.cycles) {
        best = {.rows = static_cast<int>(rows),
                .columns = static_cast<int>(columns),
                .vectors = 1,
                .cycles = cycles};
      }
    }
  }
  return best;
}

namespace {

// Cycles to stream weights that live beyond the second-level cache: a typical share of a memory
// channel.
double StreamCycles(int64_t floats, const Target& target) {
  const int64_t bytes = floats * 4;
  return bytes > target.l2_bytes * 3 / 4 ? static_cast<double>(bytes) / kMemoryBytesPerCycle : 0;
}

WinogradChoice PriceWinograd(const WinogradProblem& problem, int size, const Target& target) {
  const int64_t vector = target.VectorFloats();
  const int64_t tiles = ((problem.rows + size - 1) / size) * ((problem.columns + size - 1) / size);
  const int64_t positions = (size + 2) * (size + 2);
  const auto across = [&](int64_t channels) { return (channels + vector - 1) / vector; };
  const TileProblem product{
      .steps = problem.in_channels, .vectors = across(problem.out_channels), .columns = tiles};
  const TileChoice tile = ChooseConvTile(product, target, kWinogradVectorsMax);
  // Measured cycles of a patch of one vector of channels, into the transform and out of it.
  const double in = size == 2 ? 110 : 175, out = size == 2 ? 80 : 160;
  const auto patches = static_cast<double>(tiles);
  return {.size = size,
          .tiles = tile.columns,
          .vectors = tile.vectors,
          .input_cycles = in * patches * static_cast<double>(across(problem.in_channels)),
          .product_cycles = static_cast<double>(positions) * tile.cycles +
                            out * patches * static_cast<double>(product.vectors)};
}

}  // namespace

WinogradChoice ChooseWinograd(const WinogradProblem& problem, double direct_cycles,
                              const Target& target) {
  const int64_t products = problem.in_channels * problem.out_channels;
  double limit = std::max(direct_cycles, StreamCycles(products * 9, target)) / 1.2;
  WinogradChoice best;
  for (int size : {2, 4}) {
    const WinogradChoice choice = PriceWinograd(problem, size, target);
    const int64_t positions = (size + 2) * (size + 2);
    const double cycles =
        choice.input_cycles +
        std::max(choice.product_cycles, StreamCycles(products * positions, target));
    if (cycles >= limit) continue;
    limit = cycles;
    best = choice;
  }
  return best;
}

int TaskCountOfCycles(double cycles) {
  const double tasks = cycles / (kCyclesPerUs * kTaskUs);
  return static_cast<int>(std::clamp(tasks, 1.0, static_cast<double>(kTasksMax)));
}

}  // namespace kedge::compiler
