// One verified request on its way to its operation, and the operations. Internal to the door.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "http/body.h"
#include "server/s3/s3_checksum.h"
#include "server/s3/s3_door.h"
#include "server/s3/s3_error.h"

namespace kedge::server {

struct S3Call {
  const S3Options& options;
  const http::Request& request;
  http::VerifiedIdentity identity;
  std::string bucket;
  std::string key;
  std::vector<std::pair<std::string, std::string>> query;

  bool Has(std::string_view name) const;
  std::string Query(std::string_view name, std::string_view other = "") const;
  blob::BlobStore& store() const { return options.store; }
  blob::ObjectName name() const { return {bucket, key}; }
  bool Allowed(S3Action action, const std::string& of_bucket, const std::string& of_key) const {
    return options.allowed(identity.access_key_id, action, of_bucket, of_key);
  }
};

using S3Result = Result<http::Response>;

// Buckets (s3_buckets.cc).
S3Result ListBuckets(const S3Call& call);
S3Result CreateBucket(const S3Call& call);
S3Result DeleteBucket(const S3Call& call);
S3Result HeadBucket(const S3Call& call);
S3Result GetBucketLocation(const S3Call& call);
S3Result ListObjectsV1(const S3Call& call);
S3Result ListObjectsV2(const S3Call& call);

// Objects (s3_objects.cc).
S3Result GetObject(const S3Call& call);
S3Result HeadObject(const S3Call& call);
S3Result PutObject(const S3Call& call);
S3Result CopyObject(const S3Call& call);
S3Result DeleteObject(const S3Call& call);
S3Result DeleteObjects(const S3Call& call);
S3Result GetObjectTagging(const S3Call& call);

// Multipart uploads (s3_multipart.cc).
S3Result CreateMultipartUpload(const S3Call& call);
S3Result UploadPart(const S3Call& call);
S3Result UploadPartCopy(const S3Call& call);
S3Result ListParts(const S3Call& call);
S3Result ListMultipartUploads(const S3Call& call);
S3Result CompleteMultipartUpload(const S3Call& call);
S3Result AbortMultipartUpload(const S3Call& call);

// Shared by them.

http::Response XmlResponse(std::string body);
std::string Quoted(std::string_view etag);
// NoSuchBucket.
Status CheckBucketExists(blob::BlobStore& store, const std::string& bucket);

struct ByteRange {
  uint64_t first = 0;
  uint64_t bytes = 0;
};
// Of "bytes=0-99", "bytes=100-" or "bytes=-100". nullopt: no range, or one that RFC 9110 lets a
// server ignore (malformed, several). InvalidRange: nothing of the object is in it.
Result<std::optional<ByteRange>> ParseRange(const std::string& header, uint64_t object_bytes);

// The object named by x-amz-copy-source, opened; checks that the identity may read it.
Result<blob::BlobStore::Opened> OpenCopySource(const S3Call& call);
// Gives a part of an open file to the sink, piece by piece.
Status CopyRange(int fd, ByteRange range, const http::BodySink& sink);

// Writes the request's body to the writer: plain or aws-chunked, with every digest that the client
// sent along (Content-MD5, x-amz-checksum-*) compared, and kept but for the first. BadDigest,
// IncompleteBody, SignatureDoesNotMatch.
Status ReceiveBody(const S3Call& call, blob::ObjectWriter& writer);

// What the request says of the object that it makes: type, x-amz-meta-*, and the headers that are
// given back as they came. InvalidArgument.
Result<blob::ObjectAttributes> AttributesOf(const http::Request& request);
// The same as headers of an answer.
void ShowAttributes(const blob::ObjectAttributes& attributes, http::Response& response);
// The checksums that were sent along with the whole object.
void ShowChecksums(const blob::ObjectAttributes& attributes, http::Response& response);
// Puts them into the object's metadata, where ShowAttributes finds them.
void KeepChecksums(const std::vector<ClientChecksums::Named>& checksums,
                   blob::ObjectWriter& writer);

// NotImplemented for a header that asks for something the store does not keep.
Status RefuseUnsupportedHeaders(const http::Request& request);
// Commits on If-None-Match: * or If-Match with one ETag, if the request, which was not refused
// above, has them. PreconditionFailed if the object is there, or another one.
Result<blob::ObjectInfo> CommitOnCondition(const http::Request& request,
                                           blob::ObjectWriter& writer);

}  // namespace kedge::server
