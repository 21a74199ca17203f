// SPDX-License-Identifier: Apache-2.0
#include "package/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "package/format.h"

namespace kedge::package {
namespace {

using ::testing::HasSubstr;

Manifest Specimen() {
  const json::Value io = json::Object{
      {"inputs", json::Array{json::Object{
                     {"name", "input"}, {"dtype", "f32"}, {"shape", json::Array{1, 3}}}}},
      {"outputs",
       json::Array{json::Object{{"name", "out"}, {"dtype", "i64"}, {"shape", json::Array{}}}}},
  };
  return {.model_name = "shapes",
          .model_version = "1.0",
          .model_sha256 = std::string(64, 'a'),
          .targets = {{.target = "x86-64-v3",
                       .cpu_features = "avx2",
                       .model_file = "x86-64-v3/model.so",
                       .weights_file = "x86-64-v3/weights.bin",
                       .arena_bytes_max = 64}},
          .files = {{"x86-64-v3/model.so", 100, std::string(64, 'b')},
                    {"x86-64-v3/weights.bin", 200, std::string(64, 'c')}},
          .io = io};
}

TEST(Manifest, ReadsBackWhatItWrote) {
  const std::string text = WriteManifest(Specimen());
  const auto manifest = ParseManifest(text);
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(WriteManifest(*manifest), text);
  EXPECT_EQ(manifest->targets.front().arena_bytes_max, 64u);
  EXPECT_EQ(manifest->files.back().bytes, 200u);
  // What Edge Manager's users read.
  const auto value = json::Parse(text);
  EXPECT_EQ(value->Find("metadata")->StringOr("model_name", ""), "shapes");
  EXPECT_EQ(value->Find("metadata")->StringOr("model_version", ""), "1.0");
}

TEST(Manifest, RefusesEveryOtherText) {
  const std::string text = WriteManifest(Specimen());
  const struct {
    const char* name;
    const char* from;
    std::string to;
    Code code;
    const char* message;
  } cases[] = {
      {"space", "{\"bytes\"", "{ \"bytes\"", Code::kInvalidArgument, "canonical"},
      {"escape", "shapes", "sh\\u0061pes", Code::kInvalidArgument, "canonical"},
      {"fraction", ":100,", ":100.0,", Code::kInvalidArgument, "bytes"},
      {"exponent", ":100,", ":1e2,", Code::kInvalidArgument, "bytes"},
      {"leading zero", ":100,", ":0100,", Code::kInvalidArgument, ""},
      {"unknown member", "\"format\":1", "\"force\":1,\"format\":1", Code::kInvalidArgument,
       "canonical"},
      {"member twice", "\"format\":1", "\"format\":1,\"format\":1", Code::kInvalidArgument, ""},
      {"missing member", "\"format\":1,", "", Code::kInvalidArgument, "format"},
      {"newer format", "\"format\":1", "\"format\":3", Code::kUnimplemented, "version 3"},
      {"baseline missing", "\"format\":1", "\"format\":2", Code::kInvalidArgument, "baseline"},
      {"baseline in format 1", "{\"files\"", "{\"baseline\":\"baseline.json\",\"files\"",
       Code::kInvalidArgument, "canonical"},
      {"bad name", "\"shapes\"", "\"sha pes\"", Code::kInvalidArgument, "model name"},
      {"name ends with a dash", "\"shapes\"", "\"shapes-\"", Code::kInvalidArgument, "model name"},
      {"name too long", "\"shapes\"", "\"" + std::string(64, 'm') + "\"", Code::kInvalidArgument,
       "model name"},
      {"bad version", "\"1.0\"", "\"1-0\"", Code::kInvalidArgument, "model version"},
      {"version too long", "\"1.0\"", "\"" + std::string(31, '1') + "\"", Code::kInvalidArgument,
       "model version"},
      {"digest in capitals", "aaaaaaaa", "AAAAAAAA", Code::kInvalidArgument, "digest"},
      {"digest too short", "bb\"", "b\"", Code::kInvalidArgument, "digest"},
      {"climbing name", "\"name\":\"x86-64-v3/model.so\"", "\"name\":\"../model.so\"",
       Code::kInvalidArgument, "'../model.so'"},
      {"absolute name", "\"name\":\"x86-64-v3/model.so\"", "\"name\":\"/etc/passwd\"",
       Code::kInvalidArgument, "absolute"},
      {"hidden name", "\"name\":\"x86-64-v3/model.so\"", "\"name\":\".git/config\"",
       Code::kInvalidArgument, "begins with"},
      {"option as name", "\"name\":\"x86-64-v3/model.so\"", "\"name\":\"-rf\"",
       Code::kInvalidArgument, "begins with"},
      {"deep name", "\"name\":\"x86-64-v3/model.so\"", "\"name\":\"a/b/c/d/e\"",
       Code::kInvalidArgument, "deeper"},
      {"empty part", "\"name\":\"x86-64-v3/model.so\"", "\"name\":\"a//b\"", Code::kInvalidArgument,
       "empty part"},
      {"strange character", "\"name\":\"x86-64-v3/model.so\"", "\"name\":\"a\\\\b\"",
       Code::kInvalidArgument, "character"},
      {"long name", "\"name\":\"x86-64-v3/model.so\"", "\"name\":\"" + std::string(100, 'n') + "\"",
       Code::kInvalidArgument, "too long"},
      {"file twice", "x86-64-v3/weights.bin\",\"sha", "x86-64-v3/model.so\",\"sha",
       Code::kInvalidArgument, "exactly what targets and baseline name"},
      {"file of no target", "x86-64-v3/weights.bin\",\"sha", "x86-64-v3/zz\",\"sha",
       Code::kInvalidArgument, "exactly what targets and baseline name"},
      {"weights not listed", "\"weights\":\"x86-64-v3/weights.bin\"", "\"weights\":\"\"",
       Code::kInvalidArgument, "exactly what targets and baseline name"},
      {"model of another folder", "\"model\":\"x86-64-v3/", "\"model\":\"x86-64-v2/",
       Code::kInvalidArgument, "expected 'x86-64-v3/model.so'"},
      {"weights of another folder", "\"weights\":\"x86-64-v3/", "\"weights\":\"x86-64-v2/",
       Code::kInvalidArgument, "expected 'x86-64-v3/weights.bin'"},
      {"bad target", "\"target\":\"x86-64-v3\"", "\"target\":\"..\"", Code::kInvalidArgument,
       "target '..'"},
      {"empty file", ":100,", ":0,", Code::kInvalidArgument, "is empty"},
      {"negative size", ":100,", ":-1,", Code::kInvalidArgument, "bytes"},
      {"huge file", ":100,", ":4294967297,", Code::kResourceExhausted, "more than"},
      {"huge sum", ":100,", ":4294967295,", Code::kResourceExhausted, "more than"},
      {"size beyond 63 bits", ":100,", ":18446744073709551615,", Code::kInvalidArgument, "bytes"},
      {"negative arena", "\"arena_bytes\":64", "\"arena_bytes\":-64", Code::kInvalidArgument,
       "arena_bytes"},
      {"unknown dtype", "\"f32\"", "\"f33\"", Code::kInvalidArgument, "f33"},
      {"negative shape", "[1,3]", "[1,-3]", Code::kInvalidArgument, "input"},
      {"overflowing shape", "[1,3]", "[4611686018427387904,4]", Code::kInvalidArgument, "input"},
      {"rank above 8", "[1,3]", "[1,1,1,1,1,1,1,1,1]", Code::kInvalidArgument, "input"},
      {"tensor without name", "\"name\":\"input\"", "\"name\":\"\"", Code::kInvalidArgument,
       "tensor name"},
      {"other kind", "\"targets\":[", "\"targets\":[1,", Code::kInvalidArgument, "target"},
      {"deep nesting", "[1,3]", std::string(50, '[') + std::string(50, ']'), Code::kInvalidArgument,
       ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    std::string changed = text;
    const size_t at = changed.find(c.from);
    ASSERT_NE(at, std::string::npos);
    changed.replace(at, std::string_view(c.from).size(), c.to);
    const auto manifest = ParseManifest(changed);
    ASSERT_FALSE(manifest);
    EXPECT_EQ(manifest.error().code, c.code) << manifest.error().message;
    EXPECT_THAT(manifest.error().message, HasSubstr(c.message));
  }
  for (const char* other : {"", "{}", "[]", "null", "1", "\"manifest\""}) {
    SCOPED_TRACE(other);
    EXPECT_FALSE(ParseManifest(other));
  }
  EXPECT_FALSE(ParseManifest(text + "\n"));
  EXPECT_FALSE(ParseManifest("\xEF\xBB\xBF" + text));
}

TEST(Manifest, KeepsTargetsInOrderAndApart) {
  Manifest manifest = Specimen();
  manifest.targets.push_back(manifest.targets.front());
  EXPECT_THAT(CheckManifest(manifest).error().message, HasSubstr("stands twice"));
  manifest.targets.clear();
  EXPECT_THAT(CheckManifest(manifest).error().message, HasSubstr("no target"));
}

TEST(Manifest, HasAMaximumOfFilesAndTensors) {
  Manifest manifest = Specimen();
  manifest.targets.clear();
  manifest.files.clear();
  for (size_t i = 0; i < kFilesMax - 1; ++i) {
    const std::string target = "t" + std::to_string(1000 + i);
    manifest.targets.push_back({.target = target, .model_file = target + "/model.so"});
    manifest.files.push_back({target + "/model.so", 1, std::string(64, 'b')});
  }
  EXPECT_EQ(CheckManifest(manifest).error().code, Code::kResourceExhausted);
  manifest.targets.pop_back();
  manifest.files.pop_back();
  EXPECT_TRUE(CheckManifest(manifest));

  json::Array many(kTensorsMax + 1, *ReadIo(Specimen().io)->Find("inputs")->AsArray()->begin());
  const json::Value io = json::Object{{"inputs", many}, {"outputs", json::Array{}}};
  EXPECT_EQ(ReadIo(io).error().code, Code::kResourceExhausted);
}

}  // namespace
}  // namespace kedge::package
