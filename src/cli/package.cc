// `kedge package`: compiled folders become a signed model package.
// SPDX-License-Identifier: Apache-2.0
#include "package/package.h"

#include <cstdio>

#include "base/file.h"
#include "base/flags.h"
#include "cli/command.h"
#include "trust/signing.h"

namespace kedge::cli {

namespace {

constexpr uint64_t kPemBytesMax = 64 << 10;

struct PackageArguments {
  std::vector<std::string> folders;
  std::string name;
  std::string version;
  std::string key;
  std::string certificate;
  std::string baseline;
  std::string output;
};

Result<std::unique_ptr<trust::Signer>> ReadSigner(const PackageArguments& arguments) {
  PosixFileSystem disk;
  const Path certificate = arguments.certificate.empty()
                               ? Path(arguments.key).parent_path() / "cert.pem"
                               : Path(arguments.certificate);
  KEDGE_TRY(const ByteBuffer key_pem, disk.Read(arguments.key, kPemBytesMax));
  KEDGE_TRY(const ByteBuffer certificate_pem, disk.Read(certificate, kPemBytesMax));
  auto signer = trust::LoadSigner(AsText(key_pem), AsText(certificate_pem));
  if (!signer) return Wrap(std::move(signer).error(), "key '" + arguments.key + "'");
  return signer;
}

// Gives the package's size.
Result<uint64_t> Run(const PackageArguments& arguments) {
  KEDGE_TRY(const std::unique_ptr<trust::Signer> signer, ReadSigner(arguments));
  PosixFileSystem disk;
  std::string baseline;
  if (!arguments.baseline.empty()) {
    KEDGE_TRY(const ByteBuffer text, disk.Read(arguments.baseline, package::kBaselineFileBytesMax));
    baseline = AsText(text);
  }
  package::WriteOptions options{.model_name = arguments.name,
                                .model_version = arguments.version,
                                .compiled = {arguments.folders.begin(), arguments.folders.end()},
                                .signer = signer.get(),
                                .baseline = std::move(baseline)};
  KEDGE_TRY_STATUS(package::WritePackage(disk, arguments.output, options));
  return disk.Size(arguments.output);
}

}  // namespace

int Package(int argc, const char* const* argv) {
  PackageArguments arguments;
  Flags flags(argv[0], "Packs what 'kedge compile' wrote into a signed model package.");
  flags.Positionals("DIR", &arguments.folders, "compiled folder, one for each target").Required();
  flags.Option("--name", &arguments.name, "model name: letters, digits and inner dashes")
      .Required();
  flags
      .Option("--version", &arguments.version,
              "model version: up to 30 letters, digits, '_', '.' and spaces")
      .Required();
  flags.Option("--key", &arguments.key, "signing key (key.pem of 'kedge keygen')").Required();
  flags.Option("--cert", &arguments.certificate, "its certificate (default: cert.pem beside it)");
  flags.Option("--baseline", &arguments.baseline,
               "what 'kedge baseline' wrote: devices then watch the model's data");
  flags.Option("-o,--output", &arguments.output, "package to write (.tar.gz)").Required();
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  const auto bytes = Run(arguments);
  if (!bytes) return Fail(argv[0], bytes.error());
  std::printf("wrote %s, %llu bytes\n", arguments.output.c_str(),
              static_cast<unsigned long long>(*bytes));
  return kExitSuccess;
}

}  // namespace kedge::cli
