// Against the OpenSSF Model Signing specification's own vectors and folders signed by its reference
// implementation (../shared/vectors/oms).
// SPDX-License-Identifier: Apache-2.0
#include "trust/model_signing.h"

#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crypto/crypto.h"
#include "base/json/json.h"
#include "trust/bundle.h"
#include "trust/signing.h"

namespace kedge::trust {
namespace {

using ::testing::HasSubstr;

constexpr EpochMs kNow = 1'790'000'000'000;  // 2026-09-21: inside the vectors' certificates

class ModelSigningVectors : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* source = std::getenv("KEDGE_SOURCE_DIR");
    vectors_ = Path(source == nullptr ? "." : source) / "../shared/vectors/oms";
    if (!disk_.Exists(vectors_ / "keys")) GTEST_SKIP() << "skipped: ../shared not present";
    trust_.public_key = Pem("signing-key-pub.pem", "PUBLIC KEY");
    trust_.certificates = {Pem("ca-cert.pem", "CERTIFICATE")};
    trust_.now = kNow;
  }
  std::string Text(const Path& path) {
    return std::string(AsText(*disk_.Read(vectors_ / path, 1 << 20)));
  }
  // The block alone: the vectors' key file has a description before it.
  std::string Pem(const std::string& name, const std::string& label) {
    const std::string text = Text(Path("keys") / name);
    return text.substr(text.find("-----BEGIN " + label));
  }
  // A copy of a signed folder that a test may alter.
  Path Copy(const std::string& name) {
    const Path copy = directory_.path() / name;
    std::filesystem::copy(vectors_ / name, copy);
    for (const auto& entry : std::filesystem::directory_iterator(copy))
      std::filesystem::permissions(entry, std::filesystem::perms::owner_all);
    std::filesystem::permissions(copy, std::filesystem::perms::owner_all);
    return copy;
  }

  PosixFileSystem disk_;
  TemporaryDirectory directory_ = *TemporaryDirectory::Make();
  Path vectors_;
  ModelTrust trust_;
};

TEST_F(ModelSigningVectors, AcceptsFoldersSignedByTheReferenceImplementation) {
  const struct {
    const char* folder;
    const char* file;  // empty: the whole folder
    size_t files;
  } cases[] = {{"signed-v0.3.1-elliptic-key", "signme-1", 1},
               {"signed-v1.0.0-elliptic-key", "signme-1", 1},
               {"signed-v1.0.0-certificate", "", 2},
               {"signed-v1.1.0-elliptic-key", "", 2},
               {"signed-v1.1.0-certificate", "", 2}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.folder);
    const Path folder = vectors_ / c.folder;
    const Path model = *c.file == '\0' ? folder : folder / c.file;
    const auto statement = VerifyModel(model, folder / "model.sig", trust_);
    ASSERT_TRUE(statement) << statement.error().message;
    EXPECT_EQ(statement->digests.size(), c.files);
  }
}

TEST_F(ModelSigningVectors, AcceptsTheSpecificationsValidBundles) {
  for (const char* name : {"key", "certificate"}) {
    SCOPED_TRACE(name);
    const auto bundle =
        ParseModelBundle(Text(Path("spec-v1.0/valid") / (std::string(name) + ".bundle.json")));
    ASSERT_TRUE(bundle) << bundle.error().message;
    const auto statement = VerifyModelBundle(*bundle, trust_);
    ASSERT_TRUE(statement) << statement.error().message;
    EXPECT_EQ(statement->digests.size(), 2u);
  }
}

TEST_F(ModelSigningVectors, ReadsKeylessBundlesButDoesNotVerifyThem) {
  const auto bundle = ParseModelBundle(Text("spec-v1.0/valid/sigstore.bundle.json"));
  ASSERT_TRUE(bundle) << bundle.error().message;
  EXPECT_EQ(bundle->method, SigningMethod::kSigstore);
  EXPECT_TRUE(ParseModelStatement(bundle->payload));
  const auto statement = VerifyModelBundle(*bundle, trust_);
  ASSERT_FALSE(statement);
  EXPECT_EQ(statement.error().code, Code::kUnimplemented);
}

TEST_F(ModelSigningVectors, RefusesTheSpecificationsInvalidBundles) {
  for (const char* name :
       {"empty", "missing-envelope", "missing-tlog-entries", "missing-verification-material"}) {
    SCOPED_TRACE(name);
    const auto bundle =
        ParseModelBundle(Text(Path("spec-v1.0/invalid") / (std::string(name) + ".bundle.json")));
    ASSERT_FALSE(bundle);
    EXPECT_EQ(bundle.error().code, Code::kInvalidArgument);
  }
}

TEST_F(ModelSigningVectors, RefusesAnotherPredicate) {
  const auto bundle =
      ParseModelBundle(Text("spec-v1.0/invalid-payload/wrong-predicate.bundle.json"));
  ASSERT_TRUE(bundle);
  const auto statement = ParseModelStatement(bundle->payload);
  ASSERT_FALSE(statement);
  EXPECT_THAT(statement.error().message, HasSubstr("wrong-predicate"));
  EXPECT_FALSE(VerifyModelBundle(*bundle, trust_));
}

