// The operations on users and access keys, and what signed requests may do with them.
// SPDX-License-Identifier: Apache-2.0
#include <future>
#include <gtest/gtest.h>

#include "base/crypto/crypto.h"
#include "http/sigv4.h"
#include "server/auth/object_rights.h"
#include "server/testing/test_server.h"

namespace kedge::server {
namespace {

class IdentityTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  http::Credentials Key(const std::string& body) {
    const json::Value key = server_->Must("CreateAccessKey", body);
    return {.access_key_id = key.StringOr("AccessKeyId", ""),
            .secret_access_key = key.StringOr("SecretAccessKey", "")};
  }
  http::Request Signed(const http::Credentials& key, const std::string& target,
                       const std::string& body = "{}") {
    http::ClientRequest client{.method = "POST", .url = "http://server:80/", .body = body};
    client.headers.Set("X-Amz-Target", target);
    EXPECT_TRUE(
        http::SignRequest(key, {"eu-west-1", "sagemaker"}, server_->clock().NowMs(), client));
    http::Request request{.method = "POST", .target = "/", .headers = client.headers, .body = body};
    request.body_sha256 = crypto::Sha256Hex(AsBytes(body));
    request.peer = "192.0.2.7:40000";
    if (request.headers.Find("Host") == nullptr) request.headers.Set("Host", "server");
    return request;
  }
  std::string Send(const Api& api, const http::Request& request) {
    std::promise<http::Response> promise;
    api.Handle(request, [&](http::Response r) { promise.set_value(std::move(r)); });
    const http::Response response = promise.get_future().get();
    return std::to_string(response.status) + " " + response.headers.Get("x-amzn-ErrorType");
  }
  std::string Send(const http::Credentials& key, const std::string& target,
                   const std::string& body = "{}") {
    return Send(server_->api(), Signed(key, target, body));
  }
  std::string Update(const http::Credentials& key, const std::string& more) {
    return server_
        ->Call("UpdateAccessKey", R"({"AccessKeyId":")" + key.access_key_id + "\"," + more + "}")
        .error;
  }

  std::unique_ptr<TestServer> server_;
};

TEST_F(IdentityTest, KeysDoWhatTheirRoleAllows) {
  const auto viewer = Key(R"({"Role":"viewer"})");
  EXPECT_EQ(Send(viewer, "Kedge.WhoAmI"), "200 ");
  EXPECT_EQ(Send(viewer, "SageMaker.ListDevices"), "200 ");
  EXPECT_EQ(Send(viewer, "SageMaker.DeleteDeviceFleet", R"({"DeviceFleetName":"lab"})"),
            "400 AccessDeniedException");
  EXPECT_EQ(Send(viewer, "Kedge.ListAccessKeys"), "400 AccessDeniedException");
  EXPECT_EQ(Update(viewer, R"("Role":"admin")"), "");
  EXPECT_EQ(Send(viewer, "Kedge.ListAccessKeys"), "200 ");
}

TEST_F(IdentityTest, DisabledExpiredAndDeletedKeysAreUnknownAtOnce) {
  const auto keep = Key(R"({"Role":"admin"})");
  const auto key = Key(R"({"Role":"viewer"})");
  EXPECT_EQ(Send(key, "Kedge.WhoAmI"), "200 ");
  EXPECT_EQ(Update(key, R"("Enabled":false)"), "");
  EXPECT_EQ(Send(key, "Kedge.WhoAmI"), "403 UnrecognizedClientException");
  EXPECT_EQ(Update(key, R"("Enabled":true)"), "");
  EXPECT_EQ(Send(key, "Kedge.WhoAmI"), "200 ");
  EXPECT_EQ(Update(key, R"("ExpirationTime":1)"), "");
  EXPECT_EQ(Send(key, "Kedge.WhoAmI"), "403 UnrecognizedClientException");
  const auto other = Key(R"({"Role":"viewer"})");
  EXPECT_EQ(Send(other, "Kedge.WhoAmI"), "200 ");
  server_->Must("DeleteAccessKey", R"({"AccessKeyId":")" + other.access_key_id + "\"}");
  EXPECT_EQ(Send(other, "Kedge.WhoAmI"), "403 UnrecognizedClientException");
  EXPECT_EQ(server_->Call("DeleteAccessKey", R"({"AccessKeyId":"KEDGNOSUCHKEYHERE"})").error,
            "ResourceNotFound");
  EXPECT_EQ(Send(keep, "Kedge.WhoAmI"), "200 ");
}

