// The audit log as the API writes it.
// SPDX-License-Identifier: Apache-2.0
#include "server/auth/audit.h"

#include <gtest/gtest.h>
#include <thread>

#include "server/testing/test_server.h"
#include "store/tables/audit.h"

namespace kedge::server {
namespace {

constexpr char kFleet[] =
    R"({"DeviceFleetName":"lab","OutputConfig":{"S3OutputLocation":"s3://bucket/out"}})";

class AuditTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }
  // "key/ADMIN admin CreateDeviceFleet DeviceFleetName=lab OK"
  std::vector<std::string> Log() {
    std::vector<std::string> lines;
    for (const store::AuditRow& row : Rows()) {
      lines.push_back(row.principal + " " + row.role + " " + row.operation + " " + row.resource +
                      " " + row.result);
    }
    return lines;
  }
  std::vector<store::AuditRow> Rows() {
    store::PageOf<store::AuditRow> rows;
    EXPECT_TRUE(server_->store().Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(rows, store::ListAuditRows(transaction, {}, {.rows_max = 10'000}));
      return {};
    }));
    return rows.items;
  }
  // Verifies the whole log as it stands in the database, checkpoints with the server's own key.
  Status Verify() {
    trust::TrustedRoots roots;
    KEDGE_TRY_STATUS(roots.Add(server_->key().certificate_pem));
    protocol::AuditVerifier verifier(
        [&](const protocol::AuditCheckpoint& checkpoint) -> Status {
          KEDGE_TRY(const ByteBuffer signature, Base64Decode(checkpoint.signature));
          const std::string text = protocol::CheckpointText(checkpoint);
          return roots.Verify(checkpoint.key_id, AsBytes(text), signature);
        },
        std::nullopt);
    std::vector<store::AuditCheckpointRow> signed_ones;
    KEDGE_TRY_STATUS(server_->store().Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(signed_ones, store::AuditCheckpoints(transaction, 1, 1'000'000));
      return {};
    }));
    for (const store::AuditRow& row : Rows()) {
      KEDGE_TRY_STATUS(verifier.Add(protocol::AuditRecord{
          row.number, row.time, row.principal, row.role, row.operation, row.resource,
          row.request_id, row.source, row.result, row.previous, row.hash}));
      for (const auto& one : signed_ones) {
        if (one.number != row.number) continue;
        KEDGE_TRY_STATUS(verifier.Add(
            protocol::AuditCheckpoint{one.number, one.hash, one.time, one.key_id, one.signature}));
      }
    }
    checkpoints_ = verifier.checkpoints();
    return verifier.Finish();
  }

  std::unique_ptr<TestServer> server_;
  int64_t checkpoints_ = 0;
};

TEST_F(AuditTest, RecordsChangesAndRefusalsButNoReadsAndNoHeartbeats) {
  server_->Must("CreateDeviceFleet", kFleet);
  server_->Call("CreateDeviceFleet", kFleet);
  server_->Call("CreateDeviceFleet", R"({"DeviceFleetName":"_"})");
  server_->Call("CreateDeviceFleet", "{");
  server_->CallAs({.role = Role::kViewer, .access_key_id = "V", .user = "ann"}, "DeleteDeviceFleet",
                  R"({"DeviceFleetName":"lab"})");
  server_->Must("DescribeDeviceFleet", R"({"DeviceFleetName":"lab"})");
  server_->Must("ListDevices", "{}");
  server_->Must("RegisterDevices", R"({"DeviceFleetName":"lab","Devices":[{"DeviceName":"d"}]})");
  server_->Must("SendHeartbeat",
                R"({"DeviceFleetName":"lab","DeviceName":"d","AgentVersion":"1"})");
  const std::vector<std::string> want = {
      "key/ADMIN admin CreateDeviceFleet DeviceFleetName=lab OK",
      "key/ADMIN admin CreateDeviceFleet DeviceFleetName=lab ResourceInUse",
      "key/ADMIN admin CreateDeviceFleet DeviceFleetName=_ ValidationException",
      "key/ADMIN admin CreateDeviceFleet  SerializationException",
      "user/ann viewer DeleteDeviceFleet DeviceFleetName=lab AccessDeniedException",
      "key/ADMIN admin RegisterDevices DeviceFleetName=lab OK"};
  EXPECT_EQ(Log(), want);
  EXPECT_TRUE(Verify());
}

