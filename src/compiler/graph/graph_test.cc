// SPDX-License-Identifier: Apache-2.0
#include "compiler/graph/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/graph/text.h"
#include "compiler/graph/uses.h"

namespace kedge::compiler {
namespace {

using testing::HasSubstr;

TEST(GraphText, PrintsAndParsesBackEqual) {
  struct Case {
    const char* name;
    const char* text;
  };
  const Case cases[] = {
      {"one node", "graph (%x: f32[1x3x8x8]) {\n  %y = Relu(%x) : f32[1x3x8x8]\n  return %y\n}\n"},
      {"nothing", "graph () {\n  return \n}\n"},
      {"constants of every kind",
       "graph () {\n  %a = const f32[4] {1, -0.5, inf, nan}\n  %b = const i64[1] "
       "{-9223372036854775808}\n"
       "  %c = const u64[1] {18446744073709551615}\n  %d = const bool[2] {0, 1}\n"
       "  %e = const f64[1] {0.1}\n  %f = const f16[2] {1.5, -0}\n  %g = const i8[scalar] {-3}\n"
       "  %h = const f32[0] {}\n  return %a, %b, %c, %d, %e, %f, %g, %h\n}\n"},
      {"attributes of every kind",
       "graph (%x: f32[2]) {\n  %y = Op(%x) {a = 1, b = 1.0, c = \"s\\\"\\\\\\x0a\", d = [1, -2], "
       "e = [1.0, 2.5e-07], f = [\"p\", \"q\"], g = i32[2] {1, 2}, h = ints[], i = floats[], "
       "j = strings[], k = inf, l = nan} @name : f32[2]\n  return %y\n}\n"},
      {"absent operands and outputs, odd names",
       "graph (%\"a b\": f32[scalar], %\"\xC3\xA9:\": i64[2x3]) {\n"
       "  %p/q:0, _ = Op(%\"a b\", _, %\"\xC3\xA9:\") @\"n \\\"1\" : f32[?], _\n  return "
       "%p/q:0\n}\n"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto graph = ParseGraph(c.text);
    ASSERT_TRUE(graph.has_value()) << graph.error().message;
    EXPECT_EQ(PrintGraph(*graph), c.text);
  }
}

TEST(GraphText, RefusesWhatIsNotAGraph) {
  struct Case {
    const char* text;
    const char* message;
  };
  const Case cases[] = {
      {"", "expected 'graph'"},
      {"graph (%x: f99[1]) { return %x }", "f99"},
      {"graph () { return %x }", "'x' is not defined"},
      {"graph (%x: f32[1], %x: f32[1]) { return %x }", "defined twice"},
      {"graph () {\n %w = const f32[2] {1} return }", "line 2"},
      {"graph () { %w = const f32[2] {...} return }", "number"},
      {"graph () { %w = const f32[99999999999] {1} return }", "at most"},
      {"graph () { %w = const u8[1] {256} return }", "in range"},
      {"graph () { %y = Op() {a = 1, a = 2} : f32[1] return %y }", "given twice"},
      {"graph () { %y = Op() {a = [1, 2.0]} : f32[1] return %y }", "mixes kinds"},
      {"graph () { %y = Op() {a = \"open} : f32[1] return %y }", "closing quote"},
      {"graph () { return } more", "the end"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    const auto graph = ParseGraph(c.text);
    ASSERT_FALSE(graph.has_value());
    EXPECT_EQ(graph.error().code, Code::kInvalidArgument);
    EXPECT_THAT(graph.error().message, HasSubstr(c.message));
  }
}

TEST(GraphText, PrintsALongConstantShort) {
  Graph graph;
  graph.outputs = {graph.AddIndices("w", {1, 2, 3})};
  EXPECT_EQ(PrintGraph(graph, {.constant_elements_max = 2}),
            "graph () {\n  %w = const i64[3] {...}\n  return %w\n}\n");
}

TEST(Graph, GivesATakenNameANumber) {
  Graph graph;
  graph.AddUntyped("x");
  graph.AddUntyped("x.1");
  EXPECT_EQ(graph.at(graph.AddUntyped("x")).name, "x.2");
  EXPECT_EQ(graph.at(graph.AddUntyped("x")).name, "x.3");
  EXPECT_EQ(graph.at(graph.AddUntyped("")).name, "v");
}

TEST(Uses, KnowsMakerAndReaders) {
  const auto graph = ParseGraph(
      "graph (%x: f32[1]) { %a = Relu(%x) : f32[1] %b = Add(%a, %x) : f32[1] return %b }");
  ASSERT_TRUE(graph.has_value());
  const Uses uses(*graph);
  const ValueId x = graph->inputs[0];
  const ValueId a = graph->nodes[0].outputs[0];
  const ValueId b = graph->nodes[1].outputs[0];
  EXPECT_EQ(uses.producer[static_cast<size_t>(x)], -1);
  EXPECT_EQ(uses.producer[static_cast<size_t>(b)], 1);
  EXPECT_EQ(uses.OnlyConsumer(a), 1);
  EXPECT_EQ(uses.OnlyConsumer(x), -1) << "two readers";
  EXPECT_EQ(uses.OnlyConsumer(b), -1) << "a graph output";
  EXPECT_EQ(graph->Producer(a), 0);
}

TEST(Verify, NamesWhatIsBroken) {
  struct Case {
    const char* name;
    const char* text;
    bool shapes;
    const char* message;
  };
  const Case cases[] = {
      {"unknown operator", "graph (%x: f32[1]) { %y = Foo(%x) @n : f32[1] return %y }", false,
       "operator 'Foo' in node 'n' (Foo) is not supported"},
      {"unknown attribute", "graph (%x: f32[1]) { %y = Relu(%x) {a = 1} : f32[1] return %y }",
       false, "attribute 'a' is not known"},
      {"wrong attribute kind", "graph (%x: f32[1]) { %y = Elu(%x) {alpha = 1} : f32[1] return %y }",
       false, "of kind int, needs float"},
      {"missing attribute", "graph (%x: f32[1]) { %y = Concat(%x) : f32[1] return %y }", false,
       "attribute 'axis' is missing"},
      {"too few inputs", "graph (%x: f32[1]) { %y = Add(%x) : f32[1] return %y }", false,
       "it has 1 inputs, needs 2"},
      {"absent input", "graph (%x: f32[1]) { %y = Add(%x, _) : f32[1] return %y }", false,
       "input 1 is absent"},
      {"wrong shape", "graph (%x: f32[1]) { %y = Relu(%x) : f32[2] return %y }", true,
       "value 'y' is f32 2, its operator gives f32 1"},
      {"unknown shape", "graph (%x: f32[1]) { %y = Relu(%x) : f32[?] return %y }", true,
       "value 'y' has no known shape"},
      {"wrong type", "graph (%x: f32[1]) { %y = IsNaN(%x) : f32[1] return %y }", true,
       "its operator gives bool"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto graph = ParseGraph(c.text);
    ASSERT_TRUE(graph.has_value()) << graph.error().message;
    const Status status = Verify(*graph, c.shapes);
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().code, Code::kInternal);
    EXPECT_THAT(status.error().message, HasSubstr(c.message));
  }
}

TEST(Verify, NoticesValuesMadeTwiceAndUsesBeforeTheyAreMade) {
  auto graph =
      ParseGraph("graph (%x: f32[1]) { %a = Relu(%x) : f32[1] %b = Neg(%a) : f32[1] return %b }");
  ASSERT_TRUE(graph.has_value());
  ASSERT_TRUE(Verify(*graph, true).has_value());
  Graph swapped = *graph;
  std::swap(swapped.nodes[0], swapped.nodes[1]);
  EXPECT_THAT(Verify(swapped, false).error().message, HasSubstr("'a' is used before it is made"));
  Graph twice = *graph;
  twice.nodes.push_back(twice.nodes[0]);
  EXPECT_THAT(Verify(twice, false).error().message, HasSubstr("'a' is made twice"));
  Graph dangling = *graph;
  dangling.outputs.push_back(99);
  EXPECT_THAT(Verify(dangling, false).error().message, HasSubstr("99"));
}

}  // namespace
}  // namespace kedge::compiler