TEST_F(IdentityTest, RotationKeepsBothKeysForAWhile) {
  const auto first = Key(R"({"Role":"operator","Fleets":["lab*"],"Description":"ci"})");
  const json::Value made = server_->Must(
      "RotateAccessKey", R"({"AccessKeyId":")" + first.access_key_id + R"(","OldKeySeconds":60})");
  const http::Credentials second{made.StringOr("AccessKeyId", ""),
                                 made.StringOr("SecretAccessKey", ""), ""};
  EXPECT_EQ(Send(first, "Kedge.WhoAmI"), "200 ");
  EXPECT_EQ(Send(second, "Kedge.WhoAmI"), "200 ");
  server_->clock().Advance(std::chrono::seconds(60));
  EXPECT_EQ(Send(first, "Kedge.WhoAmI"), "403 UnrecognizedClientException");
  EXPECT_EQ(Send(second, "Kedge.WhoAmI"), "200 ");
  const json::Value keys = server_->Must("ListAccessKeys", "{}");
  const json::Value& copy = keys.Find("AccessKeySummaries")->AsArray()->at(1);
  EXPECT_EQ(copy.StringOr("Description", ""), "ci");
  EXPECT_EQ(copy.Find("Fleets")->AsArray()->at(0), json::Value("lab*"));
  EXPECT_EQ(copy.Find("SecretAccessKey"), nullptr);
}

TEST_F(IdentityTest, TheLastAdministratorStays) {
  const auto admin = Key(R"({"Role":"admin"})");
  const auto held = Key(R"({"Role":"admin","Fleets":["lab"]})");
  const std::string body = R"({"AccessKeyId":")" + admin.access_key_id + "\"}";
  EXPECT_EQ(server_->Call("DeleteAccessKey", body).error, "ResourceInUse");
  EXPECT_EQ(Update(admin, R"("Enabled":false)"), "ResourceInUse");
  EXPECT_EQ(Update(admin, R"("Role":"viewer")"), "ResourceInUse");
  EXPECT_EQ(Update(admin, R"("Fleets":["lab"])"), "ResourceInUse");
  Key(R"({"Role":"admin"})");
  EXPECT_EQ(server_->Call("DeleteAccessKey", body).error, "");
}

TEST_F(IdentityTest, AUsersKeysFollowTheUser) {
  server_->Must("CreateUser", R"({"UserName":"ann","Role":"viewer","Fleets":["lab"]})");
  EXPECT_EQ(server_->Call("CreateUser", R"({"UserName":"ann","Role":"viewer"})").error,
            "ResourceInUse");
  EXPECT_EQ(server_->Call("CreateAccessKey", R"({"Role":"admin","UserName":"bob"})").error,
            "ResourceNotFound");
  EXPECT_EQ(
      server_->Call("CreateAccessKey", R"({"Role":"admin","UserName":"ann","Fleets":["x"]})").error,
      "ValidationException");
  const auto key = Key(R"({"Role":"admin","UserName":"ann"})");
  EXPECT_EQ(Send(key, "Kedge.ListUsers"), "400 AccessDeniedException");
  server_->Must("UpdateUser", R"({"UserName":"ann","Role":"admin","Fleets":[]})");
  EXPECT_EQ(Send(key, "Kedge.ListUsers"), "200 ");
  server_->Must("UpdateUser", R"({"UserName":"ann","Enabled":false})");
  EXPECT_EQ(Send(key, "Kedge.ListUsers"), "403 UnrecognizedClientException");
  for (int i = 1; i < 10; ++i) Key(R"({"Role":"viewer","UserName":"ann"})");
  EXPECT_EQ(server_->Call("CreateAccessKey", R"({"Role":"viewer","UserName":"ann"})").error,
            "ResourceLimitExceeded");
  server_->Must("DeleteUser", R"({"UserName":"ann"})");
  EXPECT_EQ(Send(key, "Kedge.ListUsers"), "403 UnrecognizedClientException");
  EXPECT_EQ(server_->Call("UpdateUser", R"({"UserName":"ann"})").error, "ResourceNotFound");
  EXPECT_EQ(server_->Call("DeleteUser", R"({"UserName":"ann"})").error, "ResourceNotFound");
  EXPECT_TRUE(server_->Must("ListUsers", "{}").Find("UserSummaries")->AsArray()->empty());
}

