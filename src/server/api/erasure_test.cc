// Erasing a device: afterwards its name is nowhere.
// SPDX-License-Identifier: Apache-2.0
#include "store/tables/erasure.h"

#include <gtest/gtest.h>
#include <regex>

#include "server/nodes/erasure_work.h"
#include "server/testing/test_server.h"
#include "store/migrate.h"
#include "store/tables/certificates.h"

namespace kedge::server {
namespace {

// A name that is in no other text.
constexpr char kGone[] = "camera-to-forget";
constexpr char kStays[] = "camera-that-stays";

// The audit log is evidence and stays, names included.
bool MayKeepNames(const std::string& table) { return table.starts_with("audit_"); }

// table -> its text columns, as schema.sql has them.
std::map<std::string, std::vector<std::string>> TextColumns() {
  const std::string schema(store::SchemaText());
  const std::regex line("CREATE TABLE (\\w+)|\n  (\\w+) text");
  std::map<std::string, std::vector<std::string>> columns;
  std::string table;
  for (auto found = std::sregex_iterator(schema.begin(), schema.end(), line);
       found != std::sregex_iterator(); ++found) {
    if ((*found)[1].matched) table = (*found)[1];
    if ((*found)[2].matched) columns[table].push_back((*found)[2]);
  }
  return columns;
}

class ErasureTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = TestServer::Make();
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    ASSERT_TRUE(server_->blobs().CreateBucket("bucket"));
    server_->Must(
        "CreateDeviceFleet",
        R"({"DeviceFleetName":"lab","OutputConfig":{"S3OutputLocation":"s3://bucket/out"}})");
    for (const char* device : {kGone, kStays}) AddDevice(device);
  }
  // With everything that a device leaves behind.
  void AddDevice(const std::string& device) {
    const std::string named = R"("DeviceFleetName":"lab","DeviceName":")" + device + "\"";
    server_->Must("RegisterDevices", R"({"DeviceFleetName":"lab","Devices":[{"DeviceName":")" +
                                         device + R"("}],"Tags":[{"Key":"room","Value":"1"}]})");
    server_->Must("EnrollDevice", "{" + named + "}");
    server_->Must(
        "SendHeartbeat",
        "{" + named +
            R"(,"AgentVersion":"1.0","Models":[{"ModelName":"shapes","ModelVersion":"1"}]})");
    EXPECT_TRUE(server_->store().Write([&](store::Transaction& transaction) {
      return store::InsertDeviceCertificate(transaction, {.serial = "serial of " + device.substr(7),
                                                          .fleet = "lab",
                                                          .device = device,
                                                          .fingerprint = "f"});
    }));
    PutCapture("", device);
    PutCapture("line-3/", device);
  }
  void PutCapture(const std::string& folder, const std::string& device) {
    const std::string hour = "out/" + folder + "lab/shapes/2026/11/22/13/";
    Put(hour + "0123456789abcdef0123456789abcdef-" + device + ".jsonl",
        R"({"eventMetadata":{"deviceId":")" + device + R"(","eventId":"id-)" + device + "\"}}\n");
    Put(hour + "raw-data/input-tensors/id-" + device + "-1.bin", "tensor");
  }
  void Put(const std::string& key, const std::string& text) {
    ASSERT_TRUE(blob::PutObject(server_->blobs(), {"bucket", key}, AsBytes(text), "text/plain"));
  }
  std::vector<std::string> Keys() {
    std::vector<std::string> keys;
    const auto listing = server_->blobs().List("bucket", {});
    EXPECT_TRUE(listing);
    for (const auto& object : listing->objects) keys.push_back(object.key);
    return keys;
  }
  int64_t RowsNaming(const std::string& table, const std::string& column, const char* name) {
    int64_t count = 0;
    const Status status = server_->store().Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(const store::Rows rows,
                transaction.Query("SELECT count(*) FROM " + table + " WHERE " + column + " LIKE $1",
                                  {"%" + std::string(name) + "%"}));
      count = rows.at(0).Integer(0);
      return {};
    });
    EXPECT_TRUE(status) << table << "." << column << ": " << status.error().message;
    return count;
  }
  bool IsRevoked(const std::string& serial) {
    bool revoked = false;
    EXPECT_TRUE(server_->store().Read([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(const auto found, store::FindDeviceCertificate(transaction, serial));
      revoked = found && found->revoked;
      return {};
    }));
    return revoked;
  }
  // Runs the leased work until it has nothing to do.
  void EraseObjects() {
    store::Lease lease;
    ASSERT_TRUE(server_->store().Write([&](store::Transaction& transaction) -> Status {
      KEDGE_TRY(
          const auto taken,
          store::AcquireLease(transaction,
                              {.name = kErasureLease, .holder = "test", .now = 1, .ttl_ms = 1000}));
      lease = *taken;
      return {};
    }));
    for (;;) {
      const auto step = EraseObjectsStep(server_->store(), server_->blobs(), lease);
      ASSERT_TRUE(step) << step.error().message;
      if (*step == LeasedStep::kIdle) return;
    }
  }

  std::unique_ptr<TestServer> server_;
};

