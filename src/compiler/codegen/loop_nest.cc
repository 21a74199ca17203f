// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/loop_nest.h"

#include <algorithm>

#include "base/check.h"

namespace kedge::compiler {
namespace {

// Rough single-core figures; they only decide how finely work is cut.
constexpr uint64_t kBytesPerTask = 256 << 10;
constexpr uint64_t kOperationsPerTask = 1 << 20;
constexpr uint64_t kTasksMax = 64;

// Dimension `d` and the next are one walk for a tensor.
bool Contiguous(const std::vector<int64_t>& strides, const std::vector<int64_t>& sizes, size_t d) {
  return strides[d] == strides[d + 1] * sizes[d + 1];
}

// "i0 * 12 + i1 * 3" over the first `depth` dimensions.
std::string Offset(const std::vector<int64_t>& strides, size_t depth) {
  std::string out;
  for (size_t d = 0; d < depth; ++d) {
    if (strides[d] == 0) continue;
    if (!out.empty()) out += " + ";
    out += Text("i", static_cast<int64_t>(d), " * ", strides[d]);
  }
  return out.empty() ? "0" : out;
}

}  // namespace

int64_t LoopNest::Iterations() const {
  int64_t product = 1;
  for (int64_t size : sizes) product *= size;
  return product;
}

void LoopNest::Collapse() {
  auto erase = [this](size_t d) {
    sizes.erase(sizes.begin() + static_cast<std::ptrdiff_t>(d));
    for (auto& s : strides) s.erase(s.begin() + static_cast<std::ptrdiff_t>(d));
  };
  for (size_t d = sizes.size(); d-- > 0;) {
    if (sizes[d] == 1) erase(d);
  }
  for (size_t d = sizes.size(); d-- > 1;) {
    const bool one_walk = std::all_of(strides.begin(), strides.end(),
                                      [&](const auto& s) { return Contiguous(s, sizes, d - 1); });
    if (!one_walk) continue;
    sizes[d - 1] *= sizes[d];
    for (auto& s : strides) s[d - 1] = s[d];
    erase(d);
  }
  if (sizes.empty()) {
    sizes.push_back(1);
    for (auto& s : strides) s.push_back(1);
  }
}

uint32_t TaskCount(uint64_t bytes, uint64_t operations, int64_t most) {
  const uint64_t wanted = std::max(bytes / kBytesPerTask, operations / kOperationsPerTask);
  const uint64_t limit = std::min(kTasksMax, static_cast<uint64_t>(std::max<int64_t>(most, 1)));
  return static_cast<uint32_t>(std::clamp<uint64_t>(wanted, 1, limit));
}

void WriteOuterLoops(Source& source, const LoopNest& nest, uint32_t tasks,
                     const std::function<void(const std::vector<std::string>&)>& inner) {
  const size_t rank = nest.sizes.size();
  KEDGE_CHECK(rank > 0 && tasks > 0);
  auto range = [&](std::string_view name, int64_t size) {
    if (tasks == 1) return Text("const int64_t ", name, "begin = 0, ", name, "end = ", size, ";");
    return Text("const int64_t ", name, "begin = task * ", size, " / ", tasks, ", ", name,
                "end = (task + INT64_C(1)) * ", size, " / ", tasks, ";");
  };
  std::vector<std::string> offsets;
  for (const auto& strides : nest.strides) offsets.push_back(Offset(strides, rank - 1));
  if (rank == 1) {
    source.Line(range("", nest.sizes[0]));
    inner(offsets);
    return;
  }
  source.Line(range("outer_", nest.sizes[0]));
  source.Open("for (int64_t i0 = outer_begin; i0 < outer_end; ++i0)");
  for (size_t d = 1; d + 1 < rank; ++d) {
    source.Open(Text("for (int64_t i", d, " = 0; i", d, " < ", nest.sizes[d], "; ++i", d, ")"));
  }
  source.Line(Text("const int64_t begin = 0, end = ", nest.sizes[rank - 1], ";"));
  inner(offsets);
  for (size_t d = 0; d + 1 < rank; ++d) source.Close();
}

}  // namespace kedge::compiler
