// SPDX-License-Identifier: Apache-2.0
#include "server/keys/signing_rotation.h"

#include <gtest/gtest.h>

#include "server/keys/installed_key.h"
#include "server/testing/test_server.h"
#include "trust/bundle.h"
#include "trust/roots_update.h"

namespace kedge::server {
namespace {

class SigningRotation : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    first_ = server_->key().certificate_pem;
  }
  void Step(const std::string& step, const std::string& want_phase) {
    const json::Value answer = server_->Must("RotateSigningKey", R"({"Step":")" + step + "\"}");
    EXPECT_EQ(answer.StringOr("Phase", ""), want_phase);
  }
  // What a device that began with `certificate` trusts after its next contact.
  trust::RootsChain Device(const std::string& certificate) {
    const json::Value answer =
        server_->Must("GetDeviceRegistration", R"({"DeviceFleetName":"lab","DeviceName":"d1"})");
    std::vector<std::string> documents;
    if (const json::Value* list = answer.Find("RootsDocuments")) {
      for (const json::Value& item : *list->AsArray()) {
        documents.push_back(item.StringOr("Document", ""));
      }
    }
    trust::TrustedRoots roots;
    EXPECT_TRUE(roots.Add(certificate));
    auto chain = trust::FollowRootsUpdates(std::move(roots), documents);
    EXPECT_TRUE(chain);
    return std::move(*chain);
  }
  // Whether a package signed by the key in use now would be accepted.
  bool Accepts(const trust::RootsChain& device) {
    const auto key = LoadInstalledKey(server_->store(), server_->keyring(), kPackageSigningPurpose);
    EXPECT_TRUE(key);
    const auto signer = trust::LoadSigner(key->key_pem, key->certificate_pem);
    const auto bundle = trust::SignStatement(trust::WriteStatement("m", {}), **signer);
    return trust::VerifyBundle(*bundle, device.roots).has_value();
  }

  std::unique_ptr<TestServer> server_;
  std::string first_;
};

TEST_F(SigningRotation, ADeviceAcceptsPackagesAtEachStep) {
  EXPECT_EQ(Device(first_).version, 0);
  for (int rotation = 0; rotation < 2; ++rotation) {
    SCOPED_TRACE(rotation);
    Step("PREPARE", "PREPARED");
    EXPECT_EQ(Device(first_).roots.size(), 2u);
    EXPECT_TRUE(Accepts(Device(first_)));
    Step("ACTIVATE", "ACTIVATED");
    EXPECT_TRUE(Accepts(Device(first_)));
    Step("RETIRE", "SETTLED");
    EXPECT_EQ(Device(first_).roots.size(), 1u);
    EXPECT_TRUE(Accepts(Device(first_)));
  }
  EXPECT_EQ(Device(first_).version, 4);
}

TEST_F(SigningRotation, StepsOutOfTurnChangeNothing) {
  const struct {
    std::vector<std::string> before;
    std::string step;
  } cases[] = {{{}, "ACTIVATE"},           {{}, "RETIRE"}, {{"PREPARE"}, "PREPARE"}, {{}, "RETIRE"},
               {{"ACTIVATE"}, "ACTIVATE"}, {{}, "PREPARE"}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.step);
    for (const std::string& step : c.before) {
      server_->Must("RotateSigningKey", R"({"Step":")" + step + "\"}");
    }
    const json::Value state = server_->Must("DescribeSigningKey", "{}");
    const Answer answer = server_->Call("RotateSigningKey", R"({"Step":")" + c.step + "\"}");
    EXPECT_EQ(answer.error, "ResourceInUse");
    EXPECT_EQ(server_->Must("DescribeSigningKey", "{}"), state);
  }
}

TEST_F(SigningRotation, AnotherMasterKeyIsTold) {
  const auto other = Keyring::Parse(std::string(64, 'b'));
  ASSERT_TRUE(other);
  const auto rotated = RotateSigningKey(server_->store(), *other, RotationStep::kPrepare, 1);
  ASSERT_FALSE(rotated);
  EXPECT_EQ(rotated.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(server_->Must("DescribeSigningKey", "{}").IntOr("RootsVersion", -1), 0);
}

}  // namespace
}  // namespace kedge::server
