// SPDX-License-Identifier: Apache-2.0
#include "trust/signing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/subprocess.h"
#include "trust/bundle.h"

namespace kedge::trust {
namespace {

using ::testing::HasSubstr;

constexpr EpochMs kNow = 1'790'000'000'000;

KeyPair MakePair() { return *GenerateKeyPair("test", kNow); }
std::unique_ptr<Signer> MakeSigner(const KeyPair& pair) {
  return *LoadSigner(pair.key_pem, pair.certificate_pem);
}
TrustedRoots RootsOf(const KeyPair& pair) {
  TrustedRoots roots;
  EXPECT_TRUE(roots.Add(pair.certificate_pem));
  return roots;
}

// n - s for the DER signature of a P-256 key: what anybody can make of a valid signature.
ByteBuffer OtherS(const ByteBuffer& der) {
  static constexpr std::string_view kOrder =
      "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
  ByteBuffer n = *HexDecode(kOrder);
  const size_t r_bytes = der[3];
  const size_t s_at = 4 + r_bytes + 2;
  ByteBuffer s(32, 0);
  const Bytes raw = Bytes(der).subspan(s_at);
  const size_t skip = raw.size() > 32 ? raw.size() - 32 : 0;
  std::copy(raw.begin() + skip, raw.end(), s.end() - static_cast<long>(raw.size() - skip));
  int borrow = 0;
  for (size_t i = 32; i-- > 0;) {
    const int difference = n[i] - s[i] - borrow;
    borrow = difference < 0;
    n[i] = static_cast<uint8_t>(difference & 0xFF);
  }
  ByteBuffer other(der.begin(), der.begin() + 4 + static_cast<long>(r_bytes));
  other.push_back(2);
  other.push_back(static_cast<uint8_t>(32 + (n[0] >> 7)));
  if (n[0] >> 7) other.push_back(0);
  other.insert(other.end(), n.begin(), n.end());
  other[1] = static_cast<uint8_t>(other.size() - 2);
  return other;
}

TEST(Signing, ARootVerifiesWhatItsKeySigned) {
  const KeyPair pair = MakePair();
  const auto signer = MakeSigner(pair);
  const TrustedRoots roots = RootsOf(pair);
  for (int i = 0; i < 200; ++i) {
    const std::string message = "message " + std::to_string(i);
    const auto signature = signer->Sign(AsBytes(message));
    ASSERT_TRUE(signature);
    EXPECT_TRUE(roots.Verify(signer->key_id(), AsBytes(message), *signature));
    EXPECT_FALSE(roots.Verify(signer->key_id(), AsBytes("other"), *signature));
  }
}

TEST(Signing, OnlyTheLowSpellingOfASignatureIsAccepted) {
  const KeyPair pair = MakePair();
  const auto signer = MakeSigner(pair);
  const TrustedRoots roots = RootsOf(pair);
  const Bytes message = AsBytes("message");
  for (int i = 0; i < 50; ++i) {
    const ByteBuffer signature = *signer->Sign(message);
    ASSERT_TRUE(roots.Verify(signer->key_id(), message, signature));
    const Status high = roots.Verify(signer->key_id(), message, OtherS(signature));
    ASSERT_FALSE(high);
    EXPECT_THAT(high.error().message, HasSubstr("low s"));
    ByteBuffer longer = signature;
    longer.push_back(0);
    EXPECT_FALSE(roots.Verify(signer->key_id(), message, longer));
    EXPECT_FALSE(roots.Verify(signer->key_id(), message, Bytes(signature).first(10)));
    EXPECT_FALSE(roots.Verify(signer->key_id(), message, {}));
  }
}

TEST(Signing, UnknownKeysAreRefusedByName) {
  const auto signer = MakeSigner(MakePair());
  const TrustedRoots roots = RootsOf(MakePair());
  const ByteBuffer signature = *signer->Sign(AsBytes("message"));
  const Status status = roots.Verify(signer->key_id(), AsBytes("message"), signature);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kPermissionDenied);
  EXPECT_THAT(status.error().message, HasSubstr(signer->key_id()));
}

TEST(Signing, KeyIdIsTheDigestOfThePublicKeysPemText) {
  const KeyPair pair = MakePair();
  const auto directory = TemporaryDirectory::Make();
  const Path path = directory->path() / "cert.pem";
  ASSERT_TRUE(PosixFileSystem().WriteAtomically(path, AsBytes(pair.certificate_pem), 0444));
  const auto digest =
      RunSubprocess({.arguments = {"sh", "-c", "openssl x509 -pubkey -noout -in \"$0\" | sha256sum",
                                   path.string()}});
  ASSERT_TRUE(digest && digest->exit_code == 0);
  const auto signer = MakeSigner(pair);
  EXPECT_EQ(digest->output.substr(0, 64), signer->key_id());
  EXPECT_EQ(*KeyIdOfCertificate(signer->certificate_der()), signer->key_id());
}

TEST(Signing, RefusesKeysAndCertificatesOfOtherKinds) {
  const KeyPair pair = MakePair();
  const KeyPair other = MakePair();
  const auto openssl = [](const std::string& command) {
    return RunSubprocess({.arguments = {"sh", "-c", "openssl " + command + " 2>/dev/null"}})
        ->output;
  };
  const std::string p384 = openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384");
  const std::string rsa = openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048");
  const std::string explicit_curve = openssl(
      "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit");
  const struct {
    const char* name;
    std::string key;
    std::string certificate;
    const char* message;
  } cases[] = {
      {"other certificate", pair.key_pem, other.certificate_pem, "does not belong"},
      {"P-384", p384, pair.certificate_pem, "P-256 is needed"},
      {"RSA", rsa, pair.certificate_pem, "P-256 is needed"},
      {"explicit curve", explicit_curve, pair.certificate_pem, "key"},
      {"no key", "", pair.certificate_pem, "PKCS#8"},
      {"certificate as key", pair.certificate_pem, pair.certificate_pem, "PKCS#8"},
      {"text before", "x" + pair.key_pem, pair.certificate_pem, "PKCS#8"},
      {"two keys", pair.key_pem + other.key_pem, pair.certificate_pem, "more than one"},
      {"no certificate", pair.key_pem, "", "BEGIN CERTIFICATE"},
      {"cut certificate", pair.key_pem, pair.certificate_pem.substr(0, 200), "PEM"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto signer = LoadSigner(c.key, c.certificate);
    ASSERT_FALSE(signer);
    EXPECT_EQ(signer.error().code, Code::kInvalidArgument);
    EXPECT_THAT(signer.error().message, HasSubstr(c.message));
  }
}

TEST(Signing, ACommonNameHasALimit) {
  EXPECT_FALSE(GenerateKeyPair("", kNow));
  EXPECT_FALSE(GenerateKeyPair(std::string(65, 'n'), kNow));
  EXPECT_TRUE(GenerateKeyPair(std::string(64, 'n'), kNow));
}

class Roots : public ::testing::Test {
 protected:
  Path Write(const std::string& name, std::string_view text, int mode) {
    const Path path = directory_.path() / name;
    EXPECT_TRUE(PosixFileSystem().WriteAtomically(path, AsBytes(text), mode));
    EXPECT_EQ(::chmod(path.c_str(), static_cast<mode_t>(mode)), 0);
    return path;
  }
  TemporaryDirectory directory_ = *TemporaryDirectory::Make();
};

TEST_F(Roots, AreEveryPemOfAFolderOrOneFile) {
  const Path one = Write("a.pem", MakePair().certificate_pem, 0444);
  Write("b.pem", MakePair().certificate_pem, 0444);
  Write("readme.txt", "no certificate", 0444);
  EXPECT_EQ(TrustedRoots::Load(directory_.path(), true)->size(), 2u);
  EXPECT_EQ(TrustedRoots::Load(one, true)->size(), 1u);
}

TEST_F(Roots, ThatCanBeWrittenAreRefusedOnADevice) {
  const Path path = Write("a.pem", MakePair().certificate_pem, 0644);
  EXPECT_TRUE(TrustedRoots::Load(path, false));
  const auto roots = TrustedRoots::Load(path, true);
  ASSERT_FALSE(roots);
  EXPECT_EQ(roots.error().code, Code::kPermissionDenied);

  ASSERT_EQ(::chmod(path.c_str(), 0444), 0);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0775), 0);
  EXPECT_EQ(TrustedRoots::Load(directory_.path(), true).error().code, Code::kPermissionDenied);
}

