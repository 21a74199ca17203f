// tar.gz archives of jobs: the model that comes in, and the compiled model that goes out and comes
// back for packaging. Reading is strict: regular files only, plain names, limits on everything.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace kedge::server {

struct ArchiveLimits {
  size_t files_max = 16;
  uint64_t file_bytes_max = uint64_t{2} << 30;
  uint64_t sum_bytes_max = uint64_t{4} << 30;
};

// Unpacks into an existing empty folder and gives the file names, sorted. Folders in the archive
// are accepted and flattened away only if they are "./"; a name with another '/' is refused, as are
// links, devices, names twice and anything above the limits: kInvalidArgument says which.
Result<std::vector<std::string>> UnpackArchive(const Path& archive, const Path& folder,
                                               const ArchiveLimits& limits);

// Names of the regular files in an archive, with their folders, in its order; nothing is written.
// kInvalidArgument for what is no tar archive (gzipped) or holds more than the limits.
Result<std::vector<std::string>> ListArchive(const Path& archive, const ArchiveLimits& limits);
// Unpacks the one file of that name (with its folders) to `to`. kNotFound; kInvalidArgument as
// above.
Status UnpackOne(const Path& archive, const std::string& name, const Path& to,
                 const ArchiveLimits& limits);

// Packs files of a folder, in the given order, with fixed times and owners: the same files give the
// same bytes.
Status PackArchive(const Path& archive, const Path& folder, const std::vector<std::string>& names);

// Whether the file begins like gzip.
Result<bool> IsGzip(const Path& file);

}  // namespace kedge::server
