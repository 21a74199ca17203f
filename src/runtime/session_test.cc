// SPDX-License-Identifier: Apache-2.0
#include "runtime/session.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <numeric>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/testing/c_model.h"
#include "runtime/testing/counting_allocator.h"

namespace kedge::runtime {
namespace {

using testing::CModel;

Result<std::shared_ptr<const Model>> Load(const CModel& model) {
  KEDGE_TRY(const FileDescriptor object, testing::BuildObject(model));
  return Model::Load(object.get(), -1);
}

TEST(Session, RunsAModel) {
  const auto model = Load({});
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->info().inputs[0].name, "x");
  EXPECT_EQ((*model)->info().outputs[0].shape, Shape({4}));
  EXPECT_EQ((*model)->info().op_names, std::vector<std::string>{"test"});
  auto session = Session::Create(*model, {});
  ASSERT_TRUE(session);
  const float x[] = {1, 2, 3, 4};
  float y[4] = {};
  const void* in[] = {x};
  void* out[] = {y};
  ASSERT_TRUE((*session)->Run(in, out));
  EXPECT_EQ(std::vector<float>(y, y + 4), (std::vector<float>{3, 5, 7, 9}));
}

TEST(Session, RunAllocatesNothing) {
  const CModel parallel{
      .run_body =
          "struct Args args = {x, y}; host->parallel(host->context, task, &args, ELEMENTS);"
          "return 0;",
      .before_run =
          "struct Args { const float* x; float* y; };"
          "static void task(void* p, uint32_t i) { struct Args* a = p; a->y[i] = -a->x[i]; }",
      .elements = 1000};
  const auto model = Load(parallel);
  ASSERT_TRUE(model) << model.error().message;
  auto session = Session::Create(*model, {.threads = 3});
  ASSERT_TRUE(session);
  std::vector<float> x(1000), y(1000);
  std::iota(x.begin(), x.end(), 1.f);
  const void* in[] = {x.data()};
  void* out[] = {y.data()};
  std::vector<uint64_t> times(1);
  const uint64_t before = testing::Allocations();
  for (int i = 0; i < 100; ++i) KEDGE_CHECK((*session)->Run(in, out).has_value());
  KEDGE_CHECK((*session)->RunTraced(in, out, times).has_value());
  EXPECT_EQ(testing::Allocations(), before);
  EXPECT_EQ(y[999], -1000.f);
}

TEST(Session, GivesTheArenaAsTheModelNeedsIt) {
  const auto model =
      Load({.run_body = "char* a = arena; for (int i = 0; i < 3000000; i += 64) a[i] = 1;"
                        "y[0] = (float)((uintptr_t)arena % 4096); return 0;",
            .arena_bytes = "3000000",
            .info_override = "info.arena_align = 4096;"});
  ASSERT_TRUE(model) << model.error().message;
  auto session = Session::Create(*model, {});
  ASSERT_TRUE(session);
  const float x[4] = {};
  float y[4] = {7};
  const void* in[] = {x};
  void* out[] = {y};
  ASSERT_TRUE((*session)->Run(in, out));
  EXPECT_EQ(y[0], 0);
}

TEST(Session, PassesTheModelsErrorOn) {
  struct Case {
    const char* body;
    Code code;
    const char* message;
  };
  const Case cases[] = {
      {"message[0] = 'n'; message[1] = 'o'; message[2] = 0; return 11;", Code::kOutOfRange, "no"},
      {"return 3;", Code::kInvalidArgument, "no reason"},
      {"return 77;", Code::kInternal, "code 77"},
      {"for (size_t i = 0; i < message_bytes; ++i) message[i] = 'z'; return 3;",
       Code::kInvalidArgument, "zzz"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.body);
    const auto model = Load({.run_body = c.body});
    ASSERT_TRUE(model) << model.error().message;
    auto session = Session::Create(*model, {});
    const float x[4] = {};
    float y[4];
    const void* in[] = {x};
    void* out[] = {y};
    const Status status = (*session)->Run(in, out);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, c.code);
    EXPECT_NE(status.error().message.find(c.message), std::string::npos) << status.error().message;
  }
}

