// The API with real parts (SQLite, or PostgreSQL with KEDGE_TEST_DATABASE=postgresql; object store,
// job rows) but without sockets and job threads. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/testing/fake_clock.h"
#include "server/api/api.h"
#include "server/installation.h"

namespace kedge::server {

// Counts signals; the rows are the test's to look at.
class RecordedSignals final : public JobSignals {
 public:
  void JobQueued() override { ++queued; }
  void StopRunning(const std::string& name) override { stopped.push_back(name); }
  int queued = 0;
  std::vector<std::string> stopped;
};

// Answers POSTs with `status`, and keeps them.
class FakeTransport final : public http::Transport {
 public:
  Result<http::Response> Send(const http::ClientRequest& request) override;
  int status = 200;
  std::vector<http::ClientRequest> sent;
};
class FakeMail final : public http::MailTransport {
 public:
  Status Send(const http::Mail& mail) override;
  Status answer;
  std::vector<http::Mail> sent;
};

struct Answer {
  int status = 0;
  std::string error;  // __type, empty for a success
  std::string message;
  json::Value body;
};

class TestServer {
 public:
  // In a new temporary folder, or on one that another TestServer left.
  static Result<std::unique_ptr<TestServer>> Make();

  // A call as an administrator.
  Answer Call(const std::string& operation, const std::string& body);
  Answer CallAs(const Identity& identity, const std::string& operation, const std::string& body);
  // The same, failing the test unless the answer is 200.
  json::Value Must(const std::string& operation, const std::string& body);
  const Operation* Find(const std::string& operation) const;

  const Catalogue& catalogue() const { return *catalogue_; }
  const Api& api() const { return *api_; }
  store::Store& store() { return *store_; }
  blob::BlobStore& blobs() { return *blobs_; }
  FakeClock& clock() { return clock_; }
  RecordedSignals& compilation_jobs() { return compilation_jobs_; }
  RecordedSignals& monitoring_jobs() { return monitoring_jobs_; }
  const Authenticator& authenticator() const { return *authenticator_; }
  // What alerts would be sent over; the test scripts its answers.
  FakeTransport& web() { return *web_; }
  FakeMail& mail() { return *mail_; }
  Baselines& baselines() { return *baselines_; }
  const Arns& arns() const { return arns_; }
  const AlertSender& alerts() const { return *alerts_; }
  const Keyring& keyring() const { return *keyring_; }
  const SigningKey& key() const { return key_; }
  Quotas& quotas() { return quotas_; }
  FileSystem& disk() { return disk_; }
  Path folder() const { return folder_->path(); }

  // A compilation job and a packaging job that are completed, without running them.
  void AddCompletedPackage(const std::string& job, const std::string& uri);

 private:
  TestServer() = default;

  std::unique_ptr<TemporaryDirectory> folder_;
  PosixFileSystem disk_;
  FakeClock clock_;
  std::unique_ptr<Keyring> keyring_;
  SigningKey key_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<blob::BlobStore> blobs_;
  std::unique_ptr<Catalogue> catalogue_;
  std::unique_ptr<Authenticator> authenticator_;
  Arns arns_{.region = "us-east-1", .account = "000000000000"};
  Quotas quotas_;
  RecordedSignals compilation_jobs_;
  RecordedSignals packaging_jobs_;
  RecordedSignals monitoring_jobs_;
  std::unique_ptr<Heartbeats> heartbeats_;
  FakeTransport* web_ = nullptr;
  FakeMail* mail_ = nullptr;
  std::unique_ptr<AlertSender> alerts_;
  std::unique_ptr<Baselines> baselines_;
  std::unique_ptr<CaptureOrders> capture_orders_;
  std::unique_ptr<Api> api_;
};

}  // namespace kedge::server