TEST_F(IdentityTest, CallsAreLimitedByCallerAndFailuresByAddress) {
  const auto ann = Key(R"({"Role":"viewer","Description":"ann"})");
  const auto bob = Key(R"({"Role":"viewer","Description":"bob"})");
  const auto carl = Key(R"({"Role":"viewer","Description":"carl"})");
  const Authenticator authenticator(server_->store(), server_->keyring(), server_->clock(),
                                    {.calls_per_second = 2});
  const std::string_view services[] = {"sagemaker"};
  const auto who = [&](const http::Credentials& key) {
    return authenticator.Authenticate(Signed(key, "Kedge.WhoAmI"), services);
  };
  int calls = 0;
  while (authenticator.MayCall(*who(ann))) ++calls;
  EXPECT_EQ(calls, 4);
  EXPECT_TRUE(authenticator.MayCall(*who(bob)));
  server_->clock().Advance(std::chrono::milliseconds(500));
  EXPECT_TRUE(authenticator.MayCall(*who(ann)));

  // What is refused by its looks does not count: a gateway's devices with wrong clocks.
  const auto dora = Key(R"({"Role":"viewer","Description":"dora"})");
  const http::Request old = Signed(ann, "Kedge.WhoAmI");
  server_->clock().Advance(std::chrono::minutes(20));
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(authenticator.Authenticate(old, services).error().code, Code::kUnauthenticated);
  }
  EXPECT_TRUE(who(dora));
  EXPECT_TRUE(who(ann));

  // From here on this address fails: a key that is remembered goes on, another one is not looked
  // up.
  const http::Credentials nobody{"KEDGNOBODYNOBODY", "secret", ""};
  for (int i = 0; i < 200; ++i) EXPECT_FALSE(who(nobody));
  EXPECT_EQ(who(nobody).error().code, Code::kResourceExhausted);
  EXPECT_TRUE(who(ann));
  EXPECT_EQ(who(carl).error().code, Code::kResourceExhausted);
  server_->clock().Advance(std::chrono::seconds(1));
  EXPECT_TRUE(who(carl));
}

TEST_F(IdentityTest, ObjectsFollowTheRoles) {
  for (const char* fleet : {"lab", "plant"}) {
    server_->Must("CreateDeviceFleet",
                  R"({"DeviceFleetName":")" + std::string(fleet) +
                      R"(","OutputConfig":{"S3OutputLocation":"s3://bucket/out/"}})");
  }
  const Identity viewer{.role = Role::kViewer};
  const Identity operator_{.role = Role::kOperator};
  const Identity lab{.role = Role::kOperator, .fleets = {"lab*"}};
  const Identity device{.role = Role::kDevice, .fleet = "lab", .device = "d1"};
  const struct {
    const char* name;
    const Identity& who;
    ObjectAction action;
    const char* key;
    bool allowed;
  } cases[] = {
      {"viewer reads", viewer, ObjectAction::kRead, "any", true},
      {"viewer lists", viewer, ObjectAction::kList, "", true},
      {"viewer writes", viewer, ObjectAction::kWrite, "any", false},
      {"viewer deletes", viewer, ObjectAction::kDelete, "any", false},
      {"viewer makes buckets", viewer, ObjectAction::kManageBuckets, "", false},
      {"operator writes", operator_, ObjectAction::kWrite, "any", true},
      {"operator makes buckets", operator_, ObjectAction::kManageBuckets, "", true},
      {"restricted reads its own", lab, ObjectAction::kRead, "out/lab/x", true},
      {"restricted writes its own", lab, ObjectAction::kWrite, "out/lab/x/y", true},
      {"restricted lists its own", lab, ObjectAction::kList, "out/lab/", true},
      {"restricted lists beside", lab, ObjectAction::kList, "out/lab", false},
      {"restricted lists above", lab, ObjectAction::kList, "out/", false},
      {"restricted reads another's", lab, ObjectAction::kRead, "out/plant/x", false},
      {"restricted reads an unknown fleet's", lab, ObjectAction::kRead, "out/lab-9/x", false},
      {"restricted reads elsewhere", lab, ObjectAction::kRead, "lab/x", false},
      {"restricted lists buckets", lab, ObjectAction::kListBuckets, "", false},
      {"device writes its own", device, ObjectAction::kWrite, "out/lab/d1/2026/x.jsonl", true},
      {"device writes another's", device, ObjectAction::kWrite, "out/lab/d2/x", false},
      {"device writes a longer name's", device, ObjectAction::kWrite, "out/lab/d11/x", false},
      {"device writes a name of its own", device, ObjectAction::kWrite, "out/lab/h/2026/d1.x",
       true},
      {"device writes another's name", device, ObjectAction::kWrite, "out/lab/h/2026/d11.x", false},
      {"device writes its name elsewhere", device, ObjectAction::kWrite, "out/plant/d1.x", false},
      {"device writes the folder", device, ObjectAction::kWrite, "out/lab/d1", false},
      {"device reads its own", device, ObjectAction::kRead, "out/lab/d1/x", false},
      {"device deletes its own", device, ObjectAction::kDelete, "out/lab/d1/x", false},
      {"device lists its own", device, ObjectAction::kList, "out/lab/d1/", false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(*MayUseObject(server_->store(), c.who, c.action, {"bucket", c.key}), c.allowed);
    EXPECT_EQ(*MayUseObject(server_->store(), c.who, c.action, {"other", c.key}),
              c.allowed && !c.who.IsRestricted() && !c.who.IsDevice());
  }
}

}  // namespace
}  // namespace kedge::server
