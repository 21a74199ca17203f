// The authority against the openssl program: what one makes the other must take.
// SPDX-License-Identifier: Apache-2.0
#include "trust/authority.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/subprocess.h"

namespace kedge::trust {
namespace {

constexpr EpochMs kNow = 1'795'000'000'000;  // 2026-11
constexpr int64_t kDayMs = 86'400'000;
const DeviceName kDevice{.fleet = "lab", .device = "camera-1"};

class AuthorityTest : public testing::Test {
 protected:
  void SetUp() override {
    keys_ = *GenerateAuthority(kNow);
    authority_ = *Authority::Load(keys_.issuing_key_pem, keys_.issuing_certificate_pem);
  }
  Path Put(const std::string& name, const std::string& text) {
    PosixFileSystem disk;
    EXPECT_TRUE(disk.WriteAtomically(folder_.path() / name, AsBytes(text), 0600));
    return folder_.path() / name;
  }
  // Output and errors of a command line of openssl in the test's folder.
  std::string Openssl(const std::string& line) {
    const auto result = RunSubprocess({.arguments = {"/bin/sh", "-c", "openssl " + line + " 2>&1"},
                                       .working_directory = folder_.path()});
    EXPECT_TRUE(result);
    return result->output;
  }
  std::string RequestOf(const std::string& key_options, const std::string& more = "") {
    Openssl("genpkey " + key_options + " -out k.pem");
    return Openssl("req -new -key k.pem -subj /CN=camera-1 " + more);
  }

  TemporaryDirectory folder_ = *TemporaryDirectory::Make();
  AuthorityKeys keys_;
  std::unique_ptr<Authority> authority_;
};

TEST_F(AuthorityTest, OpensslVerifiesWhatItIssues) {
  const auto made = *MakeDeviceRequest(kDevice);
  const auto request = ParseCertificateRequest(made.request_pem);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->common_name, "camera-1");
  EXPECT_EQ(request->uris, std::vector<std::string>{"urn:kedge:device:lab/camera-1"});
  const auto issued = *authority_->IssueDevice(*request, kDevice, kNow, 30 * kDayMs);
  EXPECT_EQ(issued.not_before, kNow - kBackdateMs);
  EXPECT_EQ(issued.not_after, kNow + 30 * kDayMs);
  EXPECT_TRUE(KeyBelongsToCertificate(made.key_pem, issued.pem));
  EXPECT_FALSE(KeyBelongsToCertificate(keys_.root_key_pem, issued.pem));
  EXPECT_EQ(ReadCertificateTimes(issued.pem)->not_after, issued.not_after);

