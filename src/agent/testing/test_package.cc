// SPDX-License-Identifier: Apache-2.0
#include "agent/testing/test_package.h"

#include <cstdlib>
#include <thread>

#include "package/format.h"

namespace kedge::agent::testing {

Status WriteTestPackage(const package::testing::TestKey& key, const TestPackage& package,
                        const Path& file) {
  PosixFileSystem disk;
  KEDGE_TRY(const TemporaryDirectory folder, TemporaryDirectory::Make());
  KEDGE_TRY_STATUS(runtime::testing::Build(package.model, folder.path()));
  KEDGE_TRY_STATUS(disk.Remove(folder.path() / "model.c"));
  const auto tensor = [&](const char* name) {
    return json::Array{json::Object{
        {"name", name}, {"dtype", "f32"}, {"shape", json::Array{package.model.elements}}}};
  };
  const json::Value report = json::Object{{"target", package.model.target},
                                          {"cpu_features", package.model.cpu_features},
                                          {"model_hash", std::string(64, 'a')},
                                          {"arena_bytes", package.arena_bytes},
                                          {"inputs", tensor("x")},
                                          {"outputs", tensor("y")},
                                          {"nodes", json::Array{}}};
  KEDGE_TRY_STATUS(disk.WriteAtomically(folder.path() / package::kReportFile,
                                        AsBytes(json::WritePretty(report)), 0644));
  return package::WritePackage(disk, file,
                               {.model_name = package.name,
                                .model_version = package.version,
                                .compiled = {folder.path()},
                                .signer = key.signer.get(),
                                .baseline = package.baseline});
}

RegistryOptions TestRegistryOptions(const trust::TrustedRoots& roots, const Clock& clock) {
  const char* directory = std::getenv("KEDGE_BIN_DIR");
  ring::WorkerOptions worker;
  worker.program = Path(directory != nullptr ? directory : "build/dev/bin") / "kedge-worker";
  return {.roots = &roots, .clock = &clock, .worker = worker};
}

Result<std::vector<float>> RunOnce(ServedModel& model) {
  const float x[] = {1, 2, 3, 4};
  std::vector<float> y(4);
  const Bytes inputs[] = {Bytes(reinterpret_cast<const uint8_t*>(x), sizeof x)};
  const std::span<uint8_t> outputs[] = {{reinterpret_cast<uint8_t*>(y.data()), sizeof x}};
  KEDGE_TRY_STATUS(model.Run(inputs, outputs));
  return y;
}

bool Eventually(const std::function<bool()>& done) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace kedge::agent::testing
