// SPDX-License-Identifier: Apache-2.0
#include "compiler/import/import.h"

#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "compiler/graph/text.h"
#include "compiler/ops/interpreter.h"
#include "compiler/pipeline.h"
#include "compiler/testing/onnx_writer.h"

namespace kedge::compiler {
namespace {

using testing::HasSubstr;

Result<ImportedModel> Import(const OnnxModelText& model, const ImportOptions& options = {}) {
  return ImportOnnx(AsBytes(WriteOnnx(model)), options);
}

// One operator from x to y.
OnnxModelText OneNode(OnnxNodeText node, std::vector<std::string> dims = {"2", "3"}) {
  return {.nodes = {std::move(node)},
          .inputs = {OnnxTensorValue("x", dims)},
          .outputs = {OnnxTensorValue("y", {})}};
}

std::string ImportedText(const OnnxModelText& model) {
  auto imported = Import(model);
  if (!imported) return imported.error().message;
  return PrintGraph(imported->graph);
}

TEST(Import, ReadsAModel) {
  OnnxModelText model = OneNode({"Conv", {"x", "w"}, {"y"}, {OnnxInts("pads", {1, 1, 1, 1})}, "c1"},
                                {"1", "1", "2", "2"});
  model.initializers = {OnnxFloats("w", {1, 1, 1, 2}, {0.5f, -1})};
  model.inputs.push_back(OnnxTensorValue("w", {"1", "1", "1", "2"}));
  EXPECT_EQ(ImportedText(model),
            "graph (%x: f32[1x1x2x2]) {\n"
            "  %w = const f32[1x1x1x2] {0.5, -1}\n"
            "  %y = Conv(%x, %w) {pads = [1, 1, 1, 1]} @c1 : f32[?]\n"
            "  return %y\n}\n");
}

TEST(Import, PutsNodesInOrder) {
  OnnxModelText model = OneNode({"Neg", {"a"}, {"y"}});
  model.nodes.push_back({"Relu", {"x"}, {"a"}});
  EXPECT_THAT(ImportedText(model), HasSubstr("%a = Relu(%x) : f32[?]\n  %y = Neg(%a)"));
}

TEST(Import, DropsOutputsNobodyReads) {
  OnnxModelText model = OneNode({"Dropout", {"x"}, {"y", "mask"}});
  model.opset = 7;
  EXPECT_THAT(ImportedText(model), HasSubstr("%y = Identity(%x)"));
}

TEST(Import, BringsOldOpsetsIntoTheNewestForm) {
  struct Case {
    const char* name;
    OnnxNodeText node;
    int64_t opset;
    const char* text;
  };
  const Case cases[] = {
      {"axes of squeeze",
       {"Squeeze", {"x"}, {"y"}, {OnnxInts("axes", {0})}},
       9,
       "%axes = const i64[1] {0}\n  %y = Squeeze(%x, %axes)"},
      {"bounds of clip",
       {"Clip", {"x"}, {"y"}, {OnnxFloat("max", 6)}},
       6,
       "%max = const f32[scalar] {6}\n  %y = Clip(%x, _, %max)"},
      {"slice",
       {"Slice", {"x"}, {"y"}, {OnnxInts("starts", {0}), OnnxInts("ends", {1})}},
       9,
       "%y = Slice(%x, %starts, %ends)"},
      {"pad",
       {"Pad", {"x"}, {"y"}, {OnnxInts("pads", {0, 0, 1, 1}), OnnxFloat("value", 2)}},
       10,
       "%y = Pad(%x, %pads, %value)"},
      {"softmax of a matrix", {"Softmax", {"x"}, {"y"}, {}}, 9, "%y = Softmax(%x) {axis = -1}"},
      {"softmax of all",
       {"Softmax", {"x"}, {"y"}, {OnnxInt("axis", 0)}},
       9,
       "%x.flat = Flatten(%x) {axis = 0} : f32[?]\n"
       "  %x.softmax = Softmax(%x.flat) {axis = -1} : f32[?]\n"
       "  %x.shape = Shape(%x) : f32[?]\n  %y = Reshape(%x.softmax, %x.shape) {allowzero = 1}"},
      {"reduction",
       {"ReduceMax", {"x"}, {"y"}, {OnnxInts("axes", {1})}},
       11,
       "%y = ReduceMax(%x, %axes)"},
      {"cast", {"Cast", {"x"}, {"y"}, {OnnxInt("to", 7)}}, 9, "%y = Cast(%x) {to = \"i64\"}"},
      {"upsample",
       {"Upsample", {"x", "s"}, {"y"}, {OnnxText("mode", "nearest")}},
       9,
       "%y = Resize(%x, _, %s) {coordinate_transformation_mode = \"asymmetric\", "
       "mode = \"nearest\", nearest_mode = \"floor\"}"},
      {"broadcast at an axis",
       {"Add", {"x", "b"}, {"y"}, {OnnxInt("axis", 0), OnnxInt("broadcast", 1)}},
       6,
       "%b.1 = Unsqueeze(%b, %axes) : f32[?]\n  %y = Add(%x, %b.1)"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    OnnxModelText model = OneNode(c.node);
    model.opset = c.opset;
    model.initializers = {OnnxFloats("s", {2}, {2, 2}), OnnxFloats("b", {2}, {1, 2})};
    EXPECT_THAT(ImportedText(model), HasSubstr(c.text));
  }
}

TEST(Import, ReadsElementsOfEveryField) {
  OnnxModelText model = OneNode({"Relu", {"x"}, {"y"}});
  model.outputs.clear();
  const auto add = [&](const std::string& name, const WireWriter& tensor) {
    model.initializers.push_back(tensor.bytes());
    model.outputs.push_back(OnnxTensorValue(name, {}));
  };
  const std::string packed{"\x01\x02\x96\x01", 4};
  add("a", WireWriter().Int(1, 2).Int(2, 1).Text(8, "a").Float(4, 1.5f).Float(4, -2));
  add("b", WireWriter().Int(1, 3).Int(2, 7).Text(8, "b").Text(7, packed));
  add("c", WireWriter().Int(1, 1).Int(2, 3).Text(8, "c").Int(5, -3));
  add("d", WireWriter().Int(1, 2).Int(2, 9).Text(8, "d").Int(5, 2).Int(5, 0));
  add("e", WireWriter().Int(1, 1).Int(2, 13).Text(8, "e").Int(11, -1));
  add("f", WireWriter().Int(1, 1).Int(2, 10).Text(8, "f").Int(5, 0x3C00));
  add("g", WireWriter().Int(1, 0).Int(2, 1).Text(8, "g"));
  const std::string text = ImportedText(model);
  EXPECT_THAT(text, HasSubstr("%a = const f32[2] {1.5, -2}"));
  EXPECT_THAT(text, HasSubstr("%b = const i64[3] {1, 2, 150}"));
  EXPECT_THAT(text, HasSubstr("%c = const i8[1] {-3}"));
  EXPECT_THAT(text, HasSubstr("%d = const bool[2] {1, 0}"));
  EXPECT_THAT(text, HasSubstr("%e = const u64[1] {18446744073709551615}"));
  EXPECT_THAT(text, HasSubstr("%f = const f16[1] {1}"));
  EXPECT_THAT(text, HasSubstr("%g = const f32[0] {}"));
}

TEST(Import, AsksForFreeDimensions) {
  struct Case {
    const char* name;
    std::vector<std::string> dims;
    std::map<std::string, Shape> given;
    const char* want;  // the input's type, or words of the error
  };
  const Case cases[] = {
      {"fixed", {"2", "3"}, {}, "%x: f32[2x3]"},
      {"batch by symbol", {"batch", "3"}, {}, "%x: f32[1x3]"},
      {"free without symbol",
       {"", "3"},
       {},
       "input 'x': dimension 0 is free; give the input's shape with --input"},
      {"inner symbol", {"2", "width"}, {}, "input 'x': dimension 1 ('width') is free"},
      {"given", {"batch", "width"}, {{"x", {4, 5}}}, "%x: f32[4x5]"},
      {"given against fixed", {"2", "3"}, {{"x", {4, 3}}}, "%x: f32[4x3]"},
      {"given of another rank", {"2", "3"}, {{"x", {4}}}, "has rank 1, the model's has 2"},
      {"given for no input", {"2", "3"}, {{"z", {4}}}, "the model has no input 'z'"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto model = Import(OneNode({"Relu", {"x"}, {"y"}}, c.dims), {.input_shapes = c.given});
    const std::string got = model.has_value() ? PrintGraph(model->graph) : model.error().message;
    EXPECT_THAT(got, HasSubstr(c.want));
  }
  const auto noted = Import(OneNode({"Relu", {"x"}, {"y"}}, {"batch", "3"}));
  EXPECT_THAT(noted->notes,
              testing::ElementsAre("dimension 0 ('batch') of input 'x' is free and was set to 1"));
}

TEST(Import, ASymbolHasOneSize) {
  OnnxModelText model = OneNode({"Add", {"x", "z"}, {"y"}}, {"n", "3"});
  model.inputs.push_back(OnnxTensorValue("z", {"n", "3"}));
  const auto imported = Import(model, {.input_shapes = {{"x", {7, 3}}}});
  ASSERT_TRUE(imported.has_value());
  EXPECT_THAT(PrintGraph(imported->graph), HasSubstr("%z: f32[7x3]"));
}

struct BadModel {
  const char* name;
  OnnxModelText model;
  Code code;
  const char* message;
};

void ExpectRefused(const BadModel& c) {
  SCOPED_TRACE(c.name);
  auto imported = Import(c.model);
  Status status;
  if (!imported) {
    status = imported.error();
  } else if (auto times = RunPipeline(imported->graph); !times) {
    status = times.error();
  }
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, c.code) << status.error().message;
  EXPECT_THAT(status.error().message, HasSubstr(c.message));
}

TEST(Import, RefusesWhatIsNotSupported) {
  OnnxModelText sequence = OneNode({"Relu", {"x"}, {"y"}});
  sequence.inputs[0] = WireWriter().Text(1, "x").Text(2, WireWriter().Text(4, "").bytes()).bytes();
  OnnxModelText sparse = OneNode({"Relu", {"x"}, {"y"}});
  sparse.graph_fields = {WireWriter().Text(15, "").bytes()};
  OnnxModelText training = OneNode({"Relu", {"x"}, {"y"}});
  training.model_fields = {WireWriter().Text(20, "").bytes()};
  OnnxModelText old_opset = OneNode({"Relu", {"x"}, {"y"}});
  old_opset.opset = 5;
  OnnxModelText new_opset = OneNode({"Relu", {"x"}, {"y"}});
  new_opset.opset = 22;
  OnnxModelText old_ir = OneNode({"Relu", {"x"}, {"y"}});
  old_ir.ir_version = 1;
  const std::string graph_attribute = WireWriter().Text(1, "body").Text(6, "").Int(20, 5).bytes();
  const BadModel cases[] = {
      {"unknown operator", OneNode({"Foo", {"x"}, {"y"}, {}, "n"}), Code::kUnimplemented,
       "operator 'Foo' in node 'n' is not supported"},
      {"unknown domain", OneNode({"Foo", {"x"}, {"y"}, {}, "n", "com.x"}), Code::kUnimplemented,
       "operator 'Foo' of domain 'com.x' in node 'n' is not supported"},
      {"control flow", OneNode({"If", {"x"}, {"y"}, {graph_attribute}, "n"}), Code::kUnimplemented,
       "operator 'If' in node 'n' is not supported: control flow is not supported"},
      {"graph attribute", OneNode({"Relu", {"x"}, {"y"}, {graph_attribute}, "n"}),
       Code::kUnimplemented, "graphs in attributes are not supported"},
      {"sequence", sequence, Code::kUnimplemented, "a sequence is not supported"},
      {"sparse", sparse, Code::kUnimplemented, "sparse initializers are not supported"},
      {"training", training, Code::kUnimplemented, "training is not supported"},
      {"old opset", old_opset, Code::kUnimplemented, "opset 5 is not one of 6 to 21"},
      {"new opset", new_opset, Code::kUnimplemented, "opset 22 is not one of 6 to 21"},
      {"old IR", old_ir, Code::kUnimplemented, "IR version 1 is not one of"},
      {"unknown attribute", OneNode({"Relu", {"x"}, {"y"}, {OnnxInt("a", 1)}, "n"}),
       Code::kUnimplemented, "node 'n' (Relu): attribute 'a' is not known"},
  };
  for (const BadModel& c : cases) ExpectRefused(c);
}

TEST(Import, RefusesHostileModels) {
  OnnxModelText cycle = OneNode({"Add", {"x", "b"}, {"a"}, {}, "first"});
  cycle.nodes.push_back({"Neg", {"a"}, {"b"}, {}, "second"});
  OnnxModelText twice = OneNode({"Relu", {"x"}, {"y"}});
  twice.nodes.push_back({"Neg", {"x"}, {"y"}});
  OnnxModelText large = OneNode({"Relu", {"x"}, {"y"}}, {"1000000000"});
  OnnxModelText large_constant = OneNode({"ConstantOfShape", {"s"}, {"y"}});
  large_constant.initializers = {
      OnnxRaw("s", 7, {2}, std::string("\0\xCA\x9A\x3B\0\0\0\0\1\0\0\0\0\0\0\0", 16))};
  OnnxModelText overflow = OneNode({"Relu", {"x"}, {"y"}}, {"4294967296", "4294967296"});
  OnnxModelText short_data = OneNode({"Add", {"x", "w"}, {"y"}});
  short_data.initializers = {OnnxRaw("w", 1, {2, 3}, "1234")};
  OnnxModelText no_data = OneNode({"Add", {"x", "w"}, {"y"}});
  no_data.initializers = {WireWriter().Int(1, 1000000000).Int(2, 1).Text(8, "w").bytes()};
  OnnxModelText negative = OneNode({"Add", {"x", "w"}, {"y"}});
  negative.initializers = {OnnxRaw("w", 1, {-2}, "")};
  OnnxModelText two_inputs = OneNode({"Relu", {"x"}, {"y"}});
  two_inputs.inputs.push_back(two_inputs.inputs[0]);
  OnnxModelText no_output = OneNode({"Relu", {"x"}, {"z"}});
  OnnxModelText huge_pool = OneNode({"MaxPool",
                                     {"w"},
                                     {"y"},
                                     {OnnxInts("kernel_shape", {1 << 20, 1 << 20}),
                                      OnnxInts("pads", {1 << 20, 1 << 20, 1 << 20, 1 << 20})}});
  huge_pool.initializers = {OnnxFloats("w", {1, 1, 1, 1}, {1})};
  const BadModel cases[] = {
      {"cycle", cycle, Code::kInvalidArgument, "node 'first' is part of a cycle"},
      {"own input", OneNode({"Relu", {"y"}, {"y"}, {}, "n"}), Code::kInvalidArgument,
       "node 'n' is part of a cycle"},
      {"made twice", twice, Code::kInvalidArgument, "value 'y' is made twice"},
      {"input made twice", OneNode({"Relu", {"x"}, {"x"}}), Code::kInvalidArgument, "cycle"},
      {"made by nobody", OneNode({"Relu", {"z"}, {"y"}, {}, "n"}), Code::kInvalidArgument,
       "node 'n': input 'z' is made by nobody"},
      {"output made by nobody", no_output, Code::kInvalidArgument, "output 'y' is made by nobody"},
      {"10^9 elements", large, Code::kResourceExhausted,
       "value 'x' of shape 1000000000 has more than"},
      {"10^9 elements by an operator", large_constant, Code::kResourceExhausted, "1000000000x1"},
      {"2^64 elements", overflow, Code::kInvalidArgument, "has more than"},
      {"elements missing", short_data, Code::kInvalidArgument,
       "initializer 'w': it has 4 bytes of elements, its shape needs 24"},
      {"no elements", no_data, Code::kInvalidArgument, "initializer 'w': it has no elements"},
      {"negative size", negative, Code::kInvalidArgument, "negative size -2"},
      {"input twice", two_inputs, Code::kInvalidArgument, "input 'x' is given twice"},
      {"window of 2^40", huge_pool, Code::kInvalidArgument, "elements"},
      {"wrong attribute kind", OneNode({"Elu", {"x"}, {"y"}, {OnnxInt("alpha", 1)}, "n"}),
       Code::kInvalidArgument, "node 'n' (Elu): attribute 'alpha' is of kind int, needs float"},
      {"too few inputs", OneNode({"Add", {"x"}, {"y"}, {}, "n"}), Code::kInvalidArgument,
       "node 'n' (Add): it has 1 inputs, needs 2"},
      {"no outputs", OneNode({"Relu", {"x"}, {}, {}, "n"}), Code::kInvalidArgument,
       "it has no outputs"},
      {"name with NUL", OneNode({"Relu", {"x"}, {std::string("a\0b", 3)}}), Code::kInvalidArgument,
       "NUL"},
      {"name not UTF-8", OneNode({"Relu", {"x"}, {"\xC0\x80"}}), Code::kInvalidArgument,
       "not valid UTF-8"},
      {"long name", OneNode({"Relu", {"x"}, {std::string(513, 'n')}}), Code::kInvalidArgument,
       "a name has 513 bytes"},
  };
  for (const BadModel& c : cases) ExpectRefused(c);
}

TEST(Import, RefusesEveryTruncation) {
  OnnxModelText model =
      OneNode({"Conv", {"x", "w"}, {"y"}, {OnnxInts("pads", {1, 1, 1, 1})}}, {"1", "1", "2", "2"});
  model.initializers = {OnnxFloats("w", {1, 1, 1, 2}, {0.5f, -1})};
  const std::string file = WriteOnnx(model);
  for (size_t size = 0; size + 1 < file.size(); ++size) {
    SCOPED_TRACE(size);
    const auto imported = ImportOnnx(AsBytes(file).first(size), {});
    EXPECT_FALSE(imported.has_value());
  }
}

TEST(Import, HoldsItsLimits) {
  OnnxModelText model = OneNode({"Relu", {"x"}, {"a"}});
  model.nodes.push_back({"Relu", {"a"}, {"y"}});
  model.initializers = {OnnxFloats("w", {4}, {1, 2, 3, 4})};
  const std::string file = WriteOnnx(model);
  struct Case {
    const char* message;
    ImportLimits limits;
  };
  const Case cases[] = {
      {"more than 1 nodes", {.nodes_max = 1}},
      {"more than 2 values", {.values_max = 2}},
      {"needs more than 15 bytes", {.constant_bytes_max = 15}},
      {"more than 10", {.file_bytes_max = 10}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.message);
    const auto imported = ImportOnnx(AsBytes(file), {.limits = c.limits});
    ASSERT_FALSE(imported.has_value());
    EXPECT_EQ(imported.error().code, Code::kResourceExhausted);
    EXPECT_THAT(imported.error().message, HasSubstr(c.message));
  }
}

class ExternalData : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryDirectory::Make();
    ASSERT_TRUE(folder.has_value());
    folder_.emplace(std::move(*folder));
    model_folder_ = folder_->path() / "model";
    ASSERT_TRUE(files_.MakeDirectories(model_folder_ / "sub", 0700).has_value());
    const float weights[] = {1, 2};
    const Bytes bytes(reinterpret_cast<const uint8_t*>(weights), sizeof weights);
    ASSERT_TRUE(files_.WriteAtomically(model_folder_ / "w.bin", bytes, 0600).has_value());
    ASSERT_TRUE(files_.WriteAtomically(model_folder_ / "sub/w.bin", bytes, 0600).has_value());
    ASSERT_TRUE(files_.WriteAtomically(model_folder_ / "two", bytes, 0600).has_value());
    ASSERT_TRUE(files_.WriteAtomically(folder_->path() / "secret", bytes, 0600).has_value());
    ASSERT_EQ(symlink("w.bin", (model_folder_ / "link").c_str()), 0);
    ASSERT_EQ(link((model_folder_ / "two").c_str(), (model_folder_ / "hard").c_str()), 0);
  }

