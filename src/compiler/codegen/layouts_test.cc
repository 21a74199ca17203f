// SPDX-License-Identifier: Apache-2.0
#include "compiler/codegen/layouts.h"

#include <gtest/gtest.h>

#include "compiler/graph/text.h"

namespace kedge::compiler {
namespace {

// "block" or "block halo top left bottom right" for each value named, "plain" otherwise.
std::string Describe(const Graph& graph, const LayoutTable& table, const std::string& name) {
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (graph.values[i].name != name) continue;
    const Layout& l = table[i];
    if (l.plain()) return "plain";
    std::string text = std::to_string(l.channel_block);
    for (int32_t side : {l.top, l.left, l.bottom, l.right}) text += " " + std::to_string(side);
    return text;
  }
  return "no such value";
}

struct Case {
  const char* name;
  const char* graph;
  std::vector<std::pair<const char*, const char*>> want;
};

std::string WeightText(const char* name, const char* shape, int count) {
  std::string text = std::string("  %") + name + " = const f32[" + shape + "] {0";
  for (int i = 1; i < count; ++i) text += ", 0";
  return text + "}\n";
}

TEST(Layouts, AreChosenByWhoMakesAndWhoReads) {
  const std::string weights = WeightText("w3", "8x8x3x3", 576) + WeightText("w1", "8x8x1x1", 64) +
                              WeightText("wd", "8x1x3x3", 72);
  const Case cases[] = {
      {"a chain is blocked between its ends, with its reader's halo",
       R"(%a = Conv(%x, %w1) : f32[1x8x6x6]
          %b = Conv(%a, %w3) {pads = [1, 1, 1, 1]} : f32[1x8x6x6]
          return %b)",
       {{"x", "plain"}, {"a", "4 1 1 1 1"}, {"b", "plain"}}},
      {"only what the last window reaches is halo",
       R"(%a = Conv(%x, %w1) : f32[1x8x6x6]
          %b = Conv(%a, %wd) {group = 8, pads = [0, 0, 1, 1], strides = [2, 2]} : f32[1x8x3x3]
          %c = Conv(%b, %w1) : f32[1x8x3x3]
          return %c)",
       {{"a", "4 0 0 1 1"}, {"b", "4 0 0 0 0"}}},
      {"a generic reader alone keeps a value plain",
       R"(%a = Conv(%x, %w1) : f32[1x8x6x6]
          %b = LRN(%a) {size = 3} : f32[1x8x6x6]
          %c = Conv(%b, %w1) : f32[1x8x6x6]
          return %c)",
       {{"a", "plain"}, {"b", "plain"}}},
      {"an elementwise node passes a block on",
       R"(%a = Conv(%x, %w1) : f32[1x8x6x6]
          %b = Sigmoid(%a) : f32[1x8x6x6]
          %c = Conv(%b, %w1) : f32[1x8x6x6]
          return %c)",
       {{"a", "4 0 0 0 0"}, {"b", "4 0 0 0 0"}}},
      {"scale, shift and activation between convolutions keep the block",
       R"(%s = const f32[8x1x1] {1, 1, 1, 1, 1, 1, 1, 1}
          %a = Conv(%x, %w1) : f32[1x8x6x6]
          %b = Mul(%a, %s) : f32[1x8x6x6]
          %c = Add(%s, %b) : f32[1x8x6x6]
          %d = Relu(%c) : f32[1x8x6x6]
          %e = Conv(%d, %w3) {pads = [1, 1, 1, 1]} : f32[1x8x6x6]
          return %e)",
       {{"a", "4 0 0 0 0"}, {"d", "4 1 1 1 1"}, {"e", "plain"}}},
      {"a sum with an output of the graph is plain on both sides",
       R"(%a = Conv(%x, %w1) : f32[1x8x6x6]
          %b = Conv(%x, %w1) : f32[1x8x6x6]
          %c = Add(%a, %b) : f32[1x8x6x6]
          %d = Conv(%c, %w1) : f32[1x8x6x6]
          return %d, %a)",
       {{"a", "plain"}, {"b", "plain"}, {"c", "plain"}}},
      {"parts of a concatenation and the whole have one halo",
       R"(%a = Conv(%x, %w1) : f32[1x8x6x6]
          %b = Conv(%a, %w3) {pads = [1, 1, 1, 1]} : f32[1x8x6x6]
          %c = Concat(%a, %b) {axis = 1} : f32[1x16x6x6]
          %d = MaxPool(%c) {kernel_shape = [2, 2]} : f32[1x16x5x5]
          %e = GlobalAveragePool(%d) : f32[1x16x1x1]
          return %e)",
       {{"a", "4 1 1 1 1"}, {"b", "4 1 1 1 1"}, {"c", "4 1 1 1 1"}, {"d", "4 0 0 0 0"}}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    auto graph = ParseGraph("graph (%x: f32[1x8x6x6]) {\n" + weights + c.graph + "\n}");
    ASSERT_TRUE(graph.has_value()) << graph.error().message;
    const LayoutTable table = AssignLayouts(*graph, *FindTarget("aarch64"));
    for (const auto& [name, want] : c.want) {
      EXPECT_EQ(Describe(*graph, table, name), want) << "of %" << name;
    }
  }
}

}  // namespace
}  // namespace kedge::compiler