TEST_F(ModelSigningVectors, RefusesAnAlteredFolder) {
  const struct {
    const char* name;
    const char* message;
    void (*alter)(const Path& folder);
  } cases[] = {
      {"altered", "not what was signed",
       [](const Path& folder) { std::filesystem::resize_file(folder / "signme-1", 3); }},
      {"missing", "is missing",
       [](const Path& folder) { std::filesystem::remove(folder / "signme-2"); }},
      {"added", "not in the signature",
       [](const Path& folder) {
         std::filesystem::copy_file(folder / "signme-1", folder / "signme-3");
       }},
      {"link", "is a link",
       [](const Path& folder) {
         std::filesystem::create_symlink("signme-1", folder / "signme-3");
       }},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const Path folder = Copy("signed-v1.1.0-elliptic-key");
    ASSERT_TRUE(VerifyModel(folder, folder / "model.sig", trust_));
    c.alter(folder);
    const auto statement = VerifyModel(folder, folder / "model.sig", trust_);
    ASSERT_FALSE(statement);
    EXPECT_EQ(statement.error().code, Code::kPermissionDenied);
    EXPECT_THAT(statement.error().message, HasSubstr(c.message));
    std::filesystem::remove_all(folder);
  }
}

TEST_F(ModelSigningVectors, TrustsNeitherAnotherKeyNorAnotherAuthorityNorAnotherTime) {
  const auto pair = GenerateKeyPair("other", kNow);
  ASSERT_TRUE(pair);
  const Path by_certificate = vectors_ / "signed-v1.1.0-certificate";
  ModelTrust other = trust_;
  other.certificates = {pair->certificate_pem};
  const auto chain = VerifyModel(by_certificate, by_certificate / "model.sig", other);
  ASSERT_FALSE(chain);
  EXPECT_EQ(chain.error().code, Code::kPermissionDenied);

  ModelTrust late = trust_;
  late.now = kNow + EpochMs{10} * 365 * 24 * 3600 * 1000;
  const auto expired = VerifyModel(by_certificate, by_certificate / "model.sig", late);
  ASSERT_FALSE(expired);
  EXPECT_THAT(expired.error().message, HasSubstr("expired"));

  auto bundle = *ParseModelBundle(Text("spec-v1.0/valid/key.bundle.json"));
  bundle.key_hint = std::string(64, '0');
  EXPECT_EQ(VerifyModelBundle(bundle, trust_).error().code, Code::kPermissionDenied);
  bundle.key_hint.clear();
  bundle.payload += ' ';
  EXPECT_EQ(VerifyModelBundle(bundle, trust_).error().code, Code::kPermissionDenied);
}

// Ours must read as theirs: the same parser, and the vectors' key id rule.
TEST(ModelSigning, ReadsOurOwnBundles) {
  const auto pair = GenerateKeyPair("ours", kNow);
  ASSERT_TRUE(pair);
  const auto signer = LoadSigner(pair->key_pem, pair->certificate_pem);
  ASSERT_TRUE(signer);
  const std::vector<Resource> resources = {{"a", std::string(64, '1')},
                                           {"b/c", std::string(64, '2')}};
  const auto text = SignStatement(WriteStatement("model-1", resources), **signer);
  ASSERT_TRUE(text);
  const auto bundle = ParseModelBundle(*text);
  ASSERT_TRUE(bundle) << bundle.error().message;
  EXPECT_EQ(bundle->key_hint, (*signer)->key_id());
  const auto statement = ParseModelStatement(bundle->payload);
  ASSERT_TRUE(statement) << statement.error().message;
  EXPECT_EQ(statement->model, "model-1");
  EXPECT_EQ(statement->digests.at("b/c"), std::string(64, '2'));
}

TEST(ModelSigning, RefusesWhatItDoesNotSupportByName) {
  const auto statement = [](std::string_view serialization) {
    return std::string(R"({"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"m",)") +
           R"("digest":{"sha256":"00"}}],"predicateType":"https://model_signing/signature/v1.0",)" +
           R"("predicate":{"resources":[{"name":"a","digest":"00","algorithm":"sha256"}],)" +
           R"("serialization":)" + std::string(serialization) + "}}";
  };
  const struct {
    const char* name;
    const char* serialization;
    Code code;
  } cases[] = {
      {"shards",
       R"({"method":"shards","shard_size":1,"hash_type":"sha256","allow_symlinks":false})",
       Code::kUnimplemented},
      {"blake3", R"({"method":"files","hash_type":"blake3","allow_symlinks":false})",
       Code::kUnimplemented},
      {"links", R"({"method":"files","hash_type":"sha256","allow_symlinks":true})",
       Code::kUnimplemented},
      {"root digest", R"({"method":"files","hash_type":"sha256","allow_symlinks":false})",
       Code::kInvalidArgument},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto read = ParseModelStatement(statement(c.serialization));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, c.code) << read.error().message;
  }
}

}  // namespace
}  // namespace kedge::trust