TEST_F(ErasureTest, TheNameIsNowhereAfterwards) {
  server_->Must(
      "EraseDevice",
      R"({"DeviceFleetName":"lab","DeviceName":"camera-to-forget","CaptureFolderPrefix":"line-3"})");
  EXPECT_EQ(server_->Must("ListErasures", "{}").Find("Erasures")->AsArray()->size(), 1u);
  EraseObjects();
  EXPECT_EQ(server_->Must("ListErasures", "{}").Find("Erasures")->AsArray()->size(), 0u);
  int64_t staying = 0;
  for (const auto& [table, columns] : TextColumns()) {
    for (const std::string& column : columns) {
      SCOPED_TRACE(table + "." + column);
      EXPECT_TRUE(MayKeepNames(table) || RowsNaming(table, column, kGone) == 0);
      staying += RowsNaming(table, column, kStays);
    }
  }
  EXPECT_GE(staying, 4) << "the other device's rows must be found by the same search";
  EXPECT_TRUE(IsRevoked("serial of to-forget"));
  EXPECT_FALSE(IsRevoked("serial of that-stays"));
  const std::vector<std::string> keys = Keys();
  EXPECT_EQ(keys.size(), 4u);  // the other device's two files and their tensors
  for (const std::string& key : keys) EXPECT_EQ(key.find(kGone), std::string::npos) << key;
}

TEST_F(ErasureTest, ADeviceThatIsGoneAlreadyIsErasedAllTheSame) {
  server_->Must("DeregisterDevices",
                R"({"DeviceFleetName":"lab","DeviceNames":["camera-to-forget"]})");
  server_->Must("EraseDevice", R"({"DeviceFleetName":"lab","DeviceName":"camera-to-forget"})");
  EraseObjects();
  EXPECT_EQ(RowsNaming("events", "device", kGone), 0);
  for (const std::string& key : Keys()) {
    // Below a folder prefix that was not named.
    EXPECT_EQ(key.find(kGone) != std::string::npos,
              key.find("line-3/") != std::string::npos && key.find(kStays) == std::string::npos)
        << key;
  }
}

TEST_F(ErasureTest, AFleetThatIsNotThereIsTold) {
  const Answer answer =
      server_->Call("EraseDevice", R"({"DeviceFleetName":"none","DeviceName":"camera-to-forget"})");
  EXPECT_EQ(answer.error, "ValidationException");
}

TEST_F(ErasureTest, ANodeThatLostTheLeaseChangesNothing) {
  server_->Must("EraseDevice", R"({"DeviceFleetName":"lab","DeviceName":"camera-to-forget"})");
  const store::Lease stale{.name = kErasureLease, .holder = "frozen", .token = 0};
  const auto step = EraseObjectsStep(server_->store(), server_->blobs(), stale);
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().code, Code::kAborted);
  EXPECT_EQ(server_->Must("ListErasures", "{}").Find("Erasures")->AsArray()->size(), 1u);
}

// Every table with a column for devices is erased, or named here with the reason why not.
TEST(ErasureTables, NoneIsForgotten) {
  const std::set<std::string> kept = {"devices", "erasures"};
  const auto erased = store::TablesOfDevices();
  for (const auto& [table, columns] : TextColumns()) {
    if (std::find(columns.begin(), columns.end(), "device") == columns.end()) continue;
    if (kept.contains(table)) continue;
    EXPECT_TRUE(std::any_of(erased.begin(), erased.end(),
                            [&](const store::DeviceTable& erases) { return erases.name == table; }))
        << "table '" << table << "' has a column 'device': add it to src/store/tables/erasure.cc";
  }
}

}  // namespace
}  // namespace kedge::server
