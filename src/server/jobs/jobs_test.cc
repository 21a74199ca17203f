// SPDX-License-Identifier: Apache-2.0
#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "server/jobs/archive.h"
#include "server/jobs/component.h"
#include "server/jobs/framework.h"
#include "server/jobs/job_files.h"
#include "server/jobs/model_input.h"
#include "server/jobs/sandbox.h"

namespace kedge::server {
namespace {

json::Value Parsed(const std::string& text) {
  auto value = json::Parse(text);
  EXPECT_TRUE(value) << text;
  return value.value_or(nullptr);
}

TEST(Target, FollowsDevicePlatformAndOptions) {
  const struct {
    const char* config;
    const char* target;  // or the error's message
    const char* label;   // null: an error
  } cases[] = {
      {R"({"TargetPlatform":{"Os":"LINUX","Arch":"X86_64"}})", "x86-64-v3", "LINUX_X86_64"},
      {R"({"TargetPlatform":{"Os":"LINUX","Arch":"ARM64"}})", "aarch64", "LINUX_ARM64"},
      {R"({"TargetDevice":"ml_c5"})", "x86-64-v4", "ml_c5"},
      {R"({"TargetDevice":"rasp4b","CompilerOptions":"{'mattr':['+neon']}"})", "aarch64", "rasp4b"},
      {R"({"TargetDevice":"sbe_c","CompilerOptions":"{'mcpu':'core-avx2'}"})", "x86-64-v3",
       "sbe_c"},
      {R"({"TargetDevice":"ml_c5","CompilerOptions":"{\"target\":\"x86-64-v2\"}"})", "x86-64-v2",
       "ml_c5"},
      {R"({})", "exactly one of TargetDevice and TargetPlatform must be given", nullptr},
      {R"({"TargetDevice":"ml_c5","TargetPlatform":{"Os":"LINUX","Arch":"ARM64"}})",
       "exactly one of TargetDevice and TargetPlatform must be given", nullptr},
      {R"({"TargetDevice":"x86_win32"})", "TargetDevice x86_win32 is not supported", nullptr},
      {R"({"TargetPlatform":{"Os":"ANDROID","Arch":"ARM64"}})",
       "TargetPlatform ANDROID_ARM64 is not supported; LINUX_X86_64 and LINUX_ARM64 are", nullptr},
      {R"({"TargetPlatform":{"Os":"LINUX","Arch":"ARM64","Accelerator":"NVIDIA"}})",
       "TargetPlatform LINUX_ARM64_NVIDIA is not supported: no accelerator is", nullptr},
      {R"({"TargetDevice":"rasp4b","CompilerOptions":"{\"target\":\"x86-64-v4\"}"})",
       "CompilerOptions choose x86-64-v4, which rasp4b does not run", nullptr},
      {R"({"TargetDevice":"rasp4b","CompilerOptions":"[1]"})",
       "CompilerOptions is not a JSON object", nullptr},
      {R"({"TargetDevice":"rasp4b","CompilerOptions":"{\"target\":\"sse\"}"})",
       "CompilerOptions: target 'sse' is unknown; x86-64-v2, x86-64-v3, x86-64-v4 and aarch64 are "
       "known",
       nullptr},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.config);
    const auto target = ResolveTarget(Parsed(c.config));
    ASSERT_EQ(target.has_value(), c.label != nullptr);
    if (target) {
      EXPECT_EQ(target->target, c.target);
      EXPECT_EQ(target->label, c.label);
    } else {
      EXPECT_EQ(target.error(), InvalidArgument(c.target));
    }
  }
}

std::string Request(const std::string& input_config) {
  return R"({"InputConfig":)" + input_config +
         R"(,"OutputConfig":{"S3OutputLocation":"s3://bkt/out","TargetDevice":"rasp4b"},)"
         R"("StoppingCondition":{"MaxRuntimeInSeconds":60}})";
}

