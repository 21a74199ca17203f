// keygen, package and verify as an operator runs them.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json/json.h"
#include "base/subprocess.h"
#include "package/testing/specimen.h"

namespace kedge::cli {
namespace {

using ::testing::HasSubstr;

class PackageCommands : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(package::testing::WriteCompiled(At("v3")));
    ASSERT_TRUE(package::testing::WriteCompiled(At("arm"), {.target = "aarch64"}));
    ASSERT_EQ(Kedge({"keygen", "-o", At("keys")}).exit_code, 0);
  }
  Path At(const std::string& name) { return directory_.path() / name; }
  SubprocessResult Kedge(std::vector<std::string> arguments) {
    const char* bin = std::getenv("KEDGE_BIN_DIR");
    arguments.insert(arguments.begin(), bin == nullptr ? "kedge" : std::string(bin) + "/kedge");
    return *RunSubprocess({.arguments = std::move(arguments)});
  }
  SubprocessResult Package(const Path& output) {
    return Kedge({"package", At("v3"), At("arm"), "--name", "shapes", "--version", "1.0", "--key",
                  At("keys/key.pem"), "-o", output});
  }
  // Exit code 1 and one sentence on standard error.
  void ExpectFailure(const SubprocessResult& result, std::string_view message) {
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.errors, HasSubstr(message));
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1);
    EXPECT_EQ(result.output, "");
  }

  TemporaryDirectory directory_ = *TemporaryDirectory::Make();
  PosixFileSystem disk_;
};

TEST_F(PackageCommands, WhatIsPackagedVerifies) {
  const Path file = At("shapes-1.0.tar.gz");
  const auto package = Package(file);
  ASSERT_EQ(package.exit_code, 0) << package.errors;
  const auto text = Kedge({"verify", file, "--root", At("keys/cert.pem")});
  EXPECT_EQ(text.exit_code, 0) << text.errors;
  EXPECT_THAT(text.output, HasSubstr("shapes version 1.0"));
  EXPECT_THAT(text.output, HasSubstr("aarch64"));
  const auto line = Kedge({"verify", file, "--root", At("keys/cert.pem"), "--json"});
  const auto value = json::Parse(line.output.substr(0, line.output.find('\n')));
  ASSERT_TRUE(value) << line.output;
  EXPECT_TRUE(value->BoolOr("verified", false));
  EXPECT_EQ(value->Find("manifest")->Find("targets")->AsArray()->size(), 2u);
}

TEST_F(PackageCommands, AKeyIsPrivateAndNeverReplaced) {
  struct stat key{};
  struct stat certificate{};
  ASSERT_EQ(::stat(At("keys/key.pem").c_str(), &key), 0);
  ASSERT_EQ(::stat(At("keys/cert.pem").c_str(), &certificate), 0);
  EXPECT_EQ(key.st_mode & 0777u, 0600u);
  EXPECT_EQ(certificate.st_mode & 0222u, 0u);
  const ByteBuffer before = *disk_.Read(At("keys/key.pem"), 1 << 20);
  ExpectFailure(Kedge({"keygen", "-o", At("keys")}), "key.pem");
  EXPECT_EQ(*disk_.Read(At("keys/key.pem"), 1 << 20), before);
  // A certificate alone stops it too, and no key is left beside it.
  ASSERT_TRUE(disk_.Remove(At("keys/key.pem")));
  ExpectFailure(Kedge({"keygen", "-o", At("keys")}), "cert.pem");
  EXPECT_FALSE(disk_.Exists(At("keys/key.pem")));
}

TEST_F(PackageCommands, ARefusedPackageIsOneSentence) {
  const Path file = At("p.tar.gz");
  ASSERT_EQ(Package(file).exit_code, 0);
  ASSERT_EQ(Kedge({"keygen", "-o", At("other")}).exit_code, 0);
  ExpectFailure(Kedge({"verify", file, "--root", At("other/cert.pem")}), "unknown key");
  ExpectFailure(Kedge({"verify", At("none"), "--root", At("keys/cert.pem")}), "none");
  ExpectFailure(Kedge({"verify", file, "--root", At("keys/none.pem")}), "none.pem");
  std::filesystem::resize_file(file, 4096);
  ExpectFailure(Kedge({"verify", file, "--root", At("keys/cert.pem")}), "cut off");
}

TEST_F(PackageCommands, NothingIsWrittenFromWrongParts) {
  const Path file = At("p.tar.gz");
  ASSERT_EQ(Kedge({"keygen", "-o", At("other")}).exit_code, 0);
  const auto package = [&](const std::string& folder, const std::string& key,
                           const std::string& certificate) {
    return Kedge({"package", At(folder), "--name", "m", "--version", "1", "--key", At(key),
                  "--cert", At(certificate), "-o", file});
  };
  ExpectFailure(package("none", "keys/key.pem", "keys/cert.pem"), "report.json");
  ExpectFailure(package("v3", "keys/none.pem", "keys/cert.pem"), "none.pem");
  ExpectFailure(package("v3", "keys/key.pem", "other/cert.pem"), "does not belong");
  EXPECT_FALSE(disk_.Exists(file));
}

TEST_F(PackageCommands, AWrongCommandLineIsTwo) {
  EXPECT_EQ(Kedge({"package", At("v3")}).exit_code, 2);
  EXPECT_EQ(Kedge({"verify"}).exit_code, 2);
  EXPECT_EQ(Kedge({"keygen"}).exit_code, 2);
  for (const char* command : {"package", "verify", "keygen"}) {
    EXPECT_EQ(Kedge({command, "--help"}).exit_code, 0);
    EXPECT_THAT(Kedge({command, "--version"}).output, HasSubstr("kedge "));
  }
}

// An unpacked package is also a model folder that any tool of OpenSSF Model Signing can check.
TEST_F(PackageCommands, AnUnpackedPackageVerifiesByItsBundle) {
  ASSERT_EQ(Package(At("p.tar.gz")).exit_code, 0);
  ASSERT_TRUE(disk_.MakeDirectories(At("u"), 0755));
  ASSERT_EQ(RunSubprocess({.arguments = {"tar", "xzf", At("p.tar.gz"), "-C", At("u")}})->exit_code,
            0);
  const auto verify = [&] {
    return Kedge(
        {"verify", At("u"), "--signature", At("u/model.sig"), "--root", At("keys/cert.pem")});
  };
  EXPECT_EQ(verify().exit_code, 0) << verify().errors;
  EXPECT_EQ(Kedge({"verify", At("u"), "--root", At("keys/cert.pem")}).exit_code, 0);
  ASSERT_TRUE(disk_.WriteAtomically(At("u/extra"), AsBytes("x"), 0644));
  ExpectFailure(verify(), "'extra' is not in the signature");
}

}  // namespace
}  // namespace kedge::cli
