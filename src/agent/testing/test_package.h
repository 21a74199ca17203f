// Signed packages of small models for the agent's tests: written in C, packed by the real writer,
// run by the real worker.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "agent/models/registry.h"
#include "package/testing/specimen.h"
#include "runtime/testing/c_model.h"

namespace kedge::agent::testing {

// Packs a model (one f32 input "x", one f32 output "y", of `model.elements` each) as `file`.
struct TestPackage {
  runtime::testing::CModel model;
  std::string name = "doubler";
  std::string version = "1.0";
  int64_t arena_bytes = 4096;  // the signed limit
  std::string baseline;        // text of its baseline.json; empty: none
};
Status WriteTestPackage(const package::testing::TestKey& key, const TestPackage& package,
                        const Path& file);

// Options for a registry that starts the kedge-worker of this build.
RegistryOptions TestRegistryOptions(const trust::TrustedRoots& roots, const Clock& clock);

// Runs a model of 4 elements on 1 2 3 4.
Result<std::vector<float>> RunOnce(ServedModel& model);

// Spins until `done` or for ten seconds; false: it did not happen. For ends of processes, which no
// test can be told of.
bool Eventually(const std::function<bool()>& done);

}  // namespace kedge::agent::testing