TEST_F(Roots, NeedACertificate) {
  EXPECT_EQ(TrustedRoots::Load(directory_.path() / "none", false).error().code, Code::kNotFound);
  EXPECT_EQ(TrustedRoots::Load(directory_.path(), false).error().code, Code::kNotFound);
  const Path key = Write("key.pem", MakePair().key_pem, 0444);
  EXPECT_EQ(TrustedRoots::Load(key, true).error().code, Code::kInvalidArgument);
}

TEST_F(Roots, HaveAMaximum) {
  TrustedRoots roots;
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(roots.Add(MakePair().certificate_pem));
  EXPECT_EQ(roots.Add(MakePair().certificate_pem).error().code, Code::kResourceExhausted);
}

TEST(Bundle, HasOneSpelling) {
  const KeyPair pair = MakePair();
  const auto signer = MakeSigner(pair);
  const TrustedRoots roots = RootsOf(pair);
  const std::vector<Resource> resources = {{"a", std::string(64, '1')}};
  const std::string statement = WriteStatement("m-1", resources);
  const std::string bundle = *SignStatement(statement, *signer);
  const auto verified = VerifyBundle(bundle, roots);
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->statement, statement);
  EXPECT_EQ(verified->key_id, signer->key_id());

  const auto replaced = [&bundle](std::string_view from, std::string_view to) {
    std::string text = bundle;
    const size_t at = text.find(from);
    KEDGE_CHECK(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };
  const struct {
    const char* name;
    std::string text;
  } cases[] = {
      {"space", replaced("{", "{ ")},
      {"line break at the end", bundle + "\n"},
      {"escaped character", replaced("mediaType", "media\\u0054ype")},
      {"another member", replaced("{\"dsse", "{\"a\":1,\"dsse")},
      {"no key id", replaced("\"keyid\":\"\",", "")},
      {"key id given", replaced("\"keyid\":\"\"", "\"keyid\":\"k\"")},
      {"another media type", replaced("v0.3", "v0.2")},
      {"another payload type", replaced("vnd.in-toto", "vnd.other")},
      {"two signatures",
       replaced("\"signatures\":[", "\"signatures\":[{\"keyid\":\"\",\"sig\":\"\"},")},
      {"no signature", replaced("\"sig\":", "\"gis\":")},
      {"log entries", replaced("\"tlogEntries\":[]", "\"tlogEntries\":[1]")},
      {"not JSON", "model"},
      {"empty", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto refused = VerifyBundle(c.text, roots);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument) << refused.error().message;
  }
  EXPECT_EQ(VerifyBundle(std::string(kBundleBytesMax + 1, ' '), roots).error().code,
            Code::kResourceExhausted);
}

}  // namespace
}  // namespace kedge::trust
