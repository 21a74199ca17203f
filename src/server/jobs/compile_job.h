// One compilation job, from its row to its result.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "blob/blob_store.h"
#include "server/jobs/runner.h"
#include "server/keys/key_service.h"
#include "server/keys/keyring.h"

namespace kedge::server {

// Borrowed parts and settings of jobs.
struct JobContext {
  FileSystem& disk;
  store::Store& store;
  blob::BlobStore& blobs;
  const Clock& clock;
  const Keyring& keyring;  // opens the key that signs packages, which each packaging job reads
  Path programs;           // the folder that holds kedge-compile
  Path scratch;            // a folder per job is made below and removed
  // Kept; a folder per bucket of models, written by the sandboxes of that bucket's models only:
  // what a hijacked compiler leaves there is linked into no other bucket's.
  Path compile_cache;
  bool sandboxed = true;
  Arns arns;                         // of what jobs make
  const KeyService* keys = nullptr;  // for ResourceKey; null: there are no keys
};

// Fetches the model, compiles it in the sandbox, checks what came out, and stores
// <name>-<target>.tar.gz (model.so, weights.bin, report.json and, if the input archive has one,
// baseline.json).
Result<store::JobOutputs> RunCompilationJob(const JobContext& context, const JobRun& run);

}  // namespace kedge::server
