// One object on its way into an S3 store. Internal to blob/s3.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/crypto/crypto.h"
#include "blob/blob_store.h"
#include "blob/s3/s3_client.h"

namespace kedge::blob {

// Metadata under which the SHA-256 of the whole object is kept; not shown to users of the store.
inline constexpr std::string_view kSha256Metadata = "kedge-sha256";
inline constexpr std::string_view kMetadataHeader = "x-amz-meta-";

// The description in the headers of an answer; the key is the caller's.
Result<ObjectInfo> ReadObjectHeaders(const http::Headers& headers);

struct UploadSizes {
  uint64_t single_bytes_max = 32u << 20;  // larger objects go up in parts
  uint64_t part_bytes_min = 16u << 20;    // of all parts but the last; S3 wants at least 5 MiB
  size_t parts_at_once = 4;
};

// What an upload needs; borrowed for the writer's life.
struct UploadContext {
  const S3Client& client;
  const Path& scratch;  // for the bytes that wait for their digest
  const UploadSizes& sizes;
  std::function<Status(const std::string& bucket)> check_bucket;
};

// `key`: the object's in the store's bucket.
std::unique_ptr<ObjectWriter> MakeS3Writer(const UploadContext& context, ObjectName name,
                                           std::string key, ObjectAttributes attributes);

// A file without a name, which ends with its descriptor.
Result<FileDescriptor> MakeScratchFile(const Path& folder);

}  // namespace kedge::blob
