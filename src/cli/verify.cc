// `kedge verify`: says who signed a package and what is in it, or why it is refused.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <numeric>

#include "base/clock.h"
#include "base/file.h"
#include "base/flags.h"
#include "cli/command.h"
#include "package/package.h"
#include "tensor/shape.h"
#include "trust/model_signing.h"
#include "trust/signing.h"

namespace kedge::cli {

namespace {

constexpr uint64_t kPemBytesMax = 64 << 10;

// "input f32[1x3x32x32]" for each tensor of a side of the manifest's io.
std::string Tensors(const json::Value& io, std::string_view side) {
  std::string text;
  const json::Value* tensors = io.Find(side);
  if (tensors == nullptr || tensors->AsArray() == nullptr) return text;
  for (const json::Value& tensor : *tensors->AsArray()) {
    Shape shape;
    if (const json::Value* dims = tensor.Find("shape"); dims != nullptr && dims->AsArray()) {
      for (const json::Value& dim : *dims->AsArray())
        shape.dims.push_back(dim.AsInt() == nullptr ? 0 : *dim.AsInt());
    }
    text += (text.empty() ? "" : ", ") + tensor.StringOr("name", "") + " " +
            tensor.StringOr("dtype", "") + "[" + ToString(shape) + "]";
  }
  return text;
}

std::string Targets(const package::Manifest& manifest) {
  std::string text;
  for (const package::TargetEntry& entry : manifest.targets) {
    text += (text.empty() ? "" : ", ") + entry.target;
    if (!entry.cpu_features.empty()) text += " (" + entry.cpu_features + ")";
  }
  return text;
}

void Print(const std::string& path, const package::VerifiedPackage& package) {
  const package::Manifest& manifest = package.manifest();
  const uint64_t bytes =
      std::accumulate(manifest.files.begin(), manifest.files.end(), uint64_t{0},
                      [](uint64_t sum, const auto& file) { return sum + file.bytes; });
  std::printf("%s: verified\n", path.c_str());
  const std::pair<const char*, std::string> rows[] = {
      {"model", manifest.model_name + " version " + manifest.model_version},
      {"signed by", "key " + package.key_id()},
      {"package", "sha256 " + package.sha256()},
      {"source", "sha256 " + manifest.model_sha256},
      {"targets", Targets(manifest)},
      {"inputs", Tensors(manifest.io, "inputs")},
      {"outputs", Tensors(manifest.io, "outputs")},
      {"files", std::to_string(manifest.files.size()) + " with " + std::to_string(bytes) +
                    " bytes, beside manifest and signature"},
  };
  for (const auto& [name, value] : rows) std::printf("  %-10s %s\n", name, value.c_str());
}

// One line. `manifest` is the signed text itself.
void PrintJson(const package::VerifiedPackage& package) {
  std::printf("{\"verified\":true,\"key_id\":\"%s\",\"sha256\":\"%s\",\"manifest\":%s}\n",
              package.key_id().c_str(), package.sha256().c_str(), package.manifest_text().c_str());
}

// A model folder or file that another tool signed.
int VerifyForeign(const char* program, const std::string& path, const std::string& signature,
                  const std::string& root) {
  const auto pem = PosixFileSystem().Read(root, kPemBytesMax);
  if (!pem) return Fail(program, pem.error());
  const std::string text(AsText(*pem));
  const auto statement = trust::VerifyModel(
      path, signature, {.public_key = text, .certificates = {text}, .now = SystemClock().NowMs()});
  if (!statement) return Fail(program, Wrap(statement.error(), "'" + path + "'"));
  std::printf("%s: verified, %zu files of model '%s'\n", path.c_str(), statement->digests.size(),
              statement->model.c_str());
  return kExitSuccess;
}

}  // namespace

int Verify(int argc, const char* const* argv) {
  std::string path;
  std::string root;
  std::string signature;
  bool as_json = false;
  Flags flags(argv[0], "Verifies every byte of a model package, or of the folder it unpacks to.");
  flags.Positional("PACKAGE", &path, "package file or unpacked folder").Required();
  flags.Option("--root", &root, "trusted certificate, or a folder of *.pem").Required();
  flags.Flag("--json", &as_json, "print one JSON line");
  flags.Option("--signature", &signature,
               "verify a model folder or file by this OpenSSF Model Signing bundle instead; --root "
               "is then the public key or the certificate authority");
  if (const auto exit_code = flags.Parse(argc, argv)) return *exit_code;
  if (!signature.empty()) return VerifyForeign(argv[0], path, signature, root);
  const auto roots = trust::TrustedRoots::Load(root, false);
  if (!roots) return Fail(argv[0], roots.error());
  const auto package = package::OpenPackageAt(path, *roots);
  if (!package) return Fail(argv[0], package.error());
  if (as_json)
    PrintJson(*package);
  else
    Print(path, *package);
  return kExitSuccess;
}

}  // namespace kedge::cli
