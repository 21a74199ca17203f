// A small signed package to test with, and its parts.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "package/package.h"

namespace kedge::package::testing {

// A key, and roots that trust it alone.
struct TestKey {
  std::unique_ptr<trust::Signer> signer;
  trust::TrustedRoots roots;
  std::string certificate_pem;
};
TestKey MakeTestKey();

struct CompiledOptions {
  std::string target = "x86-64-v3";
  size_t model_bytes = 3000;
  size_t weights_bytes = 5000;  // 0: no weights.bin
  std::string model_hash = std::string(64, 'a');
  std::string input_name = "input";
};

// Writes model.so, weights.bin (seeded noise) and report.json into a new folder `folder`.
Status WriteCompiled(const Path& folder, const CompiledOptions& options = {});

// Text of a baseline that fits the specimen's output.
std::string SpecimenBaseline();

// Bytes of a package of model "specimen", version "1.0", with one target for each options and, if
// it is not empty, a baseline.
Result<ByteBuffer> MakePackage(const TestKey& key, const std::vector<CompiledOptions>& targets,
                               const std::string& baseline = "");

// A memfd with the bytes.
FileDescriptor InMemory(Bytes bytes);

}  // namespace kedge::package::testing
