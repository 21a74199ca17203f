// SPDX-License-Identifier: Apache-2.0
#include "package/package.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/subprocess.h"
#include "base/testing/faulty_file_system.h"
#include "package/testing/specimen.h"

namespace kedge::package {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::InMemory;
using testing::MakePackage;
using testing::MakeTestKey;
using testing::TestKey;
using testing::WriteCompiled;

class Package : public ::testing::Test {
 protected:
  Package() : key_(MakeTestKey()), directory_(*TemporaryDirectory::Make()) {}

  Path Folder(const std::string& name, const testing::CompiledOptions& options = {}) {
    const Path folder = directory_.path() / name;
    EXPECT_TRUE(WriteCompiled(folder, options));
    return folder;
  }
  WriteOptions Options(std::vector<Path> folders) {
    return {.model_name = "specimen",
            .model_version = "1.0",
            .compiled = std::move(folders),
            .signer = key_.signer.get()};
  }
  std::vector<std::string> Names(const Path& folder) { return *disk_.List(folder); }

  TestKey key_;
  TemporaryDirectory directory_;
  PosixFileSystem disk_;
};

TEST_F(Package, GivesBackWhatWasPackaged) {
  const Path v3 = Folder("v3");
  const Path arm = Folder("arm", {.target = "aarch64", .weights_bytes = 100'000});
  const Path file = directory_.path() / "p.tar.gz";
  ASSERT_TRUE(WritePackage(disk_, file, Options({v3, arm})));

  const auto package = OpenPackageAt(file, key_.roots);
  ASSERT_TRUE(package) << package.error().message;
  EXPECT_EQ(package->manifest().model_name, "specimen");
  EXPECT_EQ(package->manifest().model_version, "1.0");
  EXPECT_THAT(package->FileNames(), ElementsAre("aarch64/model.so", "aarch64/weights.bin",
                                                "model.sig", "sagemaker_edge_manifest",
                                                "x86-64-v3/model.so", "x86-64-v3/weights.bin"));
  EXPECT_EQ(package->sha256(), crypto::Sha256Hex(*disk_.Read(file, 1 << 20)));

  const auto target = package->SelectTarget({"x86-64-v4", "x86-64-v3"});
  ASSERT_TRUE(target);
  EXPECT_EQ(target->model_file, "x86-64-v3/model.so");
  EXPECT_EQ(target->cpu_features, "avx2 fma");
  EXPECT_EQ(target->arena_bytes_max, 4096u);

  const auto weights = package->OpenFile("aarch64/weights.bin");
  ASSERT_TRUE(weights);
  EXPECT_EQ(*ReadAll(weights->get(), 1 << 20), *disk_.Read(arm / "weights.bin", 1 << 20));
}

TEST_F(Package, CarriesABaselineUnderItsSignature) {
  WriteOptions options = Options({Folder("v3")});
  options.baseline = testing::SpecimenBaseline();
  const Path file = directory_.path() / "p.tar.gz";
  ASSERT_TRUE(WritePackage(disk_, file, options));
  const auto package = OpenPackageAt(file, key_.roots);
  ASSERT_TRUE(package) << package.error().message;
  EXPECT_EQ(*package->ReadBaseline(), options.baseline);
  EXPECT_THAT(package->manifest_text(), HasSubstr("\"format\":2"));
  EXPECT_THAT(package->FileNames(), ::testing::Contains("baseline.json"));
}

TEST_F(Package, WithoutABaselineSaysSo) {
  const Path file = directory_.path() / "p.tar.gz";
  ASSERT_TRUE(WritePackage(disk_, file, Options({Folder("v3")})));
  const auto package = OpenPackageAt(file, key_.roots);
  ASSERT_TRUE(package);
  EXPECT_THAT(package->manifest_text(), HasSubstr("\"format\":1"));
  const auto baseline = package->ReadBaseline();
  ASSERT_FALSE(baseline);
  EXPECT_EQ(baseline.error().code, Code::kNotFound);
}

TEST_F(Package, IsNotWrittenWithABaselineOfAnotherModel) {
  WriteOptions options = Options({Folder("v3")});
  const Path file = directory_.path() / "p.tar.gz";
  options.baseline = testing::SpecimenBaseline();
  options.baseline.replace(options.baseline.find("\"f32\""), 5, "\"f16\"");
  Status status = WritePackage(disk_, file, options);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kInvalidArgument);
  EXPECT_THAT(status.error().message, HasSubstr("output 0"));
  options.baseline = "{}";
  status = WritePackage(disk_, file, options);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kInvalidArgument);
  EXPECT_FALSE(disk_.Exists(file));
}

TEST_F(Package, HandsOutSealedMemory) {
  const auto memory = InMemory(*MakePackage(key_, {{}}));
  const auto package = OpenPackage(memory.get(), key_.roots);
  ASSERT_TRUE(package);
  const auto file = package->OpenFile("x86-64-v3/model.so");
  ASSERT_TRUE(file);
  EXPECT_EQ(::fcntl(file->get(), F_GET_SEALS),
            F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  EXPECT_EQ(::pwrite(file->get(), "x", 1, 0), -1);
  void* executable = ::mmap(nullptr, 3000, PROT_READ | PROT_EXEC, MAP_PRIVATE, file->get(), 0);
  EXPECT_NE(executable, MAP_FAILED);
  ::munmap(executable, 3000);
}

TEST_F(Package, NoticesBytesThatChangeAfterVerification) {
  const auto memory = InMemory(*MakePackage(key_, {{}}));
  const auto package = OpenPackage(memory.get(), key_.roots);
  ASSERT_TRUE(package);
  const ByteBuffer before = *ReadAll(memory.get(), 1 << 20);
  const ByteBuffer model = *ReadAll(package->OpenFile("x86-64-v3/model.so")->get(), 1 << 20);
  const auto at = std::search(before.begin(), before.end(), model.begin(), model.begin() + 64);
  ASSERT_NE(at, before.end());
  const uint8_t other = static_cast<uint8_t>(*at ^ 1);
  ASSERT_EQ(::pwrite(memory.get(), &other, 1, at - before.begin()), 1);
  const auto file = package->OpenFile("x86-64-v3/model.so");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Code::kDataLoss);
}

TEST_F(Package, NamesBothSidesIfNoTargetFits) {
  const auto memory = InMemory(*MakePackage(key_, {{.target = "aarch64"}}));
  const auto target = OpenPackage(memory.get(), key_.roots)->SelectTarget({"x86-64-v2"});
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(target.error().message, HasSubstr("aarch64"));
  EXPECT_THAT(target.error().message, HasSubstr("x86-64-v2"));
}

TEST_F(Package, HasNoOtherFilesThanItsManifest) {
  const auto memory = InMemory(*MakePackage(key_, {{}}));
  const auto file = OpenPackage(memory.get(), key_.roots)->OpenFile("../etc/passwd");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Code::kNotFound);
}

