// The S3 door: enough of the Amazon S3 protocol on top of a BlobStore that `aws s3` and the AWS
// SDKs work against it, path-style (`http://host:port/bucket/key`) or, if a host name is
// configured, with the bucket before it (`http://bucket.host:port/key`).
//
// Operations: ListBuckets, CreateBucket, HeadBucket, DeleteBucket, GetBucketLocation, ListObjects,
// ListObjectsV2, ListMultipartUploads; GetObject (ranges, conditions), HeadObject, PutObject
// (If-None-Match: *), CopyObject, DeleteObject, DeleteObjects, GetObjectTagging (always empty);
// CreateMultipartUpload, UploadPart, UploadPartCopy, ListParts, CompleteMultipartUpload,
// AbortMultipartUpload. Metadata (x-amz-meta-*) and the checksums that clients send are kept. What
// it does not store (encryption, tags, versions, access lists) it refuses with NotImplemented
// instead of dropping it. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "blob/blob_store.h"
#include "http/http.h"
#include "http/sigv4.h"

namespace kedge::server {

enum class S3Action {
  kListBuckets,   // bucket and key are empty
  kManageBucket,  // create, delete
  kListObjects,   // the key is the prefix asked for
  kReadObject,    // get, head, source of a copy
  kWriteObject,   // put, copy to, every step of a multipart upload
  kDeleteObject,
};

struct S3Options {
  blob::BlobStore& store;
  const Clock& clock;
  http::SecretLookup lookup;
  http::SigningKeyCache* cache = nullptr;  // borrowed, may be null
  // Whether a session token belongs to the access key. Unset: requests with one are refused.
  std::function<bool(const std::string& access_key_id, const std::string& token)> token_is_valid =
      {};
  // Whether an access key may do this. Called for each object of a request.
  std::function<bool(const std::string& access_key_id, S3Action action, const std::string& bucket,
                     const std::string& key)>
      allowed;
  std::string region = "us-east-1";  // what GetBucketLocation says
  std::string host;                  // buckets have names below it; empty: path-style only
};

// Thread-safe.
class S3Door {
 public:
  explicit S3Door(S3Options options);
  ~S3Door();

  // Verifies the signature, checks what the identity may do, and does it. Blocks for disk I/O.
  // Errors are S3's XML.
  http::Response Handle(const http::Request& request) const;
  // The same for a caller who is known by other means than a signature: `access_key_id` is what
  // `allowed` is asked about.
  http::Response HandleFor(const http::Request& request, const std::string& access_key_id) const;

  // The answer that refuses a request whose body has not come yet: a wrong signature, a right that
  // is missing, a bucket that does not exist. Nothing: Handle() will look at the body.
  std::optional<http::Response> CheckHead(const http::Request& head) const;

  // Whether a request is meant for this door: its signature's scope names the service s3.
  static bool IsMeantForS3(const http::Request& request);

 private:
  const S3Options options_;
};

// The bucket that holds the parts of uploads in progress. Nobody reaches it through the door.
inline constexpr std::string_view kUploadsBucket = "kedge-uploads-in-progress";

}  // namespace kedge::server
