// A BlobStore in a bucket of any S3 server.
//
//   <prefix>buckets/<bucket>          an empty object: the bucket exists since its time
//   <prefix>objects/<bucket>/<key>    an object
//
// So one bucket of the server holds all of ours, and a key of the server's own needs no right but
// to read, write, list and delete below the prefix. Nodes that share it see each other's objects at
// once; a bucket that another node has deleted is believed to exist for kBucketBelievedFor more.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "blob/s3/s3_upload.h"

namespace kedge::blob {

struct S3StoreOptions {
  S3Location location;
  Path scratch;  // a folder for objects on their way; made by the caller
  S3ClientOptions client;
  UploadSizes sizes;
  static constexpr std::chrono::seconds kBucketBelievedFor{5};
};

// Borrows the transport and the clock. Asks the server once: kPermissionDenied, kNotFound (the
// bucket) or kUnavailable if it cannot be used.
Result<std::unique_ptr<BlobStore>> OpenS3BlobStore(S3StoreOptions options,
                                                   http::Transport& transport, const Clock& clock);

}  // namespace kedge::blob