  Put("root.pem", keys_.root_certificate_pem);
  Put("issuing.pem", keys_.issuing_certificate_pem);
  Put("device.pem", issued.pem);
  const std::string at = "-attime " + std::to_string(kNow / 1000);
  EXPECT_EQ(Openssl("verify -x509_strict " + at +
                    " -purpose sslclient -CAfile root.pem -untrusted issuing.pem device.pem"),
            "device.pem: OK\n");
  EXPECT_NE(Openssl("verify " + at +
                    " -purpose sslserver -CAfile root.pem -untrusted issuing.pem device.pem")
                .find("unsuitable certificate purpose"),
            std::string::npos);
  std::string serial = Openssl("x509 -in device.pem -noout -serial");
  for (char& c : serial) c = static_cast<char>(std::tolower(c));
  EXPECT_EQ(serial, "serial=" + issued.serial + "\n");
  EXPECT_NE(Openssl("x509 -in device.pem -noout -text").find("URI:urn:kedge:device:lab/camera-1"),
            std::string::npos);
}

TEST_F(AuthorityTest, OpensslVerifiesItsServers) {
  const auto made =
      authority_->IssueServer({"127.0.0.1", "kedge.example", "::1"}, kNow, 30 * kDayMs);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(KeyBelongsToCertificate(made->key_pem, made->certificate_pem));
  Put("root.pem", keys_.root_certificate_pem);
  Put("server.pem", made->certificate_pem);
  for (const char* name :
       {"-verify_ip 127.0.0.1", "-verify_ip ::1", "-verify_hostname kedge.example"}) {
    EXPECT_EQ(
        Openssl("verify -x509_strict -purpose sslserver -attime " + std::to_string(kNow / 1000) +
                " " + name + " -CAfile root.pem -untrusted server.pem server.pem"),
        "server.pem: OK\n");
  }
  EXPECT_FALSE(authority_->IssueServer({"a,URI:b"}, kNow, kDayMs));
}

TEST_F(AuthorityTest, ReadsOpensslsRequests) {
  const std::string pem = RequestOf("-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
  const auto request = ParseCertificateRequest(pem);
  ASSERT_TRUE(request) << request.error().message << pem;
  EXPECT_EQ(request->common_name, "camera-1");
  EXPECT_TRUE(request->uris.empty());
}

TEST_F(AuthorityTest, RefusesOtherRequests) {
  const std::string p256 = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
  const std::string explicit_curve = p256 + " -pkeyopt ec_param_enc:explicit";
  const struct {
    const char* name;
    std::string pem;
  } cases[] = {
      {"RSA", RequestOf("-algorithm RSA")},
      {"P-384", RequestOf("-algorithm EC -pkeyopt ec_paramgen_curve:P-384")},
      {"Ed25519", RequestOf("-algorithm ED25519")},
      {"curve spelled out", RequestOf(explicit_curve)},
      {"SHA-1", RequestOf(p256, "-sha1")},
      {"certificate", keys_.root_certificate_pem},
      {"empty", ""},
      {"long", RequestOf(p256, "-addext nsComment=" + std::string(4000, 'x'))},
      {"two", RequestOf(p256) + RequestOf(p256)},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto request = ParseCertificateRequest(c.pem);
    ASSERT_FALSE(request);
    EXPECT_EQ(request.error().code, Code::kInvalidArgument);
  }
}

TEST_F(AuthorityTest, NoFlippedBitOfARequestIsTaken) {
  const auto made = *MakeDeviceRequest(kDevice);
  const std::string_view pem = made.request_pem;
  const size_t begin = pem.find('\n') + 1;
  std::string body(pem.substr(begin, pem.find("-----END") - begin));
  std::erase(body, '\n');
  const ByteBuffer der = *Base64Decode(body);
  for (size_t bit = 0; bit < der.size() * 8; ++bit) {
    ByteBuffer flipped = der;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    std::string text = "-----BEGIN CERTIFICATE REQUEST-----\n";
    const std::string base64 = Base64Encode(flipped);
    for (size_t at = 0; at < base64.size(); at += 64) text += base64.substr(at, 64) + "\n";
    EXPECT_FALSE(ParseCertificateRequest(text + "-----END CERTIFICATE REQUEST-----\n")) << bit;
  }
}

TEST_F(AuthorityTest, DeviceUrisNameFleetAndDevice) {
  EXPECT_EQ(ParseDeviceUri(DeviceUri(kDevice)), kDevice);
  for (const char* uri : {"", "urn:kedge:device:", "urn:kedge:device:lab", "urn:kedge:device:lab/",
                          "urn:kedge:device:/d", "urn:kedge:device:a/b/c", "urn:other:lab/d"}) {
    EXPECT_FALSE(ParseDeviceUri(uri)) << uri;
  }
}

TEST_F(AuthorityTest, RequestsForAKeyThatIsThereAlready) {
  const auto made = *MakeDeviceRequest(kDevice);
  const auto again = MakeDeviceRequest(kDevice, made.key_pem);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(ParseCertificateRequest(*again)->public_key,
            ParseCertificateRequest(made.request_pem)->public_key);
  EXPECT_FALSE(MakeDeviceRequest(kDevice, "no key"));
}

}  // namespace
}  // namespace kedge::trust
