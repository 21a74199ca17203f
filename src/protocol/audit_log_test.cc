// SPDX-License-Identifier: Apache-2.0
#include "protocol/audit_log.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace kedge::protocol {
namespace {

constexpr int64_t kRecords = 12;

// The chain's hashes are made anew where `relink` says so: an attacker can compute them.
void Relink(std::vector<AuditRecord>& log, size_t from) {
  for (size_t i = from; i < log.size(); ++i) {
    log[i].previous = i == 0 ? std::string(kAuditStart) : log[i - 1].hash;
    log[i].hash = HashOf(log[i]);
  }
}

std::vector<AuditRecord> Log() {
  std::vector<AuditRecord> log;
  for (int64_t number = 1; number <= kRecords; ++number) {
    log.push_back({.number = number,
                   .time = 1'790'000'000'000 + number,
                   .principal = "user/ann",
                   .role = "operator",
                   .operation = "CreateDeviceFleet",
                   .resource = "DeviceFleetName=lab-" + std::to_string(number),
                   .request_id = "r-" + std::to_string(number),
                   .source = "192.0.2.7",
                   .result = number % 3 == 0 ? "AccessDeniedException" : "OK"});
  }
  Relink(log, 0);
  return log;
}

AuditCheckpoint CheckpointOf(const AuditRecord& record) {
  return {.number = record.number,
          .hash = record.hash,
          .time = record.time,
          .key_id = "key",
          .signature = "signed:" + std::to_string(record.number) + record.hash};
}

// Stands for a signature that only the server can make.
Status VerifySigned(const AuditCheckpoint& checkpoint) {
  if (checkpoint.signature == "signed:" + std::to_string(checkpoint.number) + checkpoint.hash) {
    return {};
  }
  return PermissionDenied("the signature is wrong");
}

Status Verify(const std::vector<AuditRecord>& log,
              std::optional<AuditCheckpoint> remembered = std::nullopt) {
  AuditVerifier verifier(VerifySigned, std::move(remembered));
  for (const AuditRecord& record : log) KEDGE_TRY_STATUS(verifier.Add(record));
  return verifier.Finish();
}

TEST(AuditLog, AWholeLogAndAnyPieceOfItVerify) {
  const auto log = Log();
  EXPECT_TRUE(Verify(log));
  for (size_t from = 0; from < log.size(); ++from) {
    EXPECT_TRUE(Verify({log.begin() + static_cast<long>(from), log.end()}));
  }
}

TEST(AuditLog, EveryFieldOfEveryRecordCounts) {
  using Change = std::pair<const char*, std::function<void(AuditRecord&)>>;
  const Change changes[] = {
      {"number", [](AuditRecord& r) { r.number += 1; }},
      {"time", [](AuditRecord& r) { r.time += 1; }},
      {"principal", [](AuditRecord& r) { r.principal = "user/bob"; }},
      {"role", [](AuditRecord& r) { r.role = "admin"; }},
      {"operation", [](AuditRecord& r) { r.operation = "DeleteDeviceFleet"; }},
      {"resource", [](AuditRecord& r) { r.resource += "0"; }},
      {"request id", [](AuditRecord& r) { r.request_id = ""; }},
      {"source", [](AuditRecord& r) { r.source = "192.0.2.8"; }},
      {"result", [](AuditRecord& r) { r.result = r.result == "OK" ? "No" : "OK"; }},
      {"previous", [](AuditRecord& r) { r.previous[0] = r.previous[0] == 'a' ? 'b' : 'a'; }},
      {"hash", [](AuditRecord& r) { r.hash[63] = r.hash[63] == 'a' ? 'b' : 'a'; }},
      // What moves from one field to its neighbour must not look the same.
      {"border", [](AuditRecord& r) { r.role = r.role + r.operation, r.operation = ""; }},
  };
  for (const auto& [name, change] : changes) {
    for (size_t i = 0; i < kRecords; ++i) {
      SCOPED_TRACE(std::string(name) + " of record " + std::to_string(i + 1));
      auto log = Log();
      change(log[i]);
      EXPECT_EQ(Verify(log).error().code, Code::kDataLoss);
    }
  }
}

TEST(AuditLog, NothingCanBeTakenOutPutInOrMoved) {
  for (size_t i = 0; i < kRecords; ++i) {
    SCOPED_TRACE(i);
    auto taken = Log();
    if (i + 1 < kRecords && i > 0) {
      taken.erase(taken.begin() + static_cast<long>(i));
      EXPECT_FALSE(Verify(taken));
    }
    auto doubled = Log();
    doubled.insert(doubled.begin() + static_cast<long>(i), doubled[i]);
    EXPECT_FALSE(Verify(doubled));
    for (size_t j = i + 1; j < kRecords; ++j) {
      auto moved = Log();
      std::swap(moved[i], moved[j]);
      EXPECT_FALSE(Verify(moved));
    }
  }
}

// Who can write the whole database can make a new chain, but not a checkpoint.
TEST(AuditLog, ARememberedCheckpointSeesARewrittenOrShortenedLog) {
  const AuditCheckpoint remembered = CheckpointOf(Log()[8]);
  EXPECT_TRUE(Verify(Log(), remembered));
  for (size_t i = 0; i < 9; ++i) {
    SCOPED_TRACE(i);
    auto rewritten = Log();
    rewritten[i].result = "Rewritten";
    Relink(rewritten, i);
    EXPECT_TRUE(Verify(rewritten));  // the chain alone cannot tell
    EXPECT_EQ(Verify(rewritten, remembered).error(),
              DataLoss("record 9: differs from the remembered checkpoint"));
    auto shortened = Log();
    shortened.resize(i);
    EXPECT_FALSE(Verify(shortened, remembered));
  }
  auto taken = Log();
  taken.erase(taken.begin(), taken.begin() + 10);
  EXPECT_EQ(Verify(taken, remembered).error(),
            DataLoss("the log begins at record 11, after the remembered record 9"));
}

TEST(AuditLog, CheckpointsMustBeSignedAndInTheirPlace) {
  const auto log = Log();
  const struct {
    const char* name;
    std::function<void(AuditCheckpoint&)> change;
  } cases[] = {
      {"signature", [](AuditCheckpoint& c) { c.signature[0] = 'x'; }},
      {"number", [](AuditCheckpoint& c) { c.number -= 1; }},
      {"hash", [](AuditCheckpoint& c) { c.hash[0] = 'x'; }},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    AuditVerifier verifier(VerifySigned, std::nullopt);
    for (const AuditRecord& record : log) ASSERT_TRUE(verifier.Add(record));
    AuditCheckpoint checkpoint = CheckpointOf(log.back());
    c.change(checkpoint);
    EXPECT_FALSE(verifier.Add(checkpoint));
    EXPECT_EQ(verifier.covered(), 0);
    EXPECT_TRUE(verifier.Add(CheckpointOf(log.back())));
    EXPECT_EQ(verifier.covered(), kRecords);
  }
}

TEST(AuditLog, LinesReadBackAndEveryChangedByteIsSeen) {
  const auto log = Log();
  std::vector<std::string> lines;
  for (const AuditRecord& record : log) {
    lines.push_back(json::Write(ToJson(record)));
    EXPECT_EQ(HashOf(*ParseAuditRecord(*json::Parse(lines.back()))), record.hash);
  }
  lines.push_back(json::Write(ToJson(CheckpointOf(log.back()))));
  const auto verify = [](const std::vector<std::string>& texts) -> Status {
    AuditVerifier verifier(VerifySigned, std::nullopt);
    for (const std::string& line : texts) KEDGE_TRY_STATUS(verifier.AddLine(line));
    return verifier.Finish();
  };
  ASSERT_TRUE(verify(lines));
  for (const size_t row : {size_t{0}, size_t{5}}) {
    for (size_t byte = 0; byte < lines[row].size(); ++byte) {
      auto changed = lines;
      changed[row][byte] = static_cast<char>(changed[row][byte] ^ 1);
      EXPECT_FALSE(verify(changed)) << row << " " << byte << " " << changed[row];
    }
  }
  for (const char* line : {"", "{}", "[]", "null", R"({"checkpoint":1})"}) {
    SCOPED_TRACE(line);
    EXPECT_FALSE(verify({line}));
  }
}

}  // namespace
}  // namespace kedge::protocol