TEST_F(Package, CarriesAModelWithoutWeights) {
  const auto memory = InMemory(*MakePackage(key_, {{.weights_bytes = 0}}));
  const auto package = OpenPackage(memory.get(), key_.roots);
  ASSERT_TRUE(package) << package.error().message;
  EXPECT_EQ(package->manifest().targets.front().weights_file, "");
  EXPECT_EQ(package->manifest().files.size(), 1u);
}

TEST_F(Package, IsReadByTarAndStaysAPackageUnpacked) {
  const Path file = directory_.path() / "p.tar.gz";
  ASSERT_TRUE(WritePackage(disk_, file, Options({Folder("v3")})));
  const Path unpacked = directory_.path() / "unpacked";
  ASSERT_TRUE(disk_.MakeDirectories(unpacked, 0755));
  const auto tar =
      RunSubprocess({.arguments = {"tar", "xzf", file.string(), "-C", unpacked.string()}});
  ASSERT_TRUE(tar) << tar.error().message;
  ASSERT_EQ(tar->exit_code, 0) << tar->errors;

  const auto packed = OpenPackageAt(file, key_.roots);
  const auto folder = OpenPackageAt(unpacked, key_.roots);
  ASSERT_TRUE(packed && folder) << folder.error().message;
  EXPECT_EQ(folder->sha256(), packed->sha256());
  EXPECT_EQ(folder->manifest_text(), packed->manifest_text());
  EXPECT_EQ(*ReadAll(folder->OpenFile("x86-64-v3/model.so")->get(), 1 << 20),
            *ReadAll(packed->OpenFile("x86-64-v3/model.so")->get(), 1 << 20));
}

TEST_F(Package, IsNotWrittenFromWrongParts) {
  const Path good = Folder("good");
  const Path no_report = Folder("no_report");
  ASSERT_TRUE(disk_.Remove(no_report / "report.json"));
  const Path no_model = Folder("no_model");
  ASSERT_TRUE(disk_.Remove(no_model / "model.so"));
  const Path other_model =
      Folder("other_model", {.target = "aarch64", .model_hash = std::string(64, 'b')});
  const Path other_io = Folder("other_io", {.target = "aarch64", .input_name = "image"});
  const Path bad_target = Folder("bad_target", {.target = "../up"});
  const Path empty_model = Folder("empty_model", {.model_bytes = 0});

  WriteOptions bad_name = Options({good});
  bad_name.model_name = "-model";
  WriteOptions bad_version = Options({good});
  bad_version.model_version = "1/0";
  struct Case {
    const char* name;
    WriteOptions options;
    Code code;
  };
  const Case cases[] = {
      {"no folder", Options({}), Code::kInvalidArgument},
      {"no report", Options({no_report}), Code::kNotFound},
      {"no model", Options({no_model}), Code::kNotFound},
      {"empty model", Options({empty_model}), Code::kInvalidArgument},
      {"target twice", Options({good, good}), Code::kInvalidArgument},
      {"other model", Options({good, other_model}), Code::kInvalidArgument},
      {"other inputs", Options({good, other_io}), Code::kInvalidArgument},
      {"bad target", Options({bad_target}), Code::kInvalidArgument},
      {"bad name", bad_name, Code::kInvalidArgument},
      {"bad version", bad_version, Code::kInvalidArgument},
  };
  const Path out = directory_.path() / "out";
  ASSERT_TRUE(disk_.MakeDirectories(out, 0755));
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Status status = WritePackage(disk_, out / "p.tar.gz", c.options);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, c.code) << status.error().message;
    EXPECT_THAT(Names(out), ElementsAre());
  }
}

TEST_F(Package, LeavesNothingWhenTheDiskFails) {
  const Path compiled = Folder("v3");
  const Path out = directory_.path() / "out";
  ASSERT_TRUE(disk_.MakeDirectories(out, 0755));
  for (int64_t call = 0;; ++call) {
    SCOPED_TRACE(call);
    FaultyFileSystem faulty({.call = call});
    const Status status = WritePackage(faulty, out / "p.tar.gz", Options({compiled}));
    if (status) break;
    EXPECT_EQ(status.error().code, Code::kResourceExhausted);
    EXPECT_THAT(Names(out), ElementsAre());
  }
  EXPECT_THAT(Names(out), ElementsAre("p.tar.gz"));
}

}  // namespace
}  // namespace kedge::package