TEST(Session, RefusesWrongCountsAndLimits) {
  const auto model = Load({});
  ASSERT_TRUE(model);
  EXPECT_EQ(Session::Create(*model, {.threads = 0}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(Session::Create(*model, {.threads = 65}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(Session::Create(*model, {.arena_bytes_max = 63}).error().code,
            Code::kFailedPrecondition);
  auto session = Session::Create(*model, {});
  EXPECT_EQ((*session)->Run({}, {}).error().code, Code::kInvalidArgument);
  const float x[4] = {};
  float y[4];
  const void* in[] = {x};
  void* out[] = {y};
  EXPECT_EQ((*session)->RunTraced(in, out, {}).error().code, Code::kInvalidArgument);
}

TEST(Session, SaysWhenTheArenaCannotBeHad) {
  const auto model = Load({.arena_bytes = "(1ull << 40)"});
  ASSERT_TRUE(model) << model.error().message;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  const rlimit limited{.rlim_cur = uint64_t{1} << 39, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &limited), 0);
  const auto session = Session::Create(*model, {});
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Code::kResourceExhausted);
}

TEST(Session, TimesEveryOp) {
  const auto model =
      Load({.run_body = "host->trace(host->context, 0); host->trace(host->context, 1);"
                        "host->trace(host->context, 2); return 0;",
            .before_run = "static const char* const kTwo[] = {\"conv\", \"pool\"};",
            .info_override = "info.op_count = 2; info.op_names = kTwo;"});
  ASSERT_TRUE(model) << model.error().message;
  auto session = Session::Create(*model, {});
  const float x[4] = {};
  float y[4];
  const void* in[] = {x};
  void* out[] = {y};
  std::vector<uint64_t> times(2, 1000);
  ASSERT_TRUE((*session)->RunTraced(in, out, times));
  EXPECT_GE(times[0], 1000u);
  EXPECT_GE(times[1], 1000u);
}

TEST(Model, RefusesABrokenDescription) {
  struct Case {
    const char* name;
    const char* override;
    const char* message;
  };
  const Case cases[] = {
      {"other version", "info.abi = 2;", "interface version is 2"},
      {"flags", "info.flags = 1;", "flags are 1"},
      {"no description", "return 0;", "outside the object"},
      {"description on the stack",
       "kedge_model_info local = info; info.abi += (int)(long)&local; "
       "return (const kedge_model_info*)(uintptr_t)0x7fff12345678;",
       "outside the object"},
      {"misaligned", "return (const kedge_model_info*)((const char*)&info + 1);", "outside"},
      {"arena", "info.arena_bytes = 1ull << 50;", "arena is"},
      {"alignment", "info.arena_align = 48;", "alignment is 48"},
      {"huge alignment", "info.arena_align = 1 << 20;", "alignment is 1048576"},
      {"weights", "info.weights_bytes = ~0ull;", "weights are"},
      {"tasks", "info.task_count_max = ~0u;", "task count"},
      {"inputs", "info.input_count = 1000;", "input count is 1000"},
      {"input table", "info.inputs = (const kedge_io*)16;", "input table lies outside"},
      {"name", "static kedge_io io; io = kInputs[0]; io.name = (const char*)8; info.inputs = &io;",
       "text outside"},
      {"no name", "static kedge_io io; io = kInputs[0]; io.name = 0; info.inputs = &io;",
       "text outside"},
      {"element type", "static kedge_io io; io = kInputs[0]; io.dtype = 99; info.inputs = &io;",
       "element type 99"},
      {"rank", "static kedge_io io; io = kInputs[0]; io.rank = 9; info.inputs = &io;", "rank 9"},
      {"negative size", "static kedge_io io; io = kInputs[0]; io.dim[0] = -4; info.inputs = &io;",
       "input 0"},
      {"overflow",
       "static kedge_io io; io = kInputs[0]; io.rank = 2; io.dim[0] = 1ll << 33;"
       "io.dim[1] = 1ll << 33; info.inputs = &io;",
       "input 0"},
      {"bytes", "static kedge_io io; io = kInputs[0]; io.bytes = 17; info.inputs = &io;",
       "says 17 bytes"},
      {"ops", "info.op_count = 1 << 30;", "op count"},
      {"op names", "info.op_names = 0;", "op name table"},
      {"endless text",
       "static char text[4000]; for (int i = 0; i < 4000; ++i) text[i] = 'x';"
       "info.target = text;",
       "without an end"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto model = Load({.info_override = c.override});
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, Code::kInvalidArgument);
    EXPECT_NE(model.error().message.find(c.message), std::string::npos) << model.error().message;
  }
}

TEST(Model, NamesTheFeatureThatTheCpuLacks) {
  const auto model = Load({.cpu_features = "sse2 warp_drive", .target = "x86-64-v9"});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Code::kFailedPrecondition);
  EXPECT_NE(model.error().message.find("warp_drive"), std::string::npos);
  EXPECT_NE(model.error().message.find("x86-64-v9"), std::string::npos);
  EXPECT_EQ(model.error().message.find("sse2"), std::string::npos);
}

TEST(Model, MapsWeightsOfTheRightSizeOnly) {
  auto directory = TemporaryDirectory::Make();
  ASSERT_TRUE(directory);
  const ByteBuffer weights(100, 7);
  ASSERT_TRUE(testing::Build(
      {.run_body = "y[0] = ((const char*)weights)[99]; return 0;", .weights_bytes = "100"},
      directory->path(), weights));
  const auto object = OpenFile(directory->path() / "model.so", O_RDONLY);
  auto file = OpenFile(directory->path() / "weights.bin", O_RDWR);
  ASSERT_TRUE(object && file);
  const auto model = Model::Load(object->get(), file->get());
  ASSERT_TRUE(model) << model.error().message;
  auto session = Session::Create(*model, {});
  const float x[4] = {};
  float y[4];
  const void* in[] = {x};
  void* out[] = {y};
  ASSERT_TRUE((*session)->Run(in, out));
  EXPECT_EQ(y[0], 7);

  EXPECT_EQ(Model::Load(object->get(), -1).error().code, Code::kDataLoss);
  ASSERT_EQ(::ftruncate(file->get(), 99), 0);
  EXPECT_EQ(Model::Load(object->get(), file->get()).error().code, Code::kDataLoss);
}

// The dynamic loader knows objects by the name they were opened by, which holds the descriptor's
// number: a second model must not get the first one's code when the number is used again.
TEST(Model, LoadsTheFileThatWasGivenEvenIfItsNumberIsUsedAgain) {
  const auto first = Load({.run_body = "y[0] = 1; return 0;"});
  const auto second = Load({.run_body = "y[0] = 2; return 0;"});
  ASSERT_TRUE(first && second);
  auto session = Session::Create(*second, {});
  const float x[4] = {};
  float y[4];
  const void* in[] = {x};
  void* out[] = {y};
  ASSERT_TRUE((*session)->Run(in, out));
  EXPECT_EQ(y[0], 2);
}

TEST(Model, RefusesAFileThatIsNoModel) {
  auto directory = TemporaryDirectory::Make();
  PosixFileSystem disk;
  ASSERT_TRUE(disk.WriteAtomically(directory->path() / "text", AsBytes("not a model"), 0644));
  const auto text = OpenFile(directory->path() / "text", O_RDONLY);
  EXPECT_EQ(Model::Load(text->get(), -1).error().code, Code::kInvalidArgument);

  const auto other = Load({.clang_arguments = {"-Dkedge_model_run=something_else"}});
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("kedge_model_run"), std::string::npos);
  const auto imports = Load({.run_body = "extern int puts(const char*); return puts(\"x\");",
                             .before_run = "extern int no_such_function(void);",
                             .info_override = "info.flags = (uint32_t)no_such_function();"});
  ASSERT_FALSE(imports);
  EXPECT_EQ(imports.error().code, Code::kInvalidArgument);
}

TEST(Cpu, KnowsThisMachine) {
  EXPECT_TRUE(MissingCpuFeatures("").empty());
  EXPECT_EQ(MissingCpuFeatures("nonsense"), std::vector<std::string>{"nonsense"});
  EXPECT_EQ(MissingCpuFeatures("  two  words "), (std::vector<std::string>{"two", "words"}));
#if defined(__x86_64__)
  EXPECT_TRUE(MissingCpuFeatures("sse2").empty());
  if (NativeTarget() == "x86-64-v4") {
    EXPECT_TRUE(MissingCpuFeatures("avx2 fma avx512f avx512bw avx512cd avx512dq avx512vl").empty());
  }
#endif
}

}  // namespace
}  // namespace kedge::runtime