TEST(CompileOrder, ReadsARequest) {
  const auto order = ReadCompileOrder(Parsed(Request(
      R"({"S3Uri":"s3://bkt/in/net.tar.gz","Framework":"ONNX","DataInputConfig":"{'x':[1,3,8,8],'y':[1]}"})")));
  ASSERT_TRUE(order) << order.error().message;
  EXPECT_EQ(order->input.Uri(), "s3://bkt/in/net.tar.gz");
  EXPECT_EQ(order->output.Uri(), "s3://bkt/out/net-rasp4b.tar.gz");
  EXPECT_EQ(order->inputs, (std::vector<std::string>{"x=1x3x8x8", "y=1"}));
  EXPECT_EQ(order->seconds_max, 60);
}

TEST(CompileOrder, RefusesWhatTheDescriptionCannotSay) {
  const struct {
    const char* input_config;
    const char* message;
  } cases[] = {
      {R"({"S3Uri":"s3://bkt/n.onnx","Framework":"ONNX","DataInputConfig":"7"})",
       "DataInputConfig must be a JSON object from input name to shape, or a list of shapes"},
      {R"({"S3Uri":"s3://bkt/n.onnx","Framework":"ONNX","DataInputConfig":"[]"})",
       "DataInputConfig must be a JSON object from input name to shape, or a list of shapes"},
      {R"({"S3Uri":"s3://bkt/n.onnx","Framework":"PYTORCH","DataInputConfig":"[[1],[0]]"})",
       "DataInputConfig: the shape of input 1 must be a list of 1 to 8 positive sizes"},
      {R"({"S3Uri":"s3://bkt/n.onnx","Framework":"ONNX","DataInputConfig":"{'x':{'shape':['1..2']}}"})",
       "DataInputConfig: the shape of 'x' must be a list of 1 to 8 positive sizes"},
      {R"({"S3Uri":"s3://bkt/n.onnx","Framework":"ONNX","DataInputConfig":"{\"x\":[1,-1]}"})",
       "DataInputConfig: the shape of 'x' must be a list of 1 to 8 positive sizes"},
      {R"({"S3Uri":"s3://bkt/n.onnx","Framework":"ONNX","DataInputConfig":"{\"x\":[]}"})",
       "DataInputConfig: the shape of 'x' must be a list of 1 to 8 positive sizes"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.input_config);
    const auto order = ReadCompileOrder(Parsed(Request(c.input_config)));
    ASSERT_FALSE(order);
    EXPECT_EQ(order.error(), InvalidArgument(c.message));
  }
  EXPECT_FALSE(ReadCompileOrder(
      Parsed(R"({"OutputConfig":{"S3OutputLocation":"s3://bkt/out","TargetDevice":"rasp4b"}})")));
}

TEST(CompileOrder, ChecksPairsOfFrameworkAndVersion) {
  const struct {
    const char* framework;
    const char* version;
    const char* refused;  // the end of the message; empty: accepted
  } cases[] = {
      {"MXNET", "1.8.0", ""},
      {"MXNET", "0.12", ""},
      {"MXNET", "1.9", "MXNET 1.9 is not supported, versions up to 1.8 are"},
      {"PYTORCH", "1.4", ""},
      {"PYTORCH", "1.12", ""},
      {"PYTORCH", "1.9", "PYTORCH 1.9 is not supported, versions up to 1.8 and 1.12 are"},
      {"PYTORCH", "2.0", "PYTORCH 2.0 is not supported, versions up to 1.8 and 1.12 are"},
      {"TENSORFLOW", "1.15.3", ""},
      {"TENSORFLOW", "2.9", ""},
      {"TENSORFLOW", "2.5", "TENSORFLOW 2.5 is not supported, versions 1.15, 2.4 and 2.9 are"},
      {"TENSORFLOW", "2.4rc1",
       "TENSORFLOW 2.4rc1 is not supported, versions 1.15, 2.4 and 2.9 are"},
      {"TFLITE", "1.15", ""},
      {"TFLITE", "2.4", "TFLITE 2.4 is not supported, versions 1.15 and its patches are"},
      {"ONNX", "9.99", ""},  // not honoured with the others
      {"KERAS", "2.2.4", ""},
      {"TENSORFLOW", "", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.framework) + " " + c.version);
    const Status status = CheckFrameworkVersion(c.framework, c.version);
    if (*c.refused == '\0') {
      EXPECT_TRUE(status);
    } else {
      ASSERT_FALSE(status);
      EXPECT_EQ(status.error(),
                InvalidArgument("InputConfig.FrameworkVersion: " + std::string(c.refused)));
    }
  }
  const auto order = ReadCompileOrder(Parsed(
      Request(R"({"S3Uri":"s3://bkt/n.onnx","Framework":"TFLITE","FrameworkVersion":"2.4"})")));
  ASSERT_FALSE(order);
  EXPECT_EQ(order.error().code, Code::kInvalidArgument);
}

TEST(CompileOrder, ReadsEveryFormOfDataInputConfig) {
  const struct {
    const char* config;
    std::vector<std::string> inputs;
  } cases[] = {
      {R"({\"x\":[1,3,8,8]})", {"x=1x3x8x8"}},
      {"{'x':[1,3,8,8],'y=z':[1]}", {"x=1x3x8x8", "y=z=1"}},
      {"[[1,3,8,8],[2]]", {"1x3x8x8", "2"}},
      {"[1,3,8,8]", {"1x3x8x8"}},
      {"{'x':{'shape':[1,2],'type':'Image'}}", {"x=1x2"}},
      {"[{'shape':[1,2]}]", {"1x2"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.config);
    const auto order = ReadCompileOrder(
        Parsed(Request(std::string(R"({"S3Uri":"s3://bkt/n.tar.gz","Framework":"PYTORCH",)") +
                       R"("DataInputConfig":")" + c.config + "\"}")));
    ASSERT_TRUE(order) << order.error().message;
    EXPECT_EQ(order->inputs, c.inputs);
  }
}

TEST(CompileOrder, WaitsAsLongAsItsStoppingConditionAllows) {
  const struct {
    const char* condition;
    std::optional<int64_t> seconds;
  } cases[] = {
      {R"({"MaxRuntimeInSeconds":60})", std::nullopt},
      {R"({"MaxPendingTimeInSeconds":7200})", 7200},
      {R"({"MaxRuntimeInSeconds":60,"MaxWaitTimeInSeconds":100})", 40},
      {R"({"MaxRuntimeInSeconds":60,"MaxWaitTimeInSeconds":100,"MaxPendingTimeInSeconds":7200})",
       40},
  };
  const auto request = [](const std::string& condition) {
    return Parsed(R"({"InputConfig":{"S3Uri":"s3://b-1/n.onnx","Framework":"ONNX"},"OutputConfig":)"
                  R"({"S3OutputLocation":"s3://b-1/","TargetDevice":"rasp4b"},)"
                  R"("StoppingCondition":)" +
                  condition + "}");
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.condition);
    const auto order = ReadCompileOrder(request(c.condition));
    ASSERT_TRUE(order) << order.error().message;
    EXPECT_EQ(order->wait_seconds_max, c.seconds);
  }
  const auto refused =
      ReadCompileOrder(request(R"({"MaxRuntimeInSeconds":60,"MaxWaitTimeInSeconds":59})"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(),
            InvalidArgument("StoppingCondition: MaxWaitTimeInSeconds is 59, less than "
                            "MaxRuntimeInSeconds, 60"));
}

// Neo's rows: what each framework's archive must hold, and what is said where it does not.
TEST(Framework, FindsTheModelOrSaysWhatIsWrong) {
  const struct {
    const char* framework;
    std::vector<std::string> files;
    const char* message;  // or the model's name
  } cases[] = {
      {"ONNX", {"net.onnx"}, "net.onnx"},
      {"ONNX", {"labels.txt", "a/net.onnx"}, "a/net.onnx"},
      {"TENSORFLOW", {"converted.onnx", "saved_model.pb"}, "converted.onnx"},
      {"ONNX", {}, "Exactly one .onnx file is allowed for ONNX models, none was provided"},
      {"ONNX", {"a.onnx", "b.onnx"}, "Exactly one .onnx file is allowed for ONNX models, several"},
      {"TENSORFLOW", {"a.pb", "b.pbtxt"}, "Exactly one .pb file is allowed for TensorFlow models"},
      {"TENSORFLOW",
       {"variables/x"},
       "Exactly one .pb file is allowed for TensorFlow models, none"},
      {"TENSORFLOW", {"saved_model.pb", "variables/variables.index"}, "--saved-model DIR"},
      {"KERAS", {"net.txt"}, "No h5 file provided"},
      {"KERAS", {"a.h5", "b.h5"}, "Multiple h5 files provided, when only one is allowed"},
      {"KERAS", {"a.h5"}, "tf2onnx.convert --keras"},
      {"MXNET", {"a.params", "b.params"}, "Only one parameter file is allowed for MXNet model"},
      {"MXNET", {"a.params"}, "No symbol file provided for MXNet model"},
      {"MXNET", {"a.params", "a-symbol.json"}, "mxnet.onnx.export_model"},
      {"PYTORCH", {"net.txt"}, "No pth file provided for PyTorch model"},
      {"PYTORCH", {"net.pth"}, "torch.onnx.export"},
      {"XGBOOST", {"x.model", "y.model"}, "Only one model file is allowed for XGBoost model"},
      {"XGBOOST", {"x.model"}, "onnxmltools.convert_xgboost"},
      {"TFLITE", {}, "No tflite file provided"},
      {"TFLITE", {"net.tflite"}, "tf2onnx.convert --tflite"},
      {"DARKNET", {"y.cfg"}, "No weights file provided for Darknet model"},
      {"DARKNET", {"y.cfg", "y.weights"}, "Framework DARKNET is not compiled by this server"},
      {"SKLEARN", {"m.pkl", "m.joblib"}, "Only one model file is allowed for scikit-learn model"},
      {"SKLEARN", {"m.pkl"}, "skl2onnx"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.framework) + ": " + c.message);
    const auto found = FindModel(c.framework, c.files);
    if (found) {
      EXPECT_EQ(*found, c.message);
      continue;
    }
    EXPECT_NE(found.error().message.find(c.message), std::string::npos) << found.error().message;
    EXPECT_TRUE(FailureReason(found.error()).starts_with("ClientError: InputConfiguration: "));
  }
}

TEST(Component, IsReadFromTheConfigOrRefused) {
  const struct {
    const char* config;
    const char* target;
    const char* want;  // "name version os architecture", or the error's message
  } cases[] = {
      {"", "aarch64", "SagemakerEdgeManagerpack 1.0.0 linux aarch64"},
      {"{}", "x86-64-v3", "SagemakerEdgeManagerpack 1.0.0 linux amd64"},
      {R"({"ComponentName":"com.x.Net_1","ComponentVersion":"10.2.3","PlatformOS":"Linux"})",
       "aarch64", "com.x.Net_1 10.2.3 linux aarch64"},
      {"{'PlatformArchitecture':'Linux ARMV8'}", "aarch64",
       "SagemakerEdgeManagerpack 1.0.0 linux aarch64"},
      {"{'PlatformArchitecture':'Linux x86_64'}", "aarch64",
       "the component is for linux amd64, the model was compiled for linux aarch64"},
      {"{'PlatformOS':'Windows','PlatformArchitecture':'Windows64_x64'}", "x86-64-v3",
       "the component is for windows amd64, the model was compiled for linux amd64"},
      {"[]", "", "PresetDeploymentConfig is not a JSON object"},
      {"{'Component':'x'}", "", "PresetDeploymentConfig: member 'Component' is not known"},
      {"{'ComponentName':7}", "", "PresetDeploymentConfig: ComponentName is not a text"},
      {"{'ComponentName':'a b'}", "",
       "PresetDeploymentConfig: ComponentName must be 1 to 128 letters, digits, '-', '_' and '.'"},
      {"{'ComponentVersion':'1.0'}", "",
       "PresetDeploymentConfig: ComponentVersion '1.0' is not major.minor.patch"},
      {"{'ComponentVersion':'1.02.3'}", "",
       "PresetDeploymentConfig: ComponentVersion '1.02.3' is not major.minor.patch"},
      {"{'PlatformOS':'Solaris'}", "",
       "PresetDeploymentConfig: PlatformOS 'Solaris' is not Linux or Windows"},
      {"{'PlatformArchitecture':'MIPS'}", "",
       "PresetDeploymentConfig: PlatformArchitecture 'MIPS' is none of Windows32_x86, "
       "Windows64_x64, Linux x86_64 and Linux ARMV8"},
      {"{'PlatformOS':'Linux','PlatformArchitecture':'Windows64_x64'}", "",
       "PresetDeploymentConfig: PlatformArchitecture 'Windows64_x64' is not one of PlatformOS "
       "Linux"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.config);
    auto component = ReadComponent(c.config, "pack");
    Status status = component ? ResolvePlatform(*component, c.target) : component.error();
    if (!status) {
      EXPECT_EQ(status.error(), InvalidArgument(c.want));
      continue;
    }
    EXPECT_EQ(component->name + " " + component->version + " " + component->os + " " +
                  component->architecture,
              c.want);
  }
}

TEST(FailureReason, NamesWhoIsAtFault) {
  EXPECT_EQ(FailureReason(InvalidArgument("no")), "ClientError: InputConfiguration: no");
  EXPECT_EQ(FailureReason(DeadlineExceeded("slow")), "ClientError: slow");
  EXPECT_EQ(FailureReason(FailedPrecondition("no sandbox")), "ServerError: no sandbox");
  EXPECT_EQ(FailureReason(Internal(std::string(5000, 'x'))).size(), 1024u);
}

class FolderTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryDirectory::Make();
    ASSERT_TRUE(folder);
    folder_ = std::make_unique<TemporaryDirectory>(std::move(*folder));
    for (const char* name : {"in", "out", "programs", "cache"}) {
      ASSERT_TRUE(disk_.MakeDirectories(folder_->path() / name, 0700));
    }
  }
  Path At(const std::string& name) const { return folder_->path() / name; }
  void Put(const std::string& name, const std::string& text, int mode = 0644) {
    ASSERT_TRUE(disk_.WriteAtomically(At(name), AsBytes(text), mode));
  }

  PosixFileSystem disk_;
  std::unique_ptr<TemporaryDirectory> folder_;
};

using ArchiveTest = FolderTest;

struct Entry {
  const char* name;
  mode_t type = AE_IFREG;
  std::string content;
  const char* link = nullptr;
};

void Tar(const Path& file, const std::vector<Entry>& entries) {
  archive* a = archive_write_new();
  archive_write_add_filter_gzip(a);
  archive_write_set_format_pax_restricted(a);
  ASSERT_EQ(archive_write_open_filename(a, file.c_str()), ARCHIVE_OK);
  for (const Entry& entry : entries) {
    archive_entry* e = archive_entry_new();
    archive_entry_set_pathname(e, entry.name);
    archive_entry_set_filetype(e, entry.type);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, static_cast<la_int64_t>(entry.content.size()));
    if (entry.link != nullptr && entry.type == AE_IFLNK) archive_entry_set_symlink(e, entry.link);
    if (entry.link != nullptr && entry.type == AE_IFREG) archive_entry_set_hardlink(e, entry.link);
    ASSERT_EQ(archive_write_header(a, e), ARCHIVE_OK);
    archive_write_data(a, entry.content.data(), entry.content.size());
    archive_entry_free(e);
  }
  archive_write_free(a);
}

TEST_F(ArchiveTest, PacksAndUnpacksTheSameBytes) {
  Put("in/a", "first");
  Put("in/b", std::string(300'000, 'b'));
  ASSERT_TRUE(PackArchive(At("one.tar.gz"), At("in"), {"a", "b"}));
  ASSERT_TRUE(PackArchive(At("two.tar.gz"), At("in"), {"a", "b"}));
  EXPECT_EQ(*disk_.Read(At("one.tar.gz"), 1 << 20), *disk_.Read(At("two.tar.gz"), 1 << 20));
  EXPECT_TRUE(*IsGzip(At("one.tar.gz")));
  EXPECT_FALSE(*IsGzip(At("in/a")));
  const auto names = UnpackArchive(At("one.tar.gz"), At("out"), {});
  ASSERT_TRUE(names) << names.error().message;
  EXPECT_EQ(*names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(disk_.Read(At("out/b"), 1 << 20)->size(), 300'000u);
}

TEST_F(ArchiveTest, RefusesWhatIsNotPlainFiles) {
  const std::string text(100, 'x');
  const struct {
    const char* name;
    std::vector<Entry> entries;
    const char* message;
  } cases[] = {
      {"climbs", {{"../m.onnx", AE_IFREG, text}}, "'../m.onnx', names must be plain"},
      {"absolute", {{"/tmp/m.onnx", AE_IFREG, text}}, "'/tmp/m.onnx', names must be plain"},
      {"nested", {{"a/m.onnx", AE_IFREG, text}}, "names must be plain"},
      {"symlink",
       {{"m.onnx", AE_IFLNK, "", "/etc/passwd"}},
       "'m.onnx', which is not a regular file"},
      {"hard link", {{"a", AE_IFREG, text}, {"m.onnx", AE_IFREG, "", "a"}}, "not a regular file"},
      {"device", {{"m.onnx", AE_IFCHR}}, "'m.onnx', which is not a regular file"},
      {"twice", {{"a", AE_IFREG, text}, {"a", AE_IFREG, text}}, "'a' twice"},
      {"too many", {{"a", AE_IFREG}, {"b", AE_IFREG}, {"c", AE_IFREG}}, "more than 2 files"},
      {"too long", {{"a", AE_IFREG, std::string(1001, 'x')}}, "more than 1000 bytes"},
      {"long together",
       {{"a", AE_IFREG, std::string(900, 'x')}, {"b", AE_IFREG, std::string(900, 'x')}},
       "more than 600 bytes"},
  };
  int number = 0;
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Tar(At("hostile.tar.gz"), c.entries);
    const Path out = At("out-" + std::to_string(number++));
    ASSERT_TRUE(disk_.MakeDirectories(out, 0700));
    const auto names = UnpackArchive(
        At("hostile.tar.gz"), out, {.files_max = 2, .file_bytes_max = 1000, .sum_bytes_max = 1500});
    ASSERT_FALSE(names);
    EXPECT_EQ(names.error().code, Code::kInvalidArgument);
    EXPECT_NE(names.error().message.find(c.message), std::string::npos) << names.error().message;
  }
}

TEST_F(ArchiveTest, ListsAndUnpacksOneOfManyFiles) {
  Tar(At("model.tar.gz"), {{"saved/", AE_IFDIR},
                           {"saved/net.onnx", AE_IFREG, "model"},
                           {"../odd", AE_IFREG, "never written"}});
  const auto names = ListArchive(At("model.tar.gz"), {});
  ASSERT_TRUE(names) << names.error().message;
  EXPECT_EQ(*names, (std::vector<std::string>{"saved/net.onnx", "../odd"}));
  ASSERT_TRUE(UnpackOne(At("model.tar.gz"), "saved/net.onnx", At("out/model"), {}));
  EXPECT_EQ(AsText(*disk_.Read(At("out/model"), 100)), "model");
  EXPECT_EQ(UnpackOne(At("model.tar.gz"), "none", At("out/none"), {}).error(),
            NotFound("the archive holds no 'none'"));
  EXPECT_FALSE(ListArchive(At("model.tar.gz"), {.files_max = 1}));
  EXPECT_FALSE(ListArchive(At("model.tar.gz"), {.sum_bytes_max = 10}));
  EXPECT_FALSE(UnpackOne(At("model.tar.gz"), "saved/net.onnx", At("out/x"), {.file_bytes_max = 4}));
  Tar(At("link.tar.gz"), {{"net.onnx", AE_IFLNK, "", "/etc/passwd"}});
  EXPECT_FALSE(ListArchive(At("link.tar.gz"), {}));
  Put("noise.tar.gz", "\x1f\x8bnoise");
  EXPECT_NE(ListArchive(At("noise.tar.gz"), {}).error().message.find("not a tar.gz archive"),
            std::string::npos);
}

TEST_F(ArchiveTest, RefusesTruncatedAndForeignFiles) {
  Put("in/a", std::string(100'000, 'a'));
  ASSERT_TRUE(PackArchive(At("whole.tar.gz"), At("in"), {"a"}));
  ByteBuffer bytes = *disk_.Read(At("whole.tar.gz"), 1 << 20);
  bytes.resize(bytes.size() / 2);
  Put("half.tar.gz", std::string(AsText(bytes)));
  EXPECT_FALSE(UnpackArchive(At("half.tar.gz"), At("out"), {}));
  Put("noise.tar.gz", "\x1f\x8bnoise");
  EXPECT_FALSE(UnpackArchive(At("noise.tar.gz"), At("out"), {}));
}

// The program in the sandbox is a shell script that does what a hijacked compiler would try.
class SandboxTest : public FolderTest {
 protected:
  Status Run(const std::string& script, SandboxLimits limits = {.seconds_max = 60},
             const std::atomic<bool>* cancelled = nullptr) {
    Put("programs/kedge-compile", "#!/bin/sh\n" + script, 0755);
    Put("in/model.onnx", "model");
    return RunCompiler({.programs = At("programs"),
                        .model = At("in/model.onnx"),
                        .target = "x86-64-v3",
                        .inputs = {"x=1x2"},
                        .output_folder = At("out"),
                        .cache_folder = At("cache"),
                        .limits = limits,
                        .cancelled = cancelled});
  }
  // Skips where no sandbox can be made; the message of that is tested below all the same.
  bool CanSandbox() { return Run("exit 0").has_value(); }
  std::string Output(const std::string& name) {
    const auto bytes = disk_.Read(At(name), 1 << 20);
    return bytes ? std::string(AsText(*bytes)) : "";
  }
};

TEST_F(SandboxTest, HandsModelInAndOutputOut) {
  if (!CanSandbox()) GTEST_SKIP() << "skipped: no namespaces on this machine";
  const auto status =
      Run("cat \"$1\" > /out/copy; echo \"$@\" > /out/words; touch $KEDGE_CACHE_DIR/kept");
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(Output("out/copy"), "model");
  EXPECT_EQ(Output("out/words"),
            "/in/model.onnx --target x86-64-v3 -o /out/compiled --progress --input=x=1x2\n");
  EXPECT_TRUE(disk_.Exists(At("cache/kept")));
}

TEST_F(SandboxTest, HoldsNothingOfTheMachine) {
  if (!CanSandbox()) GTEST_SKIP() << "skipped: no namespaces on this machine";
  const char* attempts[] = {
      "cat /etc/passwd",          // no files but the toolchain's
      "touch /usr/bin/x",         // which cannot be changed
      "echo x > /in/model.onnx",  // nor the model
      "[ \"$(ls /sys/class/net 2>/dev/null)\" ]",
      "[ \"$(ls /proc | grep -c '^[0-9]')\" -gt 8 ]",  // no other processes
      "/usr/bin/python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 22), 1)'",
      "[ \"$AWS_SECRET_ACCESS_KEY\" ]",  // no environment
  };
  setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
  for (const char* attempt : attempts) {
    SCOPED_TRACE(attempt);
    const auto status =
        Run(std::string("if ") + attempt + " 2>/dev/null; then echo reached >&2; exit 1; fi");
    EXPECT_TRUE(status) << status.error().message;
  }
  unsetenv("AWS_SECRET_ACCESS_KEY");
}

TEST_F(SandboxTest, GivesTheCompilersSentence) {
  const auto status = Run("echo noise >&2; echo 'kedge-compile: node 7 is odd' >&2; exit 1");
  if (status.error().code == Code::kFailedPrecondition) {
    GTEST_SKIP() << "skipped: no namespaces on this machine";
  }
  EXPECT_EQ(status.error(), InvalidArgument("node 7 is odd"));
}

TEST_F(SandboxTest, EndsWhatTakesTooMuch) {
  if (!CanSandbox()) GTEST_SKIP() << "skipped: no namespaces on this machine";
  EXPECT_EQ(Run("while :; do :; done", {.seconds_max = 1}).error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(
      Run("head -c 1000000 /dev/zero > /out/large", {.seconds_max = 60, .file_bytes_max = 65536})
          .has_value(),
      false);
  EXPECT_FALSE(Run("head -c 3000000 /dev/zero > /tmp/large || exit 1",
                   {.seconds_max = 60, .scratch_bytes_max = 1 << 20}));
  const std::atomic<bool> cancelled{true};
  EXPECT_EQ(Run("while :; do :; done", {.seconds_max = 60}, &cancelled).error().code,
            Code::kCancelled);
}

TEST_F(SandboxTest, SaysSoWhenItCannotBeMade) {
  // A programs folder that does not exist cannot be bound: bubblewrap fails, nothing runs.
  const auto status = RunCompiler({.programs = At("nowhere"),
                                   .model = At("in"),
                                   .target = "x86-64-v3",
                                   .output_folder = At("out"),
                                   .cache_folder = At("cache")});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kFailedPrecondition);
  EXPECT_NE(status.error().message.find("--unsandboxed-jobs"), std::string::npos)
      << status.error().message;
}

}  // namespace
}  // namespace kedge::server
