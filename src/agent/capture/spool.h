// The capture folder as a spool: what waits there to be uploaded, and what is dropped when it grows
// too large.
//
// A batch is one .jsonl file; its raw files lie beside it and are named by its lines. The folder is
// the only memory: a batch is uploaded raw files first, its .jsonl last, and only then deleted, the
// .jsonl first. So a kill at any moment leaves a batch that is uploaded again under the same names,
// or raw files that no line names, which are swept later.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <set>

#include "agent/link/edge_client.h"
#include "base/clock.h"
#include "base/file.h"

namespace kedge::agent {

constexpr uint64_t kBatchBytesMax = 64 << 20;  // of a .jsonl; a larger one is set aside
constexpr size_t kSpoolHoursMax = 50'000;      // looked at in one round; further ones wait
// A raw file may wait so long for the .jsonl that names it, and a folder for its first file.
constexpr EpochMs kSpoolGraceMs = 2 * 3'600'000;

struct SpoolOptions {
  Path root;               // "<disk path>/<prefix>/<fleet>"
  std::string device;      // begins the names of its objects
  std::string location;    // "s3://bucket/prefix/fleet/"; ends with '/'
  uint64_t bytes_max = 0;  // of all files below root
  uint64_t files_max = 0;
};

// The files of one model and hour.
struct SpoolHour {
  Path folder;       // <root>/<handle>/<YYYY>/<MM>/<DD>/<HH>
  std::string hour;  // "2026/11/22/09"
  uint64_t files = 0;
  uint64_t bytes = 0;
};

// All hours below root, the oldest first. Errors of the disk; an absent root is empty.
Result<std::vector<SpoolHour>> ListHours(FileSystem& disk, const Path& root);
// The .jsonl files of an hour.
Result<std::vector<Path>> ListBatches(FileSystem& disk, const SpoolHour& hour);

// Removes the oldest hours' batches, and then their raw files, until the rest is within bytes_max
// and files_max; gives the number of files removed.
Result<size_t> TrimSpool(FileSystem& disk, const SpoolOptions& options);

// Of hours that have no batch: removes raw files that no line names any more, and folders that are
// empty, once they are older than kSpoolGraceMs. Errors are left for the next time.
void SweepSpool(FileSystem& disk, const SpoolOptions& options, EpochMs now);

// Writes one object of the given URL. Its error ends the upload.
using PutObject = std::function<Status(const std::string& s3_url, const ObjectBody& body)>;

// What was uploaded of the batch that an error broke off: the next attempt goes on there.
struct UploadProgress {
  Path batch;
  std::set<Path> sent;
};

// Uploads the batch and deletes it. Its lines get s3:// references. One that is unreadable is
// renamed to *.damaged, one that the server will never take (kInvalidArgument) to *.refused. Gives
// the number of bytes sent. Errors: those of `put` and of the disk.
Result<uint64_t> UploadBatch(FileSystem& disk, const SpoolOptions& options, const Path& batch,
                             const PutObject& put, UploadProgress& progress);

}  // namespace kedge::agent
