// `kedge keygen`: a signing key and the certificate that devices trust.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <fcntl.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/flags.h"
#include "cli/command.h"
#include "trust/signing.h"

namespace kedge::cli {

namespace {

constexpr int kKeyMode = 0600;
constexpr int kCertificateMode = 0444;  // an agent demands roots that nobody can write

// Fails with kAlreadyExists rather than replace a file.
Status WriteNew(const Path& path, std::string_view text, int mode) {
  KEDGE_TRY(const FileDescriptor file, OpenFile(path, O_WRONLY | O_CREAT | O_EXCL, mode));
  KEDGE_TRY_STATUS(WriteAll(file.get(), AsBytes(text)));
  return Sync(file.get());
}

Result<std::string> Generate(const Path& folder, const std::string& common_name) {
  KEDGE_TRY(const trust::KeyPair pair, trust::GenerateKeyPair(common_name, SystemClock().NowMs()));
  KEDGE_TRY(const auto signer, trust::LoadSigner(pair.key_pem, pair.certificate_pem));
  PosixFileSystem disk;
  KEDGE_TRY_STATUS(disk.MakeDirectories(folder, 0755));
  KEDGE_TRY_STATUS(WriteNew(folder / "key.pem", pair.key_pem, kKeyMode));
  if (Status status = WriteNew(folder / "cert.pem", pair.certificate_pem, kCertificateMode);
      !status) {
    static_cast<void>(disk.Remove(folder / "key.pem"));  // half a pair is of no use
    return std::move(status).error();
  }
  KEDGE_TRY_STATUS(disk.SyncDirectory(folder));
  return signer->key_id();
}

}  // namespace

int Keygen(int argc, const char* const* argv) {
  std::string folder;
  std::string common_name = "kedge signing key";
  Flags flags(argv[0], "Makes a signing key (ECDSA P-256) and its certificate.");
  flags.Option("-o,--output", &folder, "folder to write key.pem and cert.pem into").Required();
  flags.Option("--name", &common_name, "common name of the certificate");
  flags.Footer(
      "key.pem signs packages: keep it off devices. cert.pem is the root that devices trust.\n"
      "Existing files are never replaced.");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  const auto key_id = Generate(folder, common_name);
  if (!key_id) return Fail(argv[0], key_id.error());
  std::printf("wrote %s/key.pem and %s/cert.pem, key id %s\n", folder.c_str(), folder.c_str(),
              key_id->c_str());
  return kExitSuccess;
}

}  // namespace kedge::cli
