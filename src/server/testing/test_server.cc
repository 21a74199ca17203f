// SPDX-License-Identifier: Apache-2.0
#include "server/testing/test_server.h"

#include <cstdlib>
#include <future>
#include <gtest/gtest.h>

#include "store/postgres/postgres_store.h"
#include "store/sqlite/sqlite_store.h"
#include "store/tables/jobs.h"
#include "store/testing/postgres_server.h"

namespace kedge::server {
namespace {

// SQLite, or what the environment asks for.
Result<std::unique_ptr<store::Store>> OpenTestStore(const Folders& folders) {
  const char* const database = std::getenv("KEDGE_TEST_DATABASE");
  if (database == nullptr || std::string_view(database) != "postgresql") {
    return store::OpenSqliteStore({.file = folders.database()});
  }
  KEDGE_TRY(store::PostgresServer* const server, store::PostgresServer::Shared());
  KEDGE_TRY(const std::string url, server->NewDatabase());
  return store::OpenPostgresStore({.url = url});
}

}  // namespace

Result<http::Response> FakeTransport::Send(const http::ClientRequest& request) {
  sent.push_back(request);
  return http::Response{.status = status};
}

Status FakeMail::Send(const http::Mail& mail) {
  sent.push_back(mail);
  return answer;
}

Result<std::unique_ptr<TestServer>> TestServer::Make() {
  std::unique_ptr<TestServer> server(new TestServer());
  KEDGE_TRY(TemporaryDirectory folder, TemporaryDirectory::Make());
  server->folder_ = std::make_unique<TemporaryDirectory>(std::move(folder));
  const Folders folders{server->folder_->path()};
  KEDGE_TRY([[maybe_unused]] const FileDescriptor lock, PrepareFolders(server->disk_, folders));
  KEDGE_TRY(Keyring keyring, LoadKeyring(server->disk_, folders, ""));
  server->keyring_ = std::make_unique<Keyring>(std::move(keyring));
  KEDGE_TRY(server->store_, OpenTestStore(folders));
  KEDGE_TRY(server->key_, LoadSigningKey(server->disk_, folders, server->clock_, *server->keyring_,
                                         *server->store_));
  KEDGE_TRY(server->blobs_,
            blob::OpenFileBlobStore(server->disk_, folders.objects(), server->clock_));
  KEDGE_TRY(Catalogue catalogue, Catalogue::Load(OperationFiles()));
  server->catalogue_ = std::make_unique<Catalogue>(std::move(catalogue));
  server->authenticator_ =
      std::make_unique<Authenticator>(*server->store_, *server->keyring_, server->clock_);
  server->heartbeats_ = std::make_unique<Heartbeats>(*server->store_, server->clock_, 1);
  auto web = std::make_unique<FakeTransport>();
  auto mail = std::make_unique<FakeMail>();
  server->web_ = web.get();
  server->mail_ = mail.get();
  server->alerts_ = std::make_unique<AlertSender>(*server->keyring_, server->clock_, std::move(web),
                                                  std::move(mail));
  server->baselines_ = std::make_unique<Baselines>(*server->store_, *server->blobs_, server->clock_,
                                                   server->key_.certificate_pem);
  server->capture_orders_ =
      std::make_unique<CaptureOrders>(*server->store_, server->clock_, *server->baselines_);
  const Context context{.store = *server->store_,
                        .blobs = *server->blobs_,
                        .clock = server->clock_,
                        .authenticator = *server->authenticator_,
                        .arns = server->arns_,
                        .quotas = server->quotas_,
                        .connected_minutes = 15,
                        .keyring = *server->keyring_,
                        .signer = *server->key_.signer,
                        .signing_certificate_pem = server->key_.certificate_pem,
                        .compilation_jobs = server->compilation_jobs_,
                        .packaging_jobs = server->packaging_jobs_,
                        .monitoring_jobs = server->monitoring_jobs_,
                        .heartbeats = *server->heartbeats_,
                        .alerts = *server->alerts_,
                        .baselines = *server->baselines_,
                        .capture_orders = *server->capture_orders_,
                        .drift_alarm_days = 30};
  KEDGE_TRY(server->api_, Api::Make(*server->catalogue_, context));
  return server;
}

const Operation* TestServer::Find(const std::string& operation) const {
  for (const auto& one : catalogue_->operations()) {
    if (one->name == operation) return one.get();
  }
  return nullptr;
}

Answer TestServer::Call(const std::string& operation, const std::string& body) {
  return CallAs({.role = Role::kAdmin, .access_key_id = "ADMIN"}, operation, body);
}

Answer TestServer::CallAs(const Identity& identity, const std::string& operation,
                          const std::string& body) {
  std::promise<http::Response> promise;
  api_->Call(*Find(operation), body, identity,
             [&](http::Response response) { promise.set_value(std::move(response)); });
  const http::Response response = promise.get_future().get();
  Answer answer{.status = response.status};
  if (!response.body.empty()) answer.body = json::Parse(response.body).value_or(nullptr);
  answer.error = answer.body.StringOr("__type", "");
  answer.message = answer.body.StringOr("message", "");
  EXPECT_EQ(response.headers.Get("x-amzn-ErrorType"), answer.error);
  EXPECT_FALSE(response.headers.Get("x-amzn-RequestId").empty());
  return answer;
}

json::Value TestServer::Must(const std::string& operation, const std::string& body) {
  const Answer answer = Call(operation, body);
  EXPECT_EQ(answer.status, 200) << operation << " " << body << ": " << answer.error << " "
                                << answer.message;
  return answer.body;
}

void TestServer::AddCompletedPackage(const std::string& job, const std::string& uri) {
  const auto status = store_->Write([&](store::Transaction& transaction) -> Status {
    KEDGE_TRY_STATUS(store::InsertCompilationJob(
        transaction, {.name = job, .status = std::string(store::kJobCompleted), .request = "{}"}));
    return store::InsertPackagingJob(transaction,
                                     {.name = job,
                                      .status = std::string(store::kJobCompleted),
                                      .compilation_job = job,
                                      .model_name = "model",
                                      .model_version = "1",
                                      .request = "{}",
                                      .artifact_uri = uri,
                                      .artifact_sha1 = "0123456789abcdef0123456789abcdef01234567"});
  });
  ASSERT_TRUE(status) << status.error().message;
}

}  // namespace kedge::server
