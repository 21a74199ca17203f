// SPDX-License-Identifier: Apache-2.0
#include "package/testing/specimen.h"

#include <random>
#include <sys/mman.h>

#include "stats/baseline/testing/sample_baseline.h"

namespace kedge::package::testing {

namespace {

constexpr EpochMs kNow = 1'790'000'000'000;

ByteBuffer Noise(size_t bytes, uint32_t seed) {
  std::mt19937 random(seed);
  ByteBuffer noise(bytes);
  for (uint8_t& byte : noise) byte = static_cast<uint8_t>(random());
  return noise;
}

json::Value TensorReport(const std::string& name, json::Array shape) {
  return json::Object{{"name", name}, {"dtype", "f32"}, {"shape", std::move(shape)}};
}

}  // namespace

TestKey MakeTestKey() {
  TestKey key;
  const auto pair = trust::GenerateKeyPair("test key", kNow);
  KEDGE_CHECK(pair.has_value());
  auto signer = trust::LoadSigner(pair->key_pem, pair->certificate_pem);
  KEDGE_CHECK(signer.has_value());
  key.signer = *std::move(signer);
  KEDGE_CHECK(key.roots.Add(pair->certificate_pem).has_value());
  key.certificate_pem = pair->certificate_pem;
  return key;
}

Status WriteCompiled(const Path& folder, const CompiledOptions& options) {
  PosixFileSystem disk;
  KEDGE_TRY_STATUS(disk.MakeDirectories(folder, 0755));
  const json::Value report = json::Object{
      {"target", options.target},
      {"cpu_features", "avx2 fma"},
      {"model_hash", options.model_hash},
      {"arena_bytes", 4096},
      {"inputs", json::Array{TensorReport(options.input_name, {1, 3, 8, 8})}},
      {"outputs", json::Array{TensorReport("scores", {1, 10})}},
      {"nodes", json::Array{}},
  };
  KEDGE_TRY_STATUS(
      disk.WriteAtomically(folder / kReportFile, AsBytes(json::WritePretty(report)), 0644));
  KEDGE_TRY_STATUS(disk.WriteAtomically(folder / kModelFile, Noise(options.model_bytes, 1), 0644));
  if (options.weights_bytes == 0) return {};
  return disk.WriteAtomically(folder / kWeightsFile, Noise(options.weights_bytes, 2), 0644);
}

std::string SpecimenBaseline() {
  stats::Baseline baseline = stats::testing::GaussianBaseline(1, 1000);
  baseline.tensors[0] = {.side = stats::Side::kOutput,
                         .name = "scores",
                         .dtype = DType::kF32,
                         .shape = Shape{1, 10},
                         .role = stats::Role::kScores};
  baseline.features[0].use.statistic = stats::Statistic::kMargin;
  return stats::WriteBaseline(baseline);
}

Result<ByteBuffer> MakePackage(const TestKey& key, const std::vector<CompiledOptions>& targets,
                               const std::string& baseline) {
  KEDGE_TRY(const TemporaryDirectory directory, TemporaryDirectory::Make());
  WriteOptions options{.model_name = "specimen",
                       .model_version = "1.0",
                       .signer = key.signer.get(),
                       .baseline = baseline};
  for (const CompiledOptions& target : targets) {
    const Path folder = directory.path() / std::to_string(options.compiled.size());
    KEDGE_TRY_STATUS(WriteCompiled(folder, target));
    options.compiled.push_back(folder);
  }
  PosixFileSystem disk;
  const Path file = directory.path() / "specimen.tar.gz";
  KEDGE_TRY_STATUS(WritePackage(disk, file, options));
  return disk.Read(file, kPackageBytesMax);
}

FileDescriptor InMemory(Bytes bytes) {
  FileDescriptor memory(::memfd_create("specimen", MFD_CLOEXEC));
  KEDGE_CHECK(memory.valid() && WriteAll(memory.get(), bytes).has_value());
  return memory;
}

}  // namespace kedge::package::testing
