// `kedge audit ...`: the audit log as a file, and whether it is whole (docs/formats/audit-log.md).
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <fstream>
#include <iostream>

#include "base/file.h"
#include "cli/api_client.h"
#include "cli/command.h"
#include "protocol/audit_log.h"
#include "trust/signing.h"

namespace kedge::cli {
namespace {

using protocol::AuditCheckpoint;
using protocol::AuditRecord;
using LineSink = std::function<Status(const std::string& line)>;

constexpr size_t kLineBytesMax = 64 << 10;

AuditRecord RecordOf(const json::Value& value) {
  return {.number = value.IntOr("Number", 0),
          .time = value.IntOr("Time", 0),
          .principal = value.StringOr("Principal", ""),
          .role = value.StringOr("Role", ""),
          .operation = value.StringOr("Operation", ""),
          .resource = value.StringOr("Resource", ""),
          .request_id = value.StringOr("RequestId", ""),
          .source = value.StringOr("Source", ""),
          .result = value.StringOr("Result", ""),
          .previous = value.StringOr("Previous", ""),
          .hash = value.StringOr("Hash", "")};
}

AuditCheckpoint CheckpointOf(const json::Value& value) {
  return {.number = value.IntOr("Number", 0),
          .hash = value.StringOr("Hash", ""),
          .time = value.IntOr("Time", 0),
          .key_id = value.StringOr("KeyId", ""),
          .signature = value.StringOr("Signature", "")};
}

// A checkpoint of the log as it is now; nothing for an empty log.
Result<std::optional<AuditCheckpoint>> AskCheckpoint(const ApiClient& server) {
  KEDGE_TRY(const json::Value answer, server.Call("Kedge.GetAuditCheckpoint", json::Object()));
  const json::Value* found = answer.Find("AuditCheckpoint");
  if (found == nullptr) return std::optional<AuditCheckpoint>();
  return std::optional<AuditCheckpoint>(CheckpointOf(*found));
}

// Every record of one page, each followed by its checkpoint if it has one.
Status ForEachLineOfPage(const json::Value& page, int64_t last, const LineSink& each) {
  const json::Value* records = page.Find("AuditRecords");
  const json::Value* checkpoints = page.Find("AuditCheckpoints");
  if (records == nullptr || records->AsArray() == nullptr || checkpoints == nullptr ||
      checkpoints->AsArray() == nullptr) {
    return Internal("the server's answer has no audit records");
  }
  for (const json::Value& value : *records->AsArray()) {
    const AuditRecord record = RecordOf(value);
    if (record.number > last) return {};
    KEDGE_TRY_STATUS(each(json::Write(protocol::ToJson(record))));
    for (const json::Value& checkpoint : *checkpoints->AsArray()) {
      if (checkpoint.IntOr("Number", 0) != record.number) continue;
      KEDGE_TRY_STATUS(each(json::Write(protocol::ToJson(CheckpointOf(checkpoint)))));
    }
  }
  return {};
}

// The server's log up to a checkpoint signed now, which is the last line.
Status ForEachLineOfServer(const ApiClient& server, const LineSink& each) {
  KEDGE_TRY(const auto head, AskCheckpoint(server));
  if (!head) return {};
  std::string token;
  do {
    json::Object body;
    if (!token.empty()) body.Set("NextToken", token);
    KEDGE_TRY(const json::Value page, server.Call("Kedge.ListAuditRecords", body));
    KEDGE_TRY_STATUS(ForEachLineOfPage(page, head->number, each));
    token = page.StringOr("NextToken", "");
  } while (!token.empty());
  return each(json::Write(protocol::ToJson(*head)));
}

Status ForEachLineOfFile(const std::string& path, const LineSink& each) {
  std::ifstream file;
  if (path != "-") file.open(path, std::ios::binary);
  std::istream& in = path == "-" ? std::cin : file;
  if (!in) return NotFound("cannot read '" + path + "'");
  std::string line;
  while (std::getline(in, line)) {
    if (line.size() > kLineBytesMax) {
      return DataLoss("a line of '" + path + "' is longer than " + std::to_string(kLineBytesMax));
    }
    KEDGE_TRY_STATUS(each(line));
  }
  return {};
}

struct VerifyFlags {
  ApiOptions api;
  std::string file;
  std::string certificate;
  std::string checkpoint;
};

// How checkpoints are verified; null without certificates.
Result<protocol::AuditVerifier::VerifySignature> SignatureCheck(const VerifyFlags& flags) {
  if (flags.certificate.empty()) return protocol::AuditVerifier::VerifySignature();
  KEDGE_TRY(trust::TrustedRoots loaded, trust::TrustedRoots::Load(flags.certificate, false));
  // Shared, because a std::function must be copyable.
  const auto roots = std::make_shared<trust::TrustedRoots>(std::move(loaded));
  return protocol::AuditVerifier::VerifySignature(
      [roots](const AuditCheckpoint& checkpoint) -> Status {
        KEDGE_TRY(const ByteBuffer signature, Base64Decode(checkpoint.signature));
        const std::string text = protocol::CheckpointText(checkpoint);
        return roots->Verify(checkpoint.key_id, AsBytes(text), signature);
      });
}

Result<std::optional<AuditCheckpoint>> ReadRemembered(
    const VerifyFlags& flags, const protocol::AuditVerifier::VerifySignature& check) {
  if (flags.checkpoint.empty()) return std::optional<AuditCheckpoint>();
  PosixFileSystem disk;
  KEDGE_TRY(const ByteBuffer bytes, disk.Read(flags.checkpoint, kLineBytesMax));
  auto value = json::Parse(AsText(bytes));
  if (!value) return Wrap(value.error(), "'" + flags.checkpoint + "'");
  auto checkpoint = protocol::ParseAuditCheckpoint(*value);
  if (!checkpoint) return Wrap(checkpoint.error(), "'" + flags.checkpoint + "'");
  if (check) KEDGE_TRY_STATUS(check(*checkpoint));
  return std::optional<AuditCheckpoint>(std::move(*checkpoint));
}

Status Verify(const VerifyFlags& flags) {
  KEDGE_TRY(const auto check, SignatureCheck(flags));
  KEDGE_TRY(auto remembered, ReadRemembered(flags, check));
  protocol::AuditVerifier verifier(check, std::move(remembered));
  const LineSink add = [&](const std::string& line) { return verifier.AddLine(line); };
  if (flags.file.empty()) {
    KEDGE_TRY(const ApiClient server, ApiClient::Make(flags.api));
    KEDGE_TRY_STATUS(ForEachLineOfServer(server, add));
  } else {
    KEDGE_TRY_STATUS(ForEachLineOfFile(flags.file, add));
  }
  KEDGE_TRY_STATUS(verifier.Finish());
  if (check && verifier.covered() != verifier.last()) {
    return DataLoss("the log does not end in a checkpoint: what came after record " +
                    std::to_string(verifier.covered()) + " may be cut off");
  }
  std::printf("records %lld to %lld are whole; %lld checkpoints%s\n",
              static_cast<long long>(verifier.first()), static_cast<long long>(verifier.last()),
              static_cast<long long>(verifier.checkpoints()),
              check ? ", all signatures are right" : " (signatures not checked: no --certificate)");
  return {};
}

}  // namespace

int AuditExport(int argc, const char* const* argv) {
  ApiOptions api;
  std::string output = "-";
  Flags flags(argv[0], "Writes the audit log as JSON lines, ending in a checkpoint signed now.");
  DeclareApi(flags, api);
  flags.Option("-o,--output", &output, "file to write; standard output if absent");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  const Status status = [&]() -> Status {
    KEDGE_TRY(const ApiClient server, ApiClient::Make(api));
    std::FILE* file = output == "-" ? stdout : std::fopen(output.c_str(), "wb");
    if (file == nullptr) return Unavailable("cannot write '" + output + "'");
    Status written = ForEachLineOfServer(server, [&](const std::string& line) {
      const bool fits = std::fprintf(file, "%s\n", line.c_str()) >= 0;
      return fits ? Status() : Unavailable("cannot write '" + output + "'");
    });
    const bool closed = output == "-" ? std::fflush(file) == 0 : std::fclose(file) == 0;
    if (written && !closed) return Unavailable("cannot write '" + output + "'");
    return written;
  }();
  return status ? kExitSuccess : Fail(argv[0], status.error());
}

int AuditCheckpointNow(int argc, const char* const* argv) {
  ApiOptions api;
  Flags flags(argv[0], "Prints a signed checkpoint of the audit log, to be kept elsewhere.");
  DeclareApi(flags, api);
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  const auto checkpoint = [&]() -> Result<std::optional<AuditCheckpoint>> {
    KEDGE_TRY(const ApiClient server, ApiClient::Make(api));
    return AskCheckpoint(server);
  }();
  if (!checkpoint) return Fail(argv[0], checkpoint.error());
  if (!*checkpoint) return Fail(argv[0], NotFound("the audit log is empty"));
  std::printf("%s\n", json::Write(protocol::ToJson(**checkpoint)).c_str());
  return kExitSuccess;
}

int AuditVerify(int argc, const char* const* argv) {
  VerifyFlags verify;
  Flags flags(argv[0], "Verifies an exported audit log or, without a file, the server's own.");
  DeclareApi(flags, verify.api);
  flags.Positional("FILE", &verify.file, "an exported log; - is standard input");
  flags.Option(
      "--certificate", &verify.certificate,
      "the server's signing certificate (PEM) or a folder of them; signatures are verified");
  flags.Option("--checkpoint", &verify.checkpoint,
               "a checkpoint kept from before, which the log must reach");
  flags.Footer(
      "Exit code 0: nothing was changed, taken out, put in, moved or (with --certificate and\n"
      "--checkpoint) cut off.");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  const Status status = Verify(verify);
  return status ? kExitSuccess : Fail(argv[0], status.error());
}

}  // namespace kedge::cli