  Result<ImportedModel> Import(const std::string& location, const std::string& length = "") {
    OnnxModelText model = OneNode({"Add", {"x", "w"}, {"y"}}, {"2"});
    model.initializers = {OnnxExternal("w", {2}, location, length)};
    return ImportOnnx(AsBytes(WriteOnnx(model)), {.external_folder = model_folder_});
  }

  std::optional<TemporaryDirectory> folder_;
  Path model_folder_;
  PosixFileSystem files_;
};

TEST_F(ExternalData, IsReadBelowTheModelsFolder) {
  for (const char* location : {"w.bin", "sub/w.bin", "./w.bin", "sub/../w.bin"}) {
    SCOPED_TRACE(location);
    const auto model = Import(location, "8");
    ASSERT_TRUE(model.has_value()) << model.error().message;
    EXPECT_THAT(PrintGraph(model->graph), HasSubstr("%w = const f32[2] {1, 2}"));
  }
}

TEST_F(ExternalData, IsRefusedElsewhere) {
  struct Case {
    std::string location;
    Code code;
  };
  const Case cases[] = {
      {"../secret", Code::kPermissionDenied},
      {"sub/../../secret", Code::kPermissionDenied},
      {(folder_->path() / "secret").string(), Code::kPermissionDenied},
      {"link", Code::kPermissionDenied},
      {"hard", Code::kPermissionDenied},
      {"sub", Code::kPermissionDenied},
      {"missing", Code::kNotFound},
      {"", Code::kInvalidArgument},
      {std::string("w.bin\0x", 7), Code::kInvalidArgument},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.location);
    const auto model = Import(c.location);
    ASSERT_FALSE(model.has_value());
    EXPECT_EQ(model.error().code, c.code) << model.error().message;
    EXPECT_THAT(model.error().message, HasSubstr("initializer 'w'"));
  }
  EXPECT_EQ(Import("w.bin", "4").error().code, Code::kInvalidArgument);
  EXPECT_EQ(Import("w.bin", "-1").error().code, Code::kInvalidArgument);
  EXPECT_EQ(Import("w.bin", "99999999999999999999").error().code, Code::kInvalidArgument);
}

TEST_F(ExternalData, IsRefusedWithoutAFolder) {
  OnnxModelText model = OneNode({"Add", {"x", "w"}, {"y"}}, {"2"});
  model.initializers = {OnnxExternal("w", {2}, "w.bin")};
  const auto imported = ImportOnnx(AsBytes(WriteOnnx(model)), {});
  EXPECT_EQ(imported.error().code, Code::kPermissionDenied);
}

}  // namespace
}  // namespace kedge::compiler