TEST_F(AuditTest, AChangeAndItsRecordCommitTogether) {
  const protocol::AuditRecord record{.principal = "key/K", .operation = "Do"};
  AuditTrail trail(server_->key().signer.operator*(), record);
  // The change fails: neither is there.
  EXPECT_FALSE(trail.WriteWith(
      server_->store(), [](store::Transaction&) -> Status { return InvalidArgument("no"); }));
  EXPECT_TRUE(Rows().empty());
  EXPECT_FALSE(trail.recorded());
  // Two writes of one call leave one record.
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(trail.WriteWith(server_->store(), [](store::Transaction&) { return Status(); }));
  }
  EXPECT_EQ(Rows().size(), 1u);
}

TEST_F(AuditTest, SecretsStayOut) {
  server_->Must("CreateUser",
                R"({"UserName":"ann","Role":"viewer","Password":"correct horse battery"})");
  const json::Value key = server_->Must("CreateAccessKey", R"({"Role":"viewer"})");
  for (const store::AuditRow& row : Rows()) {
    const std::string all = row.principal + row.resource + row.operation + row.result;
    EXPECT_EQ(all.find("horse"), std::string::npos);
    EXPECT_EQ(all.find(key.StringOr("SecretAccessKey", "")), std::string::npos);
  }
  EXPECT_EQ(Log()[0], "key/ADMIN admin CreateUser UserName=ann OK");
}

TEST_F(AuditTest, TheChainStaysWholeWhenManyCallAtOnceAndIsSigned) {
  constexpr int kThreads = 8;
  constexpr int kCalls = 80;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < kCalls; ++j) {
        const std::string name = "f" + std::to_string(i) + "-" + std::to_string(j);
        server_->Must("CreateDeviceFleet",
                      R"({"DeviceFleetName":")" + name +
                          R"(","OutputConfig":{"S3OutputLocation":"s3://bucket/out"}})");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Rows().size(), static_cast<size_t>(kThreads * kCalls));
  const Status verified = Verify();
  EXPECT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(checkpoints_, kThreads * kCalls / kCheckpointEvery);
  ASSERT_TRUE(server_->store().Write([](store::Transaction& transaction) -> Status {
    KEDGE_TRY([[maybe_unused]] const int64_t rows,
              transaction.Execute("UPDATE audit_records SET result = $1 WHERE number = $2",
                                  {std::string("OK "), int64_t{77}}));
    return {};
  }));
  EXPECT_EQ(Verify().error(), DataLoss("record 77: was changed"));
}

TEST_F(AuditTest, ListsByFilterAndInPages) {
  server_->Must("CreateDeviceFleet", kFleet);
  server_->Call("CreateDeviceFleet", kFleet);
  server_->CallAs({.role = Role::kViewer, .access_key_id = "V"}, "DeleteDeviceFleet",
                  R"({"DeviceFleetName":"lab"})");
  const struct {
    const char* body;
    std::vector<int64_t> numbers;
  } cases[] = {
      {"{}", {1, 2, 3}},
      {R"({"SortOrder":"Descending"})", {3, 2, 1}},
      {R"({"Principal":"key/V"})", {3}},
      {R"({"Operation":"CreateDeviceFleet"})", {1, 2}},
      {R"({"Result":"OK"})", {1}},
      {R"({"Operation":"CreateDeviceFleet","Result":"ResourceInUse"})", {2}},
      {R"({"MaxResults":2})", {1, 2}},
      {R"({"TimeBefore":1})", {}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.body);
    std::vector<int64_t> numbers;
    const json::Value answer = server_->Must("ListAuditRecords", c.body);
    for (const json::Value& record : *answer.Find("AuditRecords")->AsArray()) {
      numbers.push_back(record.IntOr("Number", 0));
    }
    EXPECT_EQ(numbers, c.numbers);
  }
  const json::Value page = server_->Must("ListAuditRecords", R"({"MaxResults":2})");
  const json::Value next = server_->Must(
      "ListAuditRecords", R"({"NextToken":")" + page.StringOr("NextToken", "") + "\"}");
  EXPECT_EQ(next.Find("AuditRecords")->AsArray()->at(0).IntOr("Number", 0), 3);
}

}  // namespace
}  // namespace kedge::server
